//! What counts as a repeat, what does not, and that nothing gets lost on the way.
//! They need neither Wasm nor the agent.

use logsieve_filter::Stream;
use logsieve_filter::testing::{self, Input, Run};

use crate::Dedup;

fn filter(json: &str) -> Dedup {
    Dedup::new(testing::settings(json).unwrap()).unwrap()
}

const SECOND: u64 = 1_000_000_000;

#[test]
fn repeated_lines_become_one_with_a_count() {
    let records = testing::run(filter("{}"), ["a", "b", "b", "b", "a", "c", "c"]);
    assert_eq!(records, ["a", "b (3 times)", "a", "c (2 times)"]);
}

#[test]
fn a_json_object_gets_a_field() {
    let records = testing::run(filter("{}"), [r#"{"a":1} "#, r#"{"a":1} "#, "{ }", "{ }"]);
    assert_eq!(records, [r#"{"a":1,"times":2} "#, r#"{ "times":2}"#]);
    let named = testing::run(filter(r#"{"field": "n\""}"#), [r#"{"a":1}"#; 2]);
    assert_eq!(named, [r#"{"a":1,"n\"":2}"#]);
}

#[test]
fn repeats_are_counted_across_batches() {
    let seen = Run::new(filter("{}"))
        .batch(["a", "x"])
        .batch(["x", "x"])
        .batch(["x", "b"])
        .finish();
    assert_eq!(seen.records, ["a", "x (4 times)", "b"]);
    assert_eq!(seen.counters["repeated"], 3);
}

#[test]
fn the_first_record_keeps_its_time_and_a_run_ends_with_the_time() {
    let records = (0..25).map(|n| Input::new("tick").time(n * SECOND));
    let records = testing::run(filter("{}"), records);
    assert_eq!(
        records,
        ["tick (11 times)", "tick (11 times)", "tick (3 times)"]
    );
    assert_eq!(
        records.iter().map(|r| r.time / SECOND).collect::<Vec<_>>(),
        [0, 11, 22]
    );
}

#[test]
fn outputs_are_looked_at_apart() {
    let on = |text: &str, stream| Input::new(text).stream(stream);
    let seen = Run::new(filter("{}"))
        .batch([
            on("x", Stream::Stdout),
            on("x", Stream::Stderr),
            on("x", Stream::Stdout),
        ])
        .batch([on("x", Stream::Stderr), on("y", Stream::Stdout)])
        .finish();
    assert_eq!(seen.records, ["x (2 times)", "x (2 times)", "y"]);
    assert_eq!(seen.records[1].stream, Stream::Stderr);
}

#[test]
fn other_records_may_stand_between() {
    let lines = ["a", "b", "a", "b", "c", "d", "a"];
    assert_eq!(testing::run(filter("{}"), lines), lines);
    assert_eq!(
        testing::run(filter(r#"{"between": 1}"#), lines),
        ["a (2 times)", "b (2 times)", "c", "d", "a"]
    );
    let seen = Run::new(filter(r#"{"between": 1}"#))
        .batch(["a", "b"])
        .batch(["a", "c", "b"])
        .finish();
    // Between the two `b` stand two others.
    assert_eq!(seen.records, ["a (2 times)", "b", "c", "b"]);
}

#[test]
fn what_is_ignored_may_differ() {
    let seen = testing::run(
        filter(r#"{"ignore": ["^\\S+ ", "id=\\d+"]}"#),
        [
            "08:00 retry id=7 of 9",
            "08:01 retry id=8 of 9",
            "08:02 retry id=8 of 10",
            "\u{fffd}",
        ],
    );
    assert_eq!(
        seen,
        [
            "08:00 retry id=7 of 9 (2 times)",
            "08:02 retry id=8 of 10",
            "\u{fffd}"
        ]
    );
    // A gap at one place is not one at another.
    let gaps = testing::run(filter(r#"{"ignore": ["x"]}"#), ["xa", "ax", "a"]);
    assert_eq!(gaps, ["xa", "ax", "a"]);
}

#[test]
fn more_repeats_than_the_agent_holds_are_counted_in_parts() {
    let mut run = Run::new(filter("{}"));
    for _ in 0..5 {
        run = run.batch(std::iter::repeat_n(Input::new("x").time(1), 500));
    }
    let records = run.finish().records;
    let told = |text: &[u8]| {
        let text = String::from_utf8_lossy(text);
        text.trim_start_matches("x (")
            .trim_end_matches(" times)")
            .parse::<usize>()
            .unwrap()
    };
    assert_eq!(records.iter().map(|r| told(&r.text)).sum::<usize>(), 2500);
    assert!(records.len() <= 2, "{records:?}");
}

#[test]
fn settings_that_mean_nothing_are_refused() {
    let refused = |json: &str| Dedup::new(testing::settings(json).unwrap()).err().unwrap();
    assert!(refused(r#"{"within_seconds": 0}"#).contains("from 1 to 300"));
    assert!(refused(r#"{"between": 101}"#).contains("at most 100"));
    assert!(refused(r#"{"field": ""}"#).contains("`field` is empty"));
    assert!(refused(r#"{"ignore": ["("]}"#).starts_with("`ignore`: pattern 0"));
}
