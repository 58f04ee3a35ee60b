//! Every change alone and together, every rule broken by name, and whatever else a guest may give
//! back: applied whole or refused, never half.

use proptest::prelude::*;

use super::*;
use crate::record::Stream;

fn input(texts: &[&str]) -> Columns {
    let mut columns = Columns::default();
    for (i, text) in texts.iter().enumerate() {
        let i = u32::try_from(i).unwrap();
        columns.push(text.as_bytes(), u64::from(i), Stream::Stderr, (i + 1) * 10);
    }
    columns
}

fn rules(routes: &[(String, RouteId)]) -> Rules<'_> {
    Rules {
        output_bytes_max: 1000,
        edits_max: 100,
        last: false,
        more: true,
        routes,
        times: 5..=10,
    }
}

fn edit(at: u32, change: Change) -> Edit {
    Edit { at, change }
}

fn splice(start: u32, end: u32, text: &str) -> Change {
    Change::Splice(Splice {
        start,
        end,
        text: text.into(),
    })
}

fn run(texts: &[&str], edits: Vec<Edit>, hold: u32) -> Result<Vec<String>, BadOutcome> {
    let columns = input(texts);
    let routes = [("audit".to_owned(), 4)];
    let applied = apply(&columns, &Outcome { edits, hold }, &rules(&routes))?;
    let out = applied.columns.unwrap_or_else(|| {
        let mut same = columns.clone();
        same.truncate(columns.len() - applied.hold);
        Box::new(same)
    });
    let texts = (0..out.len()).map(|i| String::from_utf8_lossy(out.record(i)).into_owned());
    Ok(texts.collect())
}

#[test]
fn a_batch_without_edits_is_not_copied() {
    let columns = input(&["a", "b"]);
    let outcome = Outcome {
        edits: vec![],
        hold: 1,
    };
    let applied = apply(&columns, &outcome, &rules(&[])).unwrap();
    assert_eq!((applied.columns, applied.hold), (None, 1));
}

#[test]
fn records_that_no_edit_names_pass_unchanged() {
    let edits = vec![edit(1, Change::Drop), edit(3, Change::Replace(b"D".into()))];
    assert_eq!(
        run(&["a", "b", "c", "d", "e"], edits, 1).unwrap(),
        ["a", "c", "D"]
    );
}

#[test]
fn splices_count_in_the_text_as_it_was_handed_over() {
    let edits = vec![
        edit(0, splice(0, 1, "XX")),
        edit(0, splice(1, 1, "-")),
        edit(0, splice(3, 5, "")),
    ];
    assert_eq!(run(&["abcde"], edits, 0).unwrap(), ["XX-bc"]);
}

#[test]
fn added_records_have_the_time_stream_and_route_of_theirs() {
    let columns = input(&["a", "b"]);
    let routes = [("audit".to_owned(), 4)];
    let edits = vec![
        edit(0, Change::SetTime(7)),
        edit(0, Change::Route("audit".into())),
        edit(0, Change::Drop),
        edit(0, Change::Add(b"x".into())),
        edit(0, Change::Add(b"y".into())),
    ];
    let applied = apply(&columns, &Outcome { edits, hold: 0 }, &rules(&routes)).unwrap();
    let out = applied.columns.unwrap();
    assert_eq!(out.times, [7, 7, 1]);
    assert_eq!(out.streams, [Stream::Stderr; 3]);
    assert_eq!(out.routes, [(0, 4), (1, 4)]);
    assert_eq!(out.source_ends, [10, 10, 20]);
    assert_eq!((applied.dropped, applied.added, applied.changed), (1, 2, 0));
}

#[test]
fn the_bytes_of_a_dropped_record_count_to_the_next() {
    let columns = input(&["a", "b", "c"]);
    let edits = vec![edit(1, Change::Drop)];
    let applied = apply(&columns, &Outcome { edits, hold: 0 }, &rules(&[])).unwrap();
    assert_eq!(applied.columns.unwrap().source_ends, [10, 30]);
}

/// An event that is joined: a restart in between would bring its first line back without the others.
#[test]
fn the_bytes_of_records_dropped_behind_one_that_is_written_count_to_it() {
    let columns = input(&["a", "b", "c", "d"]);
    let edits = vec![
        edit(0, Change::Replace(b"abc".into())),
        edit(1, Change::Drop),
        edit(2, Change::Drop),
    ];
    let outcome = Outcome { edits, hold: 0 };
    let applied = apply(&columns, &outcome, &rules(&[])).unwrap();
    assert!(applied.joins());
    assert_eq!(applied.columns.unwrap().source_ends, [30, 40]);
    // Behind the last filter nobody holds anything: each answers for its own.
    let last = Rules {
        more: false,
        ..rules(&[])
    };
    let applied = apply(&columns, &outcome, &last).unwrap();
    assert_eq!(applied.columns.unwrap().source_ends, [10, 40]);
}

#[test]
fn a_time_that_no_destination_takes_keeps_the_old_one_and_is_counted() {
    let columns = input(&["a"]);
    let edits = vec![edit(0, Change::SetTime(99))];
    let applied = apply(&columns, &Outcome { edits, hold: 0 }, &rules(&[])).unwrap();
    assert_eq!(
        (applied.columns.unwrap().times[0], applied.times_refused),
        (0, 1)
    );
}

#[test]
fn an_outcome_that_breaks_a_rule_is_refused_by_name() {
    let refused =
        |edits: Vec<Edit>, hold: u32| run(&["abc", "b"], edits, hold).unwrap_err().to_string();
    assert_eq!(
        refused(vec![edit(2, Change::Drop)], 0),
        "edit 0: record 2 of 2 does not exist"
    );
    assert_eq!(
        refused(vec![edit(1, Change::Drop), edit(0, Change::Drop)], 0),
        "edit 1: record 0 comes after record 1; edits are sorted by record"
    );
    assert_eq!(
        refused(vec![edit(1, Change::Drop)], 1),
        "edit 0: record 1 is held back, and may not be edited"
    );
    assert_eq!(
        refused(vec![edit(0, Change::Drop), edit(0, Change::Drop)], 0),
        "edit 1: a second `drop` for record 0"
    );
    assert_eq!(
        refused(vec![edit(0, Change::Drop), edit(0, splice(0, 1, ""))], 0),
        "edit 1: `splice` for record 0, which has a `drop` already"
    );
    assert_eq!(
        refused(vec![edit(0, Change::Add(vec![])), edit(0, Change::Drop)], 0),
        "edit 1: `drop` for record 0 comes after an `add`; adds stand last"
    );
    assert_eq!(
        refused(vec![edit(0, splice(2, 4, ""))], 0),
        "edit 0: splice 2..4 of record 0, which has 3 bytes"
    );
    assert_eq!(
        refused(vec![edit(0, splice(2, 1, ""))], 0),
        "edit 0: splice 2..1 of record 0, which has 3 bytes"
    );
    assert_eq!(
        refused(
            vec![edit(0, splice(0, 2, "")), edit(0, splice(1, 3, ""))],
            0
        ),
        "edit 1: splice at 1 of record 0 starts before the former one's end, 2"
    );
    assert_eq!(
        refused(vec![edit(0, Change::Route("x".into()))], 0),
        "edit 0: route `x` is not among those that this filter may choose"
    );
    assert_eq!(refused(vec![], 3), "hold 3: the batch has 2 records");
    assert_eq!(
        refused(vec![edit(0, Change::Replace(vec![0; 2000]))], 0),
        "its output grows past 1000 bytes; `limits.output_ratio` allows more"
    );
    let mut last = rules(&[]);
    last.last = true;
    let outcome = Outcome {
        edits: vec![],
        hold: 1,
    };
    let held = apply(&input(&["a"]), &outcome, &last).unwrap_err();
    assert_eq!(held, BadOutcome::HoldOnLast { hold: 1 });
}

fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        Just(Change::Drop),
        "[a-z]{0,4}".prop_map(|t| Change::Replace(t.into())),
        (0_u32..6, 0_u32..6, "[a-z]{0,3}").prop_map(|(s, e, t)| splice(s, e, &t)),
        (0_u64..20).prop_map(Change::SetTime),
        Just(Change::Route("audit".into())),
        "[a-z]{0,4}".prop_map(|t| Change::Add(t.into())),
    ]
}

#[test]
fn text_that_no_edit_names_counts_towards_the_output_as_well() {
    let long = "x".repeat(600);
    let edits = vec![edit(0, Change::Replace(vec![b'y'; 600]))];
    let refused = Err(BadOutcome::Output { max: 1000 });
    assert_eq!(run(&["a", &long], edits, 0), refused);
}

proptest! {
    /// Whatever a guest gives back, the columns stay whole: one entry a record, ends and source
    /// bytes ascending, and no source byte more than there were.
    #[test]
    fn any_outcome_is_applied_whole_or_refused(
        edits in proptest::collection::vec((0_u32..5, any_change()), 0..12),
        sort in any::<bool>(),
        hold in 0_u32..6,
    ) {
        let columns = input(&["abcde", "", "fgh", "i"]);
        let mut edits: Vec<_> = edits.into_iter().map(|(at, c)| edit(at, c)).collect();
        if sort {
            edits.sort_by_key(|e| (e.at, matches!(e.change, Change::Add(_))));
        }
        let routes = [("audit".to_owned(), 4)];
        let empty = edits.is_empty();
        if let Ok(applied) = apply(&columns, &Outcome { edits, hold }, &rules(&routes)) {
            prop_assert_eq!(applied.columns.is_none(), empty);
            if let Some(out) = applied.columns {
                let n = out.ends.len();
                prop_assert_eq!((out.times.len(), out.streams.len(), out.source_ends.len()), (n, n, n));
                prop_assert!(out.ends.is_sorted() && out.source_ends.is_sorted());
                prop_assert_eq!(out.ends.last().map_or(0, |e| *e as usize), out.text.len());
                let kept = columns.len() - applied.hold;
                let most = if kept == 0 { 0 } else { columns.source_ends[kept - 1] };
                prop_assert!(out.source_bytes() <= most);
                prop_assert_eq!(n as u64, kept as u64 - applied.dropped + applied.added);
                prop_assert!(out.routes.is_sorted());
            }
        }
    }
}
