//! What a filter may change: each change alone, all together, and by two filters in a row.
//!
//! A record's text says what is done to it, so a test reads as what goes in and what comes out.

use logsieve::record::Columns;

use crate::engine::{Chain, Guest, delivered, guest};

fn changes() -> Guest {
    guest("every_change").routes(&["audit", "cold"])
}

/// Texts that one filter makes of texts.
fn texts(commands: &[&str]) -> Vec<String> {
    Chain::new([changes()]).run(commands).unwrap()
}

/// What one filter makes of texts, with all columns.
fn columns(commands: &[&str]) -> Columns {
    let batch = Chain::new([changes()]).batch(commands, false).unwrap();
    let columns = batch.columns.clone();
    delivered(batch);
    columns
}

#[test]
fn a_record_that_no_edit_names_passes_unchanged() {
    assert_eq!(columns(&["a", "", "c"]).times, [0, 1, 2]);
    assert_eq!(
        texts(&["a", "drop", "", "b", "replace x", "c"]),
        ["a", "", "b", "x", "c"]
    );
}

#[test]
fn a_batch_that_no_filter_changes_is_the_one_that_was_handed_over() {
    let mut chain = Chain::new([guest("noop"), changes(), guest("noop")]);
    let batch = chain.read(&["one", "two"]);
    let (text, ends) = (batch.columns.text.as_ptr(), batch.columns.ends.as_ptr());
    let batch = chain.pass(batch, false).unwrap();
    let columns = &batch.columns;
    assert_eq!((columns.text.as_ptr(), columns.ends.as_ptr()), (text, ends));
    assert_eq!(delivered(batch), ["one", "two"]);
}

#[test]
fn a_record_can_be_dropped_and_all_of_them_too() {
    assert_eq!(texts(&["drop", "b"]), ["b"]);
    assert_eq!(texts(&["drop", "drop"]), [""; 0]);
}

#[test]
fn a_record_can_be_replaced_by_more_by_less_and_by_nothing() {
    let long = format!("replace {}", "x".repeat(100_000));
    assert_eq!(texts(&["replace a"]), ["a"]);
    assert_eq!(texts(&["replace "]), [""]);
    assert_eq!(texts(&[long.as_str()]), ["x".repeat(100_000)]);
}

#[test]
fn parts_of_a_record_can_be_replaced_cut_and_inserted() {
    assert_eq!(texts(&["splice 0..6 SLICE"]), ["SLICE 0..6 SLICE"]);
    assert_eq!(texts(&["splice 0..7"]), ["0..7"]);
    assert_eq!(texts(&["splice 0..0 >"]), [">splice 0..0 >"]);
    assert_eq!(texts(&["splice 13..13 <"]), ["splice 13..13< <"]);
}

#[test]
fn several_parts_keep_the_offsets_of_the_text_as_it_was_handed_over() {
    let all = "splice 0..0 >; splice 0..7 ; splice 13..15 long";
    let out = texts(&[all]);
    assert_eq!(out, [format!(">{}long{}", &all[7..13], &all[15..])]);
}

#[test]
fn added_records_follow_theirs_in_order_with_its_time_stream_and_route() {
    let out = columns(&["a", "add x; add y; set-time 77; route cold", "b"]);
    let texts: Vec<_> = (0..out.len()).map(|at| out.record(at)).collect();
    let own = b"add x; add y; set-time 77; route cold".as_slice();
    assert_eq!(texts, [b"a", own, b"x", b"y", b"b"]);
    assert_eq!(out.times, [0, 77, 77, 77, 2]);
    assert_eq!(out.routes, [(1, 1), (2, 1), (3, 1)]);
}

#[test]
fn a_dropped_record_can_become_several_others() {
    assert_eq!(
        texts(&["a", "drop; add x; add y", "b"]),
        ["a", "x", "y", "b"]
    );
}

#[test]
fn a_time_and_a_route_can_be_set() {
    let out = columns(&["set-time 77", "route audit", "c"]);
    assert_eq!(out.times, [77, 1, 2]);
    assert_eq!(out.routes, [(1, 0)]);
}

#[test]
fn every_change_works_beside_the_others() {
    let all = "splice 0..6 X; add one; set-time 77; route audit; add two";
    let out = columns(&[all, "b"]);
    let texts: Vec<_> = (0..out.len()).map(|at| out.record(at)).collect();
    let own = format!("X{}", &all[6..]);
    assert_eq!(texts, [own.as_bytes(), b"one", b"two", b"b"]);
    assert_eq!(out.times, [77, 77, 77, 1]);
    assert_eq!(out.routes, [(0, 0), (1, 0), (2, 0)]);
}

#[test]
fn a_time_that_the_destination_cannot_take_is_not_set_and_counted() {
    let mut chain = Chain::new([changes()]);
    chain.times = 10..=80;
    let batch = chain.batch(&["set-time 81", "set-time 80", "set-time 9; add x"], false);
    assert_eq!(batch.unwrap().columns.times, [0, 80, 2, 2]);
    assert_eq!(
        chain.counted("filter_refused_times_total{filter=\"every_change\"}"),
        2
    );
}

#[test]
fn what_a_filter_changed_is_counted() {
    let mut chain = Chain::new([changes()]);
    let commands = ["drop", "replace x", "set-time 1", "drop; add x; add y", "e"];
    chain.run(&commands).unwrap();
    let counted = |what| chain.counted(&format!("filter_{what}_total{{filter=\"every_change\"}}"));
    let figures = [
        "records",
        "changed_records",
        "dropped_records",
        "added_records",
    ]
    .map(counted);
    assert_eq!(figures, [5, 2, 2, 2]);
}

#[test]
fn the_second_filter_is_handed_what_the_first_let_through() {
    let mut chain = Chain::new([changes(), changes().named("second")]);
    let commands = [
        "replace drop",
        "drop",
        "add replace z",
        "replace add x",
        "c",
    ];
    let out = ["add replace z", "replace z", "z", "add x", "x", "c"];
    assert_eq!(chain.run(&commands).unwrap(), out);
    assert_eq!(
        chain.counted("filter_records_total{filter=\"every_change\"}"),
        5
    );
    assert_eq!(chain.counted("filter_records_total{filter=\"second\"}"), 5);
}

#[test]
fn the_last_filter_to_choose_a_route_or_a_time_wins() {
    let mut chain = Chain::new([changes(), changes().named("second")]);
    let commands = [
        "replace route cold; route audit; set-time 7",
        "replace set-time 9; set-time 8; route audit",
    ];
    let out = chain.batch(&commands, false).unwrap().columns;
    assert_eq!(out.routes, [(0, 1), (1, 0)]);
    assert_eq!(out.times, [7, 9]);
}

#[test]
fn the_second_filter_is_not_called_when_the_first_dropped_everything() {
    let mut chain = Chain::new([changes(), guest("traps")]);
    assert_eq!(chain.run(&["drop", "drop"]).unwrap(), [""; 0]);
    assert_eq!(chain.counted("filter_records_total{filter=\"traps\"}"), 0);
}
