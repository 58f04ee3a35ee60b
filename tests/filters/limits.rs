//! Limits of a filter: each ends the call or refuses what is past it, and shows how near a filter came.
//! Instances end with their batches, their memory, or when others need their place.

use bytesize::ByteSize;
use logsieve::filter::limits::Limits;
use logsieve::filter::module;

use crate::engine::{Chain, guest, loaded};

/// The most that was ever used of a limit.
fn peak(chain: &Chain, filter: &str, limit: &str) -> f64 {
    chain.shown(&format!(
        "filter_limit_peak_ratio{{filter=\"{filter}\",limit=\"{limit}\"}}"
    ))
}

#[test]
fn edits_past_the_limit_are_refused_and_the_limit_is_named() {
    let limits = Limits {
        edits: 2,
        ..Limits::default()
    };
    let mut chain = Chain::new([guest("every_change").limits(limits)]);
    let two = ["replace x", "a", "replace y"];
    assert_eq!(chain.run(&two).unwrap(), ["x", "a", "y"]);
    let blocked = chain.run(&["add x; add y; add z"]).unwrap_err();
    assert_eq!(
        blocked.to_string(),
        "filter `every_change`: its outcome breaks the contract: 3 edits; `limits.edits` allows 2"
    );
    assert_eq!(peak(&chain, "every_change", "edits"), 1.0);
}

#[test]
fn a_table_past_its_limit_ends_the_call_and_names_the_limit() {
    let mut chain = Chain::new([guest("grows_tables")]);
    let blocked = chain.run(&["a"]).unwrap_err();
    assert_eq!(blocked.failure.kind(), "table", "{blocked}");
    assert!(blocked.to_string().ends_with("allows, 100000"), "{blocked}");
    assert_eq!(peak(&chain, "grows_tables", "table_elements"), 1.0);
}

#[test]
fn an_instance_of_too_many_parts_is_not_made_and_the_limit_is_named() {
    let mut limits = Limits::default();
    let refused = |name: &str, limits: &Limits| {
        let mut chain = Chain::new([guest("many_parts").limits(limits.clone())]);
        let blocked = chain.run(&["a"]).unwrap_err();
        assert_eq!(blocked.failure.kind(), "parts", "{blocked}");
        let words = format!("it is linked of more than `limits.{name}` allows, ");
        assert!(blocked.to_string().contains(&words), "{blocked}");
        assert_eq!(peak(&chain, "many_parts", name), 1.0);
    };
    refused("memories", &limits);
    limits.memories = 100;
    refused("tables", &limits);
    limits.tables = 100;
    refused("core_instances", &limits);
    limits.core_instances = 100;
    let mut chain = Chain::new([guest("many_parts").limits(limits)]);
    assert_eq!(chain.run(&["a"]).unwrap(), ["a"]);
    for name in ["core_instances", "tables", "memories"] {
        assert_eq!(peak(&chain, "many_parts", name), 0.65, "{name}");
    }
}

#[test]
fn how_near_a_filter_came_to_a_limit_is_shown() {
    let settings = serde_json::json!({ "patterns": ["[0-9]{16}"] });
    let guests = [
        (guest("grows_memory"), "memory"),
        (guest("evil_patterns"), "patterns"),
        (guest("many_counters"), "counters"),
        (guest("floods_log"), "log_lines"),
        (guest("huge_output"), "output_ratio"),
        (guest("finds_patterns").settings(settings), "patterns"),
    ];
    for (guest, limit) in guests {
        let name = guest.name().to_owned();
        let mut chain = Chain::new([guest]);
        let _ = chain.run(&["a"; 10]);
        let peak = peak(&chain, &name, limit);
        let least = if limit == "patterns" { 0.1 } else { 1.0 };
        assert!((least..=1.0).contains(&peak), "{name}: {limit} {peak}");
    }
    let endless = guest("loops_forever").deadline(std::time::Duration::from_millis(5));
    let mut chain = Chain::new([endless]);
    chain.run(&["a"]).unwrap_err();
    // Where the wall clock ended it first, it is less than 1.
    assert!(peak(&chain, "loops_forever", "cpu_per_batch") > 0.0);
}

#[test]
fn an_instance_that_leaks_is_replaced_before_it_reaches_its_limit() {
    let mut chain = Chain::new([guest("keeps_memory")]);
    let mut most = 0;
    for _ in 0..80 {
        let kept: u64 = chain.run(&["a"]).unwrap()[0].parse().unwrap();
        most = most.max(kept);
    }
    assert!((15..=26).contains(&most), "{most} MiB");
    assert_eq!(chain.counters("filter_failures"), 0);
    let started = chain.counted("filter_instances_started_total{filter=\"keeps_memory\"}");
    assert!((3..=6).contains(&started), "{started} instances");
    let memory = chain.shown("filter_memory_bytes{filter=\"keeps_memory\"}");
    assert!(memory < 32.0 * 1024.0 * 1024.0, "{memory}: of one instance");
}

#[test]
fn an_instance_is_replaced_after_the_batches_that_it_may_have() {
    let limits = Limits {
        batches: 2,
        ..Limits::default()
    };
    let mut chain = Chain::new([guest("traps_on_one_record").limits(limits)]);
    let texts: Vec<_> = (0..5).flat_map(|_| chain.run(&["a"]).unwrap()).collect();
    assert_eq!(texts, ["1 a", "2 a", "1 a", "2 a", "1 a"]);
}

#[test]
fn namespaces_share_no_instance_of_a_filter_that_their_pods_chose() {
    let mut chain = Chain::new([guest("traps_on_one_record")]);
    chain.chosen_from = 0;
    let mut seen = |namespace: &str| {
        chain.in_namespace(namespace);
        chain.run(&["x"]).unwrap().remove(0)
    };
    assert_eq!(seen("a"), "1 x");
    assert_eq!(seen("b"), "1 x");
    assert_eq!(seen("a"), "2 x");
    // One more namespace than may have an instance of its own, again and again.
    for _ in 0..3 {
        (0..40).for_each(|n| drop(seen(&format!("many-{n:02}"))));
    }
    let memory = chain.shown("filter_memory_bytes{filter=\"traps_on_one_record\"}");
    assert!(memory <= 33.0 * 2.0 * 1024.0 * 1024.0, "{memory} bytes");
}

#[test]
fn what_a_filter_was_handed_and_took_is_counted() {
    let mut chain = Chain::new([guest("every_change")]);
    chain.run(&["drop", "replace abc", "as it is"]).unwrap();
    let counted = |sample: &str| chain.counted(&format!("{sample}{{filter=\"every_change\"}}"));
    assert_eq!(counted("filter_batches_total"), 1);
    assert_eq!(counted("filter_records_total"), 3);
    assert_eq!(counted("filter_in_bytes_total"), 4 + 11 + 8);
    assert_eq!(counted("filter_out_bytes_total"), 3 + 8);
    assert_eq!(counted("filter_instances_started_total"), 1);
    chain.run(&["x".repeat(100_000)]).unwrap();
    let cpu = chain.shown("filter_cpu_seconds_total{filter=\"every_change\"}");
    assert!(cpu > 0.0, "a large batch is timed");
}

#[test]
fn a_filter_for_another_version_of_the_contract_is_refused() {
    let wat = include_str!("../guests/wat/wrong_wit_version.wat");
    let bytes = wat::parse_str(wat).unwrap();
    let engine = &crate::engine::ENGINE;
    let loaded = module::from_bytes(engine, "wrong_wit_version.wasm".as_ref(), &bytes);
    let words = loaded.map(|m| m.hash).unwrap_err().to_string();
    assert!(words.contains("logsieve:filter@0.9.0"), "{words}");
}

#[test]
fn a_module_that_starts_within_its_memory_runs() {
    assert!(loaded("noop").size > 0);
    let limits = Limits {
        memory: ByteSize::mib(2),
        ..Limits::default()
    };
    let mut chain = Chain::new([guest("noop").limits(limits)]);
    assert_eq!(chain.run(&["a"]).unwrap(), ["a"]);
}
