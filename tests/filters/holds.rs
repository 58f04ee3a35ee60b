//! Records that a filter holds back: they come again, in order, and their source bytes stay
//! unsettled until they leave.

use logsieve::record::Fate;

use crate::engine::{Chain, Guest, delivered, guest};

const NOTHING: [&str; 0] = [];

fn joins() -> Guest {
    guest("holds_stack_traces")
}

#[test]
fn an_event_that_spans_batches_becomes_one_record() {
    let mut chain = Chain::new([joins()]);
    assert_eq!(chain.run(&["start", "Error: x"]).unwrap(), ["start"]);
    assert_eq!(chain.run(&["  at a", "  at b"]).unwrap(), NOTHING);
    assert_eq!(
        chain.run(&["\tat c", "next"]).unwrap(),
        ["Error: x\n  at a\n  at b\n\tat c"]
    );
    assert_eq!(chain.run_last(&["end"]).unwrap(), ["next", "end"]);
    assert!(chain.held.is_empty());
}

#[test]
fn what_is_held_leaves_with_the_last_batch_though_nothing_follows() {
    let mut chain = Chain::new([joins()]);
    assert_eq!(chain.run(&["Error: x", "  at a"]).unwrap(), NOTHING);
    assert_eq!(chain.run_last(&NOTHING).unwrap(), ["Error: x\n  at a"]);
    assert_eq!(chain.run_last(&NOTHING).unwrap(), NOTHING);
    assert_eq!(
        chain.counted("filter_held_records_total{filter=\"holds_stack_traces\"}"),
        2
    );
}

#[test]
fn held_bytes_stay_unsettled_until_their_records_leave() {
    let mut chain = Chain::new([joins()]);
    chain.run(&["one", "two"]).unwrap();
    assert_eq!(chain.fates(), [(Fate::Settled, 0..4)]);
    assert_eq!(chain.held.source_bytes(), 4);
    chain.run(&[" 2", " 3"]).unwrap();
    assert_eq!(chain.fates(), []);
    assert_eq!(chain.held.source_bytes(), 10);
    chain.run(&["three"]).unwrap();
    assert_eq!(chain.fates(), [(Fate::Settled, 4..14)]);
    chain.run_last(&NOTHING).unwrap();
    assert_eq!(chain.fates(), [(Fate::Settled, 14..20)]);
}

#[test]
fn what_is_held_when_the_container_is_let_go_is_neither_settled_nor_abandoned() {
    let mut chain = Chain::new([joins(), guest("holds_forever")]);
    chain.run(&["one", "two"]).unwrap();
    assert_eq!(chain.held.forget(), 8);
    assert!(chain.held.is_empty());
    assert_eq!(chain.fates(), []);
}

#[test]
fn two_filters_hold_each_what_it_was_handed() {
    let mut chain = Chain::new([joins(), joins().named("second")]);
    assert_eq!(chain.run(&["a"]).unwrap(), NOTHING); // first: a
    assert_eq!(chain.run(&["b"]).unwrap(), NOTHING); // first: b, second: a
    assert_eq!(chain.run(&["c"]).unwrap(), ["a"]); // first: c, second: b
    assert_eq!(chain.fates(), [(Fate::Settled, 0..2)]);
    assert_eq!(chain.run(&[" c"]).unwrap(), NOTHING);
    assert_eq!(chain.held.source_bytes(), 7);
    assert_eq!(chain.run_last(&["d"]).unwrap(), ["b", "c\n c", "d"]);
    assert_eq!(chain.fates(), [(Fate::Settled, 2..11)]);
    assert!(chain.held.is_empty());
}

#[test]
fn a_filter_that_drops_in_front_of_one_that_holds_loses_no_source_byte() {
    let mut chain = Chain::new([guest("every_change"), joins()]);
    assert_eq!(chain.run(&["a"]).unwrap(), NOTHING);
    assert_eq!(chain.run(&["drop"]).unwrap(), NOTHING);
    assert_eq!(chain.fates(), []);
    assert_eq!(chain.run(&["b"]).unwrap(), ["a"]);
    assert_eq!(chain.run_last(&["drop"]).unwrap(), ["b"]);
    let settled: u64 = chain
        .fates()
        .iter()
        .map(|(fate, bytes)| {
            assert_eq!(*fate, Fate::Settled);
            bytes.end - bytes.start
        })
        .sum();
    assert_eq!(settled, 14);
}

/// A record that the first filter added answers for the same source bytes as the record that it
/// was added to: while either is held, a restart has to read them again.
#[test]
fn source_bytes_stay_unsettled_while_a_record_added_to_theirs_is_held() {
    for (commands, out, source_bytes) in [
        ("add more", "add more", 9),
        ("drop; add one; add more", "one", 24),
    ] {
        let mut chain = Chain::new([guest("every_change"), joins()]);
        assert_eq!(chain.run(&[commands]).unwrap(), [out]);
        assert!(!chain.held.is_empty(), "`more` is held");
        assert_eq!(chain.fates(), [], "`more` has not left");
        assert_eq!(chain.run_last(&NOTHING).unwrap(), ["more"]);
        assert_eq!(chain.fates(), [(Fate::Settled, 0..source_bytes)]);
    }
}

#[test]
fn held_records_keep_their_times_and_routes() {
    let first = guest("every_change").routes(&["audit"]);
    let mut chain = Chain::new([first, guest("holds_forever")]);
    let batch = chain
        .batch(&["a", "set-time 77; route audit"], false)
        .unwrap();
    assert!(batch.columns.is_empty());
    let batch = chain.batch(&["c"], true).unwrap();
    assert_eq!(batch.columns.times, [0, 77, 2]);
    assert_eq!(batch.columns.routes, [(1, 0)]);
    assert_eq!(delivered(batch), ["a", "set-time 77; route audit", "c"]);
}

#[test]
fn a_thousand_held_records_make_the_next_batch_the_last() {
    let mut chain = Chain::new([guest("holds_forever")]);
    assert_eq!(chain.run(&["x"; 999]).unwrap(), NOTHING);
    assert_eq!(chain.run(&["y"]).unwrap(), NOTHING);
    let out = chain.run(&["z"]).unwrap();
    assert_eq!(
        (out.len(), out[998].as_str(), out[1000].as_str()),
        (1001, "x", "z")
    );
    assert!(chain.held.is_empty());
    assert_eq!(
        chain.run(&["a"]).unwrap(),
        NOTHING,
        "and holding begins anew"
    );
}

#[test]
fn a_mebibyte_held_makes_the_next_batch_the_last() {
    let mut chain = Chain::new([guest("holds_forever")]);
    let quarter = "x".repeat(256 << 10);
    for _ in 0..4 {
        assert_eq!(chain.run(&[quarter.as_str()]).unwrap(), NOTHING);
    }
    assert_eq!(chain.run(&["end"]).unwrap().len(), 5);
}

#[test]
fn a_filter_that_fails_behind_one_that_holds_abandons_only_what_it_was_handed() {
    let mut chain = Chain::new([joins(), guest("traps_on_one_record")]);
    assert_eq!(chain.run(&["a", "poison"]).unwrap(), ["1 a"]);
    assert_eq!(chain.fates(), [(Fate::Settled, 0..2)]);
    let blocked = chain.run(&["b"]).unwrap_err();
    assert_eq!(blocked.filter, "traps_on_one_record");
    assert_eq!(chain.fates(), [(Fate::Abandoned, 2..9)]);
    assert_eq!(chain.held.source_bytes(), 2);
}

#[test]
fn a_filter_that_fails_on_what_it_held_abandons_that_too() {
    let mut chain =
        Chain::new([guest("bad_edits").settings(serde_json::json!({ "rule": "edit_on_held" }))]);
    chain.run(&["a", "b"]).unwrap_err();
    assert_eq!(chain.fates(), [(Fate::Abandoned, 0..4)]);
    assert!(chain.held.is_empty());
}
