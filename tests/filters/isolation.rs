//! What a filter fails on is found, stands alone, and meets the operator's policy; everything else of
//! its batch goes on in order.

use std::time::Duration;

use logsieve::filter::OnError;
use logsieve::record::Fate;

use crate::engine::{Chain, Guest, counted_cpu, guest};

/// Texts `0000`, `0001`, ..., with poison at some places.
fn texts(records: usize, poison: &[usize]) -> Vec<String> {
    let text = |at| match poison.contains(&at) {
        true => format!("{at:04} poison"),
        false => format!("{at:04}"),
    };
    (0..records).map(text).collect()
}

/// A part of texts that is poisonous, or that is not.
fn of(texts: &[String], poisonous: bool) -> Vec<String> {
    let texts = texts.iter();
    let some = texts.filter(|text| text.contains("poison") == poisonous);
    some.cloned().collect()
}

fn keeps(module: &'static str) -> Guest {
    guest(module).on_error(OnError::Quarantine)
}

#[test]
fn one_endless_record_is_found_wherever_it_is_within_ten_deadlines() {
    let deadline = Duration::from_millis(30);
    for at in [0, 1, 62, 63, 499, 998, 999] {
        let mut chain = Chain::new([keeps("loops_on_one_record").deadline(deadline)]);
        let texts = texts(1000, &[at]);
        let before = counted_cpu();
        assert_eq!(chain.run(&texts).unwrap(), of(&texts, false), "{at}");
        let charged = counted_cpu() - before;
        assert!(charged <= 10 * deadline, "{at}: {charged:?}");
        assert_eq!(chain.quarantined_texts(), of(&texts, true), "{at}");
        let failures = "filter_failures_total{filter=\"loops_on_one_record\",kind=\"deadline\"}";
        let failures = chain.counted(failures);
        assert!(failures <= 5, "{at}: {failures} calls were lost");
    }
}

#[test]
fn what_cannot_be_decided_within_ten_deadlines_counts_as_poisonous() {
    let deadline = Duration::from_millis(5);
    let mut chain = Chain::new([keeps("loops_forever").deadline(deadline)]);
    let texts = texts(100, &[]);
    let before = counted_cpu();
    assert_eq!(chain.run(&texts).unwrap(), [""; 0]);
    let charged = counted_cpu() - before;
    // Each of ten calls may be late by a tick, and is looked at before and after.
    assert!(
        charged <= 10 * (deadline + Duration::from_millis(3)),
        "{charged:?}"
    );
    assert_eq!(chain.quarantined_texts(), texts);
}

#[test]
fn poisonous_records_stand_alone_and_all_others_pass_in_order() {
    for poison in [&[3][..], &[0, 999], &[10, 11, 12, 500], &[7, 77, 777]] {
        let texts = texts(1000, poison);
        let mut chain = Chain::new([keeps("joins_and_traps")]);
        assert_eq!(chain.run_last(&texts).unwrap(), of(&texts, false));
        assert_eq!(chain.quarantined_texts(), of(&texts, true));
        let counted = |sample: &str| {
            chain.counted(&format!(
                "filter_{sample}_total{{filter=\"joins_and_traps\"}}"
            ))
        };
        assert_eq!(counted("quarantined_records"), poison.len() as u64);
        assert_eq!(counted("records"), 1000);
        assert_eq!(chain.fates().len(), 1, "one receipt, one fate");
    }
}

#[test]
fn a_batch_that_is_too_much_at_once_passes_in_parts() {
    let texts = texts(1000, &[]);
    for policy in [OnError::Block, OnError::Quarantine, OnError::Drop] {
        let mut chain = Chain::new([guest("fails_on_large_batches").on_error(policy)]);
        assert_eq!(chain.run(&texts).unwrap(), texts, "{policy:?}");
        assert!(chain.quarantined().is_empty());
    }
}

#[test]
fn what_is_kept_is_the_text_that_the_failing_filter_was_handed() {
    let mut chain = Chain::new([guest("every_change"), keeps("traps").named("second")]);
    assert_eq!(chain.run(&["replace x"]).unwrap(), [""; 0]);
    let kept = chain.quarantined();
    assert_eq!(kept.len(), 1);
    let is = |key: &str, value: &str| assert_eq!(kept[0][key], value, "{key}");
    is("text", "x");
    is("filter", "second");
    is("kind", "trap");
    is("namespace", "shop");
    is("pod", "api-0");
    is("container", "api");
    is("stream", "stdout");
    let reason = kept[0]["reason"].as_str().unwrap();
    assert!(reason.contains("unreachable"), "{reason}");
    assert_eq!(kept[0]["module"].as_str().unwrap().len(), 64);
}

#[test]
fn under_pass_what_a_filter_fails_on_keeps_its_place() {
    let texts = texts(100, &[0, 50, 99]);
    let mut chain = Chain::new([guest("joins_and_traps").on_error(OnError::Pass)]);
    assert_eq!(chain.run_last(&texts).unwrap(), texts);
    let unfiltered = "filter_unfiltered_records_total{filter=\"joins_and_traps\"}";
    assert_eq!(chain.counted(unfiltered), 3);
}

#[test]
fn under_block_one_poisonous_record_stops_the_container_and_nothing_settles() {
    let mut chain = Chain::new([guest("joins_and_traps")]);
    chain.run_last(&texts(100, &[50])).unwrap_err();
    assert_eq!(chain.fates(), [(Fate::Abandoned, 0..507)]);
}

/// Held events are joined across the parts that a batch is tried in, and poison takes no other
/// record with it.
#[test]
fn events_that_a_filter_joins_stay_whole_while_its_batch_is_tried_in_parts() {
    let mut texts: Vec<String> = Vec::new();
    let mut expected: Vec<String> = Vec::new();
    for event in 0..60 {
        let lines: Vec<String> = (0..=event % 7)
            .map(|line| format!("{}{event}.{line}", " ".repeat(usize::from(line > 0))))
            .collect();
        expected.push(lines.join("+"));
        texts.extend(lines);
        if event == 31 {
            texts.push("poison".into());
        }
    }
    let last = expected.pop().unwrap();
    let mut chain = Chain::new([keeps("joins_and_traps")]);
    assert_eq!(chain.run(&texts).unwrap(), expected);
    assert_eq!(chain.quarantined_texts(), ["poison"]);
    assert!(!chain.held.is_empty(), "the last event may go on");
    assert_eq!(chain.run_last(&["next"]).unwrap(), [last.as_str(), "next"]);
}

#[test]
fn while_quarantine_is_full_its_filters_containers_stop() {
    let mut chain = Chain::new([keeps("traps")]);
    // A second file would be needed, and one is allowed.
    let large = "x".repeat(1_100_000);
    chain.run(&[large]).unwrap();
    let blocked = chain.run(&["a"]).unwrap_err();
    assert_eq!(
        blocked.to_string(),
        "filter `traps`: it trapped: wasm `unreachable` instruction executed, and what it failed \
         on cannot be put into quarantine: it is full"
    );
    assert_eq!(chain.fates()[1].0, Fate::Abandoned);
}

#[test]
fn a_filter_that_fails_five_times_in_a_row_rests_with_its_policy_applied() {
    let mut chain = Chain::new([keeps("traps")]);
    let failures = "filter_failures_total{filter=\"traps\",kind=\"trap\"}";
    for n in 1..=5 {
        chain.run(&["a"]).unwrap();
        assert_eq!(chain.counted(failures), 2 * n);
    }
    chain.run(&["while it rests"]).unwrap();
    assert_eq!(chain.counted(failures), 10, "it is not called");
    assert_eq!(chain.quarantined_texts().last().unwrap(), "while it rests");
    let kept = chain.quarantined();
    let reason = kept.last().unwrap()["reason"].as_str().unwrap();
    assert!(reason.contains("5 batches in a row"), "{reason}");
    chain.now = Duration::from_secs(1);
    chain.run(&["b"]).unwrap();
    assert_eq!(chain.counted(failures), 12, "it is tried again");
    chain.now += Duration::from_millis(1999);
    chain.run(&["c"]).unwrap();
    assert_eq!(chain.counted(failures), 12, "and rests for longer");
    assert_eq!(chain.quarantined().len(), 8, "nothing is lost");
}

#[test]
fn a_containers_poison_puts_its_filter_to_rest_for_no_other_container() {
    let mut chain = Chain::new([keeps("traps_on_one_record")]);
    (0..5).for_each(|_| drop(chain.run(&["poison"]).unwrap()));
    chain.in_namespace("other");
    let passed = chain.run(&["a healthy one"]).unwrap();
    assert!(passed[0].ends_with("a healthy one"), "{passed:?}");
    chain.in_namespace("shop");
    assert_eq!(chain.run(&["b"]).unwrap(), [""; 0], "it rests on");
    assert_eq!(chain.quarantined_texts()[5..], ["b"]);
}

#[test]
fn a_new_module_or_other_limits_end_a_rest_at_once_and_the_same_ones_do_not() {
    let mut chain = Chain::new([keeps("traps")]);
    (0..5).for_each(|_| drop(chain.run(&["a"]).unwrap()));
    chain.swap(keeps("traps"));
    let failures = "filter_failures_total{filter=\"traps\",kind=\"trap\"}";
    chain.run(&["while it rests"]).unwrap();
    assert_eq!(chain.counted(failures), 10, "it goes on resting");
    chain.swap(keeps("traps").deadline(Duration::from_secs(1)));
    chain.run(&["b"]).unwrap();
    assert_eq!(chain.counted(failures), 12, "it is tried");
    chain.swap(keeps("noop").named("traps"));
    assert_eq!(chain.run(&["c"]).unwrap(), ["c"]);
}

#[test]
fn a_poisonous_record_in_every_batch_puts_no_filter_to_rest() {
    let mut chain = Chain::new([keeps("joins_and_traps")]);
    for _ in 0..20 {
        let texts = texts(10, &[5]);
        assert_eq!(chain.run_last(&texts).unwrap(), of(&texts, false));
    }
    assert_eq!(chain.quarantined().len(), 20);
}
