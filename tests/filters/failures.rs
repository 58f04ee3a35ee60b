//! A filter that fails: which failure it is, what the operator is told, and what becomes of the
//! batch, its receipt, and the batches after it.

use std::time::Duration;

use bytesize::ByteSize;
use logsieve::filter::OnError;
use logsieve::filter::chain::Blocked;
use logsieve::filter::limits::Limits;
use logsieve::record::Fate;

use crate::engine::{Chain, Guest, counted_cpu, guest};

/// Runs a batch that has to fail, on both tries with the same kind of failure: reading stops, and
/// its bytes are abandoned, none of them settled.
fn blocked(guest: Guest, name: &str, kind: &str, texts: &[&str]) -> Blocked {
    let mut chain = Chain::new([guest]);
    let blocked = chain.run(texts).unwrap_err();
    assert_eq!(blocked.filter, name);
    assert_eq!(blocked.failure.kind(), kind, "{blocked}");
    let source_bytes = texts.iter().map(|text| text.len() as u64 + 1).sum();
    assert_eq!(chain.fates(), [(Fate::Abandoned, 0..source_bytes)]);
    assert!(chain.held.is_empty());
    let failures = format!("filter_failures_total{{filter=\"{name}\",kind=\"{kind}\"}}");
    let tries = match texts.len() {
        // Settings are not asked for twice.
        _ if kind == "settings" => 1,
        1 => 2,
        _ => 3,
    };
    assert_eq!(
        chain.counted(&failures),
        tries,
        "one try, one more, and the record alone"
    );
    assert_eq!(chain.counters("filter_failures"), 1);
    blocked
}

#[test]
fn a_call_that_never_returns_costs_one_deadline() {
    let deadline = Duration::from_millis(5);
    let guest = guest("loops_forever").deadline(deadline);
    let before = counted_cpu();
    let blocked = blocked(guest, "loops_forever", "deadline", &["a"]);
    let charged = counted_cpu() - before;
    assert_eq!(
        blocked.to_string(),
        "filter `loops_forever`: the call took more than 5ms of CPU time; \
         `limits.cpu_per_batch` allows more"
    );
    // The call and its second try; for each also the tick that finds it late, and those that fall
    // into making the instance.
    assert!(
        charged <= 2 * (deadline + Duration::from_millis(5)),
        "{charged:?}"
    );
}

#[test]
fn a_trap_blocks_and_says_what_trapped() {
    let blocked = blocked(guest("traps"), "traps", "trap", &["a", "b"]);
    assert_eq!(
        blocked.to_string(),
        "filter `traps`: it trapped: wasm `unreachable` instruction executed"
    );
}

#[test]
fn a_panic_is_a_trap() {
    let blocked = blocked(guest("panics"), "panics", "trap", &["a", "panic", "c"]);
    assert!(blocked.to_string().contains("it trapped"), "{blocked}");
}

#[test]
fn memory_past_the_limit_blocks_and_names_the_limit() {
    let guest = guest("grows_memory");
    let blocked = blocked(guest, "grows_memory", "memory", &["a"]);
    assert_eq!(
        blocked.to_string(),
        "filter `grows_memory`: it needs more memory than `limits.memory` allows, 32.0 MiB"
    );
}

#[test]
fn a_filter_that_starts_with_more_memory_than_its_limit_is_not_run() {
    let memory = ByteSize::kib(64);
    let guest = guest("noop").limits(Limits {
        memory,
        ..Limits::default()
    });
    let blocked = blocked(guest, "noop", "memory", &["a"]);
    assert!(blocked.to_string().ends_with("64.0 KiB"), "{blocked}");
}

#[test]
fn a_filter_that_copes_without_memory_and_traps_later_is_not_blamed_for_memory() {
    let mut chain = Chain::new([guest("copes_without_memory")]);
    assert_eq!(chain.run(&["a"]).unwrap(), ["refused: true"]);
    // The instance that was refused memory is thrown away at its first failure.
    chain.run(&["poison"]).unwrap_err();
    let failures = |kind| {
        let filter = "copes_without_memory";
        chain.counted(&format!(
            "filter_failures_total{{filter=\"{filter}\",kind=\"{kind}\"}}"
        ))
    };
    assert_eq!((failures("trap"), failures("memory")), (2, 0));
}

/// What a result names is copied before it can be judged: so the copies are limited as well.
#[test]
fn a_result_that_names_the_same_memory_many_times_over_is_refused() {
    let blocked = blocked(guest("repeats_memory"), "repeats_memory", "trap", &["a"]);
    assert!(blocked.to_string().contains("too much"), "{blocked}");
}

#[test]
fn output_past_the_limit_blocks_and_names_the_limit() {
    let blocked = blocked(guest("huge_output"), "huge_output", "outcome", &["a", "b"]);
    assert_eq!(
        blocked.to_string(),
        "filter `huge_output`: its outcome breaks the contract: its output grows past 1048576 \
         bytes; `limits.output_ratio` allows more"
    );
}

#[test]
fn a_larger_output_limit_lets_a_record_grow() {
    let limits = Limits {
        output_ratio: 4 << 20,
        ..Limits::default()
    };
    let mut chain = Chain::new([guest("huge_output").limits(limits)]);
    let texts = chain.run(&["a"]).unwrap();
    assert_eq!(texts.iter().map(String::len).collect::<Vec<_>>(), [2 << 20]);
}

#[test]
fn a_batch_that_a_filter_cannot_judge_blocks_with_its_reason() {
    let blocked = blocked(
        guest("cannot_judge"),
        "cannot_judge",
        "refused",
        &["a", "b"],
    );
    assert_eq!(
        blocked.to_string(),
        "filter `cannot_judge`: it could not judge the batch: the table of tenants is empty"
    );
}

#[test]
fn settings_that_a_filter_refuses_are_named_with_its_reason() {
    let guest = |settings| guest("refuses_settings").settings(settings);
    let refused = |settings, reason: &str| {
        let blocked = blocked(guest(settings), "refuses_settings", "settings", &["a"]);
        let words = format!("filter `refuses_settings`: it refuses its settings: {reason}");
        assert_eq!(blocked.to_string(), words);
    };
    refused(
        serde_json::json!({ "colour": "puce" }),
        "`puce` is no colour for a log",
    );
    let unknown = "settings: unknown field `color`, expected `colour`";
    refused(serde_json::json!({ "color": "puce" }), unknown);
    refused(serde_json::json!({}), "settings: missing field `colour`");
}

#[test]
fn settings_that_a_filter_never_comes_to_an_end_with_cost_a_deadline() {
    let slow = serde_json::json!({ "slow": true });
    let deadline = Duration::from_millis(5);
    let guest = guest("slow_configure").settings(slow).deadline(deadline);
    let blocked = blocked(guest, "slow_configure", "deadline", &["a"]);
    assert!(blocked.to_string().contains("5ms of CPU time"), "{blocked}");
}

#[test]
fn a_stack_that_runs_out_ends_the_call_and_nothing_else() {
    let blocked = blocked(guest("recursion"), "recursion", "trap", &["a"]);
    assert!(blocked.to_string().contains("stack"), "{blocked}");
}

#[test]
fn a_filter_without_settings_refuses_any() {
    let guest = guest("noop").settings(serde_json::json!({ "colour": "puce" }));
    let blocked = blocked(guest, "noop", "settings", &["a"]);
    assert!(
        blocked.to_string().contains("leave `settings` out"),
        "{blocked}"
    );
}

/// A failure stands in the agent's log at every try: what a filter adds to it is as long as one of
/// its log lines may be.
#[test]
fn what_a_filter_says_about_its_failure_is_cut_after_a_kibibyte() {
    let colour = serde_json::json!({ "colour": "puce ".repeat(100_000) });
    let rule = serde_json::json!({ "rule": "long_route" });
    let talkers = [
        (guest("cannot_judge"), "the table"),
        (guest("refuses_settings").settings(colour), "`puce puce"),
        (guest("bad_edits").settings(rule), "`nowhere nowhere"),
    ];
    for (guest, start) in talkers {
        let blocked = Chain::new([guest]).run(&["at length"]).unwrap_err();
        let text = blocked.to_string();
        let (kind, length) = (blocked.failure.kind(), text.len());
        assert!(text.contains(start), "{kind}: {}", &text[..200]);
        assert!(length <= 1024 + 200, "{kind}: {length} bytes");
    }
}

#[test]
fn on_error_pass_lets_the_records_go_on_as_they_were_handed_over() {
    for name in ["traps", "huge_output", "cannot_judge"] {
        let first = guest("every_change");
        let mut chain = Chain::new([first, guest(name).on_error(OnError::Pass)]);
        assert_eq!(
            chain.run(&["replace x", "b"]).unwrap(),
            ["x", "b"],
            "{name}"
        );
        assert_eq!(chain.fates(), [(Fate::Settled, 0..12)], "{name}");
        let records = format!("filter_records_total{{filter=\"{name}\"}}");
        assert_eq!(chain.counted(&records), 2, "{name}");
        assert_eq!(chain.counters("filter_failures"), 1, "{name}");
    }
}

#[test]
fn on_error_drop_discards_the_records_and_counts_them() {
    let mut chain = Chain::new([guest("traps").on_error(OnError::Drop), guest("noop")]);
    assert_eq!(chain.run(&["a", "b", "c"]).unwrap(), [""; 0]);
    assert_eq!(chain.fates(), [(Fate::Settled, 0..6)]);
    let counted = |sample| chain.counted(sample);
    assert_eq!(counted("filter_dropped_records_total{filter=\"traps\"}"), 3);
    assert_eq!(
        counted("filter_failures_total{filter=\"traps\",kind=\"trap\"}"),
        5,
        "the batch twice, and each record alone"
    );
    assert_eq!(counted("filter_records_total{filter=\"noop\"}"), 0);
}

#[test]
fn an_instance_lives_until_it_fails_and_a_fresh_one_follows() {
    let mut chain = Chain::new([guest("traps_on_one_record")]);
    assert_eq!(chain.run(&["a", "b"]).unwrap(), ["1 a", "2 b"]);
    assert_eq!(chain.run(&["c"]).unwrap(), ["3 c"]);
    chain.run(&["d", "poison"]).unwrap_err();
    assert_eq!(chain.run(&["e"]).unwrap(), ["1 e"]);
    let fates = [
        (Fate::Settled, 0..4),
        (Fate::Settled, 4..6),
        (Fate::Abandoned, 6..15),
        (Fate::Settled, 15..17),
    ];
    assert_eq!(chain.fates(), fates);
}

#[test]
fn a_batch_that_only_a_tired_instance_fails_on_passes_on_a_fresh_one() {
    let mut chain = Chain::new([guest("traps_on_one_record")]);
    assert_eq!(chain.run(&["a"]).unwrap(), ["1 a"]);
    assert_eq!(chain.run(&["tired", "c"]).unwrap(), ["1 tired", "2 c"]);
    let failures = "filter_failures_total{filter=\"traps_on_one_record\",kind=\"trap\"}";
    assert_eq!(chain.counted(failures), 1);
    assert_eq!(
        chain.fates(),
        [(Fate::Settled, 0..2), (Fate::Settled, 2..10)]
    );
}

#[test]
fn records_that_are_no_text_at_all_pass_a_filter_unchanged() {
    let texts = [b"".as_slice(), b"\0", b"\xff\xfe", b"caf\xc3", b"\r\n", b""];
    let mut chain = Chain::new([guest("noop"), guest("panics")]);
    let batch = chain.batch(&texts, false).unwrap();
    let out: Vec<_> = (0..batch.columns.len())
        .map(|at| batch.columns.record(at))
        .collect();
    assert_eq!(out, texts);
}
