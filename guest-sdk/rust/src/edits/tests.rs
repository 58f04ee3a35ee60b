//! Changes in any order come out in the contract's order, or are an error in words.
//! What the contract forbids never leaves the SDK.

use proptest::prelude::*;

use crate::Columns;
use crate::native::{Change, Outcome, columns, process};
use crate::{Batch, Filter, Record, Unjudged, testing};

/// A filter made of a closure over the batch.
struct Do<F>(F);

impl<F: FnMut(&mut Batch<'_>)> Filter for Do<F> {
    fn batch(&mut self, batch: &mut Batch<'_>) -> Result<(), Unjudged> {
        self.0(batch);
        Ok(())
    }
}

fn outcome(texts: &[&str], change: impl FnMut(&mut Batch<'_>)) -> Result<Outcome, String> {
    process(&mut Do(change), &columns(texts))
}

fn texts(text: &str, mut change: impl FnMut(&mut Record<'_>)) -> Vec<testing::Output> {
    testing::run(
        Do(move |batch: &mut Batch<'_>| change(&mut batch.record(0))),
        [text],
    )
}

#[test]
fn a_batch_that_is_left_alone_has_no_edits() {
    let outcome = outcome(&["a", "b"], |_| {}).unwrap();
    assert!(outcome.edits.is_empty() && outcome.edits.capacity() == 0 && outcome.hold == 0);
}

#[test]
fn records_may_be_changed_in_any_order() {
    let outcome = outcome(&["a", "b", "c"], |batch| {
        batch.record(2).discard();
        batch.record(0).add("x");
        batch.record(0).set_time(5);
    });
    let at: Vec<_> = outcome.unwrap().edits.iter().map(|edit| edit.at).collect();
    assert_eq!(at, [0, 0, 2]);
}

#[test]
fn parts_may_be_spliced_in_any_order() {
    let spliced = texts("one two three", |record| {
        record.splice(8..13, "3");
        record.splice(0..3, "1");
        record.splice(13..13, "!");
    });
    assert_eq!(spliced, ["1 two 3!"]);
}

#[test]
fn discard_beats_replace_and_replace_beats_splice() {
    let change = |record: &mut Record<'_>| {
        record.splice(0..1, "s");
        record.replace("first");
        record.replace("last");
    };
    assert_eq!(texts("abc", change), ["last"]);
    assert_eq!(
        texts("abc", |record| {
            record.discard();
            change(record)
        }),
        [""; 0]
    );
}

#[test]
fn of_times_and_routes_the_last_call_counts() {
    let changed = texts("a", |record| {
        record.set_time(1);
        record.route("cold");
        record.set_time(2);
        record.route("warm");
    });
    assert_eq!(
        (changed[0].time, changed[0].route.as_deref()),
        (2, Some("warm"))
    );
}

#[test]
fn records_added_after_a_discarded_one_are_forwarded_in_order() {
    let split = texts("a,b", |record| {
        record.add("a");
        record.discard();
        record.add("b");
        record.set_time(9);
    });
    assert_eq!(split, ["a", "b"]);
    assert_eq!(split[1].time, 9);
}

#[test]
fn parts_that_overlap_are_an_error_that_names_them() {
    let error = outcome(&["", "abcdef"], |batch| {
        batch.record(1).splice(3..5, "");
        batch.record(1).splice(1..4, "");
    });
    assert_eq!(
        error.unwrap_err(),
        "filter splices 1..4 and 3..5 of record 1, which overlap"
    );
}

#[test]
fn a_part_outside_the_record_is_an_error() {
    let error = outcome(&["abc"], |batch| batch.record(0).splice(2..4, "")).unwrap_err();
    assert_eq!(error, "filter splices 2..4 of record 0, which has 3 bytes");
    #[expect(clippy::reversed_empty_ranges, reason = "the mistake that is tested")]
    let error = outcome(&["abc"], |batch| batch.record(0).splice(2..1, "")).unwrap_err();
    assert_eq!(error, "filter splices 2..1 of record 0, which has 3 bytes");
}

#[test]
fn a_record_that_is_held_cannot_be_changed() {
    let error = outcome(&["a", "b"], |batch| {
        batch.record(1).discard();
        batch.hold(1);
    });
    assert_eq!(
        error.unwrap_err(),
        "filter changes record 1, which it also holds"
    );
}

#[test]
fn more_than_the_batch_cannot_be_held_and_nothing_of_the_last_one() {
    assert_eq!(
        outcome(&["a"], |batch| batch.hold(2)).unwrap_err(),
        "filter holds 2 records of a batch of 1"
    );
    let last = Columns {
        last: true,
        ..columns(["a"])
    };
    let error = process(&mut Do(|batch: &mut Batch<'_>| batch.hold(1)), &last).unwrap_err();
    assert_eq!(error, "filter holds 1 records of a batch that is the last");
}

proptest! {
    #[test]
    fn any_changes_come_out_sorted_and_one_of_a_kind(changes in prop::collection::vec((0..4_usize, 0..6_u8), 0..40)) {
        let outcome = outcome(&["aaa", "bbb", "ccc", "ddd"], |batch| {
            for &(at, kind) in &changes {
                let mut record = batch.record(at);
                match kind {
                    0 => record.discard(),
                    1 => record.replace("r"),
                    2 => record.splice(1..1, "s"),
                    3 => record.set_time(1),
                    4 => record.route("d"),
                    _ => record.add("a"),
                }
            }
        }).unwrap();
        prop_assert!(outcome.edits.is_sorted_by_key(|edit| edit.at));
        for at in 0..4 {
            let of_this: Vec<_> = outcome.edits.iter().filter(|edit| edit.at == at).map(|edit| &edit.change).collect();
            let count = |kind: fn(&Change) -> bool| of_this.iter().filter(|change| kind(change)).count();
            let drops = count(|change| matches!(change, Change::Drop));
            let replaces = count(|change| matches!(change, Change::Replace(_)));
            let splices = count(|change| matches!(change, Change::Splice(_)));
            prop_assert!(drops + replaces <= 1 && (drops + replaces == 0 || splices == 0));
            prop_assert!(count(|change| matches!(change, Change::SetTime(_))) <= 1);
            prop_assert!(count(|change| matches!(change, Change::Route(_))) <= 1);
            let adds = count(|change| matches!(change, Change::Add(_)));
            let asked = changes.iter().filter(|&&(record, kind)| record == at as usize && kind == 5).count();
            prop_assert_eq!(adds, asked);
            prop_assert!(of_this[of_this.len() - adds..].iter().all(|change| matches!(change, Change::Add(_))));
        }
    }
}
