//! Every legal outcome against a model that thinks in rows: one record at a time, no columns, no
//! shared text.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::record::Stream;

/// A record as the model has it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    text: Vec<u8>,
    time: u64,
    stream: Stream,
    route: Option<RouteId>,
}

/// What is done to one record.
#[derive(Debug, Clone)]
struct Plan {
    text: TextPlan,
    time: Option<u64>,
    route: Option<RouteId>,
    adds: Vec<Vec<u8>>,
    /// Where `set-time` and `route` stand among the changes of the text.
    places: (Index, Index),
}

#[derive(Debug, Clone)]
enum TextPlan {
    Keep,
    Drop,
    Replace(Vec<u8>),
    /// Cuts in the text, by twos, and what stands between them instead.
    Splices(Vec<Index>, Vec<Vec<u8>>),
}

const ROUTES: [&str; 3] = ["a", "b", "c"];
const TIMES: RangeInclusive<u64> = 100..=200;

fn any_text() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..12)
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let splices = (
        proptest::collection::vec(any::<Index>(), 0..8),
        proptest::collection::vec(any_text(), 4),
    );
    let text = prop_oneof![
        Just(TextPlan::Keep),
        Just(TextPlan::Drop),
        any_text().prop_map(TextPlan::Replace),
        splices.prop_map(|(cuts, texts)| TextPlan::Splices(cuts, texts)),
    ];
    (
        text,
        proptest::option::of(90_u64..210),
        proptest::option::of(0..ROUTES.len() as RouteId),
        proptest::collection::vec(any_text(), 0..3),
        any::<(Index, Index)>(),
    )
        .prop_map(|(text, time, route, adds, places)| Plan {
            text,
            time,
            route,
            adds,
            places,
        })
}

/// The splices of a plan: in order, not overlapping, within the text.
fn splices(text: &[u8], cuts: &[Index], texts: &[Vec<u8>]) -> Vec<Splice> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
    cuts.sort_unstable();
    let small = |n: usize| u32::try_from(n).unwrap();
    cuts.chunks_exact(2)
        .zip(texts)
        .map(|(cut, text)| Splice {
            start: small(cut[0]),
            end: small(cut[1]),
            text: text.clone(),
        })
        .collect()
}

fn edits_of(at: u32, row: &Row, plan: &Plan) -> Vec<Edit> {
    let mut changes: Vec<Change> = match &plan.text {
        TextPlan::Keep => Vec::new(),
        TextPlan::Drop => vec![Change::Drop],
        TextPlan::Replace(text) => vec![Change::Replace(text.clone())],
        TextPlan::Splices(cuts, texts) => {
            let splices = splices(&row.text, cuts, texts);
            splices.into_iter().map(Change::Splice).collect()
        }
    };
    if let Some(time) = plan.time {
        let place = plan.places.0.index(changes.len() + 1);
        changes.insert(place, Change::SetTime(time));
    }
    if let Some(route) = plan.route {
        let place = plan.places.1.index(changes.len() + 1);
        changes.insert(place, Change::Route(ROUTES[route as usize].into()));
    }
    changes.extend(plan.adds.iter().cloned().map(Change::Add));
    let edit = |change| Edit { at, change };
    changes.into_iter().map(edit).collect()
}

/// What becomes of one row.
fn expected(row: &Row, plan: &Plan) -> Vec<Row> {
    let mut changed = row.clone();
    if let Some(time) = plan.time.filter(|time| TIMES.contains(time)) {
        changed.time = time;
    }
    changed.route = plan.route.or(row.route);
    match &plan.text {
        TextPlan::Keep | TextPlan::Drop => {}
        TextPlan::Replace(text) => changed.text.clone_from(text),
        TextPlan::Splices(cuts, texts) => {
            // From behind, so that what stands before keeps its place.
            for splice in splices(&row.text, cuts, texts).into_iter().rev() {
                let range = splice.start as usize..splice.end as usize;
                changed.text.splice(range, splice.text);
            }
        }
    }
    let added = plan.adds.iter().map(|text| Row {
        text: text.clone(),
        ..changed.clone()
    });
    let kept = !matches!(plan.text, TextPlan::Drop);
    kept.then(|| changed.clone())
        .into_iter()
        .chain(added)
        .collect()
}

fn rows(columns: &Columns) -> Vec<Row> {
    let row = |at| Row {
        text: columns.record(at).to_vec(),
        time: columns.times[at],
        stream: columns.streams[at],
        route: columns.route(at),
    };
    (0..columns.len()).map(row).collect()
}

fn columns(rows: &[Row]) -> Columns {
    let mut columns = Columns::default();
    for (at, row) in (0_u32..).zip(rows) {
        columns.routes.extend(row.route.map(|route| (at, route)));
        columns.push(&row.text, row.time, row.stream, (at + 1) * 10);
    }
    columns
}

fn any_row() -> impl Strategy<Value = Row> {
    let stream = prop_oneof![Just(Stream::Stdout), Just(Stream::Stderr)];
    let route = proptest::option::of(0..ROUTES.len() as RouteId);
    (any_text(), 100_u64..200, stream, route).prop_map(|(text, time, stream, route)| Row {
        text,
        time,
        stream,
        route,
    })
}

proptest! {
    #[test]
    fn legal_edits_do_to_columns_what_they_do_to_rows(
        records in proptest::collection::vec((any_row(), proptest::option::of(any_plan())), 0..12),
        hold in any::<Index>(),
    ) {
        let input: Vec<Row> = records.iter().map(|(row, _)| row.clone()).collect();
        let hold = hold.index(input.len() + 1);
        let kept = &records[..records.len() - hold];
        let mut edits = Vec::new();
        let mut wanted = Vec::new();
        for (at, (row, plan)) in (0..).zip(kept) {
            match plan {
                Some(plan) => {
                    edits.extend(edits_of(at, row, plan));
                    wanted.extend(expected(row, plan));
                }
                None => wanted.push(row.clone()),
            }
        }
        let routes: Vec<_> = ROUTES.iter().map(|r| (*r).to_owned()).zip(0..).collect();
        let rules = Rules {
            output_bytes_max: usize::MAX,
            edits_max: usize::MAX,
            last: hold == 0,
            more: true,
            routes: &routes,
            times: TIMES,
        };
        let columns = columns(&input);
        let outcome = Outcome { edits, hold: u32::try_from(hold).unwrap() };
        let applied = apply(&columns, &outcome, &rules).unwrap();
        prop_assert_eq!(applied.hold, hold);
        let out = applied.columns.unwrap_or_else(|| {
            let mut same = columns.clone();
            same.truncate(kept.len());
            Box::new(same)
        });
        prop_assert_eq!(rows(&out), wanted);
        // Each record answers for source bytes of its own, of those before it, or of those dropped behind it.
        prop_assert!(out.source_ends.is_sorted());
        let most = u32::try_from(kept.len() * 10).unwrap();
        prop_assert!(out.source_ends.iter().all(|end| *end <= most));
    }
}
