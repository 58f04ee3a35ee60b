//! Which records pass, list by list.
//! They need neither Wasm nor a cluster.

use logsieve_filter::testing::{self, Input};
use proptest::prelude::*;

use crate::{Drop, Settings};

fn filter(json: &str) -> Drop {
    Drop::new(testing::settings(json).unwrap()).unwrap()
}

fn refusal(json: &str) -> String {
    testing::settings::<Settings>(json)
        .and_then(Drop::new)
        .err()
        .unwrap()
}

#[test]
fn records_are_dropped_by_a_text_in_them() {
    let records = testing::run(
        filter(r#"{"drop": {"contains": ["DEBUG", "/healthz"]}}"#),
        ["DEBUG a", "debug b", "GET /healthz 200", ""],
    );
    assert_eq!(records, ["debug b", ""]);
}

#[test]
fn records_are_dropped_by_a_pattern() {
    let by_pattern = filter(r#"{"drop": {"patterns": ["^DEBUG", "status=2\\d\\d$"]}}"#);
    let records = testing::run(
        by_pattern,
        ["DEBUG a", "a DEBUG", "status=204", "status=204 "],
    );
    assert_eq!(records, ["a DEBUG", "status=204 "]);
}

#[test]
fn what_keep_names_passes_whatever_drop_says() {
    let json = r#"{"keep": {"contains": ["ERROR"], "patterns": ["code=[45]"]}, "drop": {"contains": ["health"]}}"#;
    let records = testing::run(
        filter(json),
        ["health", "health ERROR", "health code=500", "x"],
    );
    assert_eq!(records, ["health ERROR", "health code=500", "x"]);
}

#[test]
fn only_what_keep_names_passes_if_all_else_is_dropped() {
    let json = r#"{"keep": {"contains": ["ERROR"]}, "otherwise": "drop"}"#;
    assert_eq!(
        testing::run(filter(json), ["a", "ERROR b", "c"]),
        ["ERROR b"]
    );
}

#[test]
fn what_is_important_enough_passes_whatever_drop_says() {
    let json = r#"{"keep": {"least": "error"}, "drop": {"contains": ["db"]}}"#;
    let records = testing::run(
        filter(json),
        ["level=error db", "level=warn db", "db", "[FATAL] db"],
    );
    assert_eq!(records, ["level=error db", "[FATAL] db"]);
}

#[test]
fn a_pattern_and_a_text_may_name_the_same_record() {
    let json = r#"{"drop": {"contains": ["b"], "patterns": ["b", "c"]}}"#;
    assert_eq!(
        testing::run(filter(json), ["a", "b", "bc", "c", "d"]),
        ["a", "d"]
    );
}

#[test]
fn a_sample_passes_about_one_in_so_many() {
    let texts: Vec<String> = (0..20_000).map(|n| format!("request {n} done")).collect();
    for one_in in [2, 10, 100] {
        let json = format!(r#"{{"sample": {{"one_in": {one_in}}}}}"#);
        let passed = testing::run(filter(&json), texts.iter().cloned()).len();
        let expected = texts.len() / one_in;
        // Six standard deviations; the texts are always the same.
        let spread = 6 * expected.isqrt();
        assert!(passed.abs_diff(expected) < spread, "{passed} of {expected}");
    }
}

#[test]
fn a_sample_can_be_of_some_records_only() {
    let json = r#"{"sample": {"one_in": 1000, "of": {"contains": ["health"]}}}"#;
    let records = testing::run(filter(json), ["health 1", "other", "health 2"]);
    assert_eq!(records, ["other"]);
}

#[test]
fn records_alike_but_for_their_time_are_sampled_apart() {
    let records = (0..1_000).map(|n| Input::new("tick").time(n));
    let passed = testing::run(filter(r#"{"sample": {"one_in": 10}}"#), records).len();
    assert!((40..160).contains(&passed), "{passed}");
}

#[test]
fn settings_that_drop_nothing_or_everything_are_refused() {
    assert!(refusal("{}").starts_with("nothing would be dropped"));
    assert!(refusal(r#"{"keep": {"contains": ["x"]}}"#).starts_with("nothing would be dropped"));
    assert!(refusal(r#"{"sample": {"one_in": 1}}"#).contains("`sample.one_in` is below 2"));
    assert!(
        refusal(r#"{"sample": {"one_in": 2}, "otherwise": "drop"}"#).contains("nothing is left")
    );
    assert!(
        refusal(r#"{"drop": {"contains": [""]}}"#).contains("`drop.contains` has an empty text")
    );
    assert!(
        refusal(r#"{"drop": {"patterns": ["a", "("]}}"#)
            .starts_with("`drop.patterns`: pattern 1 (`(`)")
    );
    let typed = refusal(r#"{"sample": {"one_in": "ten"}}"#);
    assert_eq!(
        typed,
        "settings: `sample.one_in`: invalid type: string `ten`, expected u32"
    );
}

#[test]
fn a_list_that_does_not_say_how_it_names_records_is_told_how() {
    let way_out = "expected `contains`, `patterns` or `least`, as in `{ contains: [DEBUG] }`";
    for (json, found) in [
        (r#"{"drop": "DEBUG"}"#, "string `DEBUG`"),
        (r#"{"drop": ["DEBUG"]}"#, "list"),
    ] {
        let told = format!("settings: `drop`: invalid type: {found}, {way_out}");
        assert_eq!(refusal(json), told);
    }
    assert_eq!(
        refusal(r#"{"drop": {"contains": "DEBUG"}}"#),
        "settings: `drop.contains`: invalid type: string `DEBUG`, expected a sequence"
    );
}

proptest! {
    #[test]
    fn a_record_meets_the_same_fate_alone_and_among_others(
        texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..20)
    ) {
        let json = r#"{"keep": {"contains": ["k"]}, "drop": {"patterns": ["(?-u)[\\x80-\\x9f]"]}, "sample": {"one_in": 3}}"#;
        let input = |n: usize, text: &Vec<u8>| Input::new(text.clone()).time(n as u64);
        let together = testing::run(filter(json), texts.iter().enumerate().map(|(n, text)| input(n, text)));
        let alone = texts.iter().enumerate().flat_map(|(n, text)| testing::run(filter(json), [input(n, text)]));
        prop_assert_eq!(together, alone.collect::<Vec<_>>());
    }

    #[test]
    fn what_passes_is_unchanged_and_in_order(
        texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..20)
    ) {
        let records = testing::run(filter(r#"{"sample": {"one_in": 2}}"#), texts.iter().cloned());
        let mut all = texts.iter();
        prop_assert!(records.iter().all(|record| all.any(|text| record.text == *text)));
    }
}
