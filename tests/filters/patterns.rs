//! Regular expressions that the agent runs for a filter: the same matches as the engine finds by
//! itself, within the filter's time and within bounds.

use std::cell::RefCell;
use std::time::Duration;

use bytesize::ByteSize;
use logsieve::filter::limits::Limits;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use regex_automata::meta::Regex;
use regex_automata::util::syntax;

use crate::engine::{Chain, Guest, guest};

fn finds(patterns: &[&str]) -> Guest {
    guest("finds_patterns").settings(serde_json::json!({ "patterns": patterns }))
}

/// What the guest has to say about each text, by the engine's own iterator.
fn told_by_the_engine(patterns: &[&str], texts: &[Vec<u8>]) -> Vec<String> {
    let regex = Regex::builder()
        .configure(Regex::config().utf8_empty(false))
        .syntax(syntax::Config::new().utf8(false))
        .build_many(patterns)
        .unwrap();
    let tell = |text: &Vec<u8>| {
        let any = regex.is_match(text).then(|| "!".to_owned());
        let each = regex
            .find_iter(text)
            .map(|m| format!("{}:{:?}", m.pattern().as_usize(), m.range()));
        any.into_iter().chain(each).collect::<Vec<_>>().join(" ")
    };
    texts.iter().map(tell).collect()
}

/// Short texts of few different bytes, so that patterns match often, side by side and at the ends.
fn texts() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let byte = prop::sample::select(b"aab1 \n\xff\xc3\xbc".to_vec());
    prop::collection::vec(prop::collection::vec(byte, 0..12), 1..6)
}

/// Runs random texts through one instance, and holds every answer against the engine's.
fn matches_are_the_engines(patterns: &[&str]) {
    let config = ProptestConfig {
        rng_seed: RngSeed::Fixed(2),
        failure_persistence: None,
        ..ProptestConfig::with_cases(256)
    };
    let chain = RefCell::new(Chain::new([finds(patterns)]));
    proptest!(config, |(texts in texts())| {
        let told = chain.borrow_mut().run(&texts).unwrap();
        prop_assert_eq!(told, told_by_the_engine(patterns, &texts));
    });
}

#[test]
fn matches_lie_where_the_regex_engine_finds_them() {
    matches_are_the_engines(&["a+b", "[ab]1", "(?-u:\\xFF)", "ü", "1|a"]);
}

#[test]
fn of_two_patterns_that_match_at_one_place_the_earlier_counts() {
    let mut chain = Chain::new([finds(&["ab", "abc", "b"])]);
    assert_eq!(chain.run(&["abc b", "x"]).unwrap(), ["! 0:0..2 2:4..5", ""]);
}

#[test]
fn empty_matches_lie_where_the_regex_engine_finds_them() {
    matches_are_the_engines(&["a*", "b|$"]);
}

#[test]
fn a_pattern_that_does_not_parse_is_named() {
    let blocked = Chain::new([finds(&["a", "b("])])
        .run(&["a"])
        .unwrap_err()
        .to_string();
    for words in [
        "refuses its settings",
        "pattern 1",
        "`b(`",
        "unclosed group",
    ] {
        assert!(blocked.contains(words), "no `{words}` in: {blocked}");
    }
}

#[test]
fn patterns_past_the_limit_are_refused_and_the_limit_is_named() {
    let limits = Limits {
        patterns: ByteSize::kib(64),
        ..Limits::default()
    };
    let blocked = Chain::new([finds(&[r"\w{1000}"]).limits(limits)])
        .run(&["a"])
        .unwrap_err();
    assert_eq!(blocked.failure.kind(), "settings");
    let words = "the patterns are larger than 65536 bytes compiled; `limits.patterns` allows more";
    assert!(blocked.to_string().ends_with(words), "{blocked}");
}

/// What a pattern is parsed into may be a thousand times its text, before its compiled size is
/// known: so the text itself has to be limited, or a filter takes hundreds of MiB and seconds.
#[test]
fn patterns_too_long_to_be_parsed_in_time_are_refused_unparsed() {
    let long = r"\pL".repeat(40_000);
    let blocked = Chain::new([finds(&[&long])]).run(&["a"]).unwrap_err();
    assert_eq!(blocked.failure.kind(), "settings", "{blocked}");
    assert!(!blocked.to_string().contains("compiled"), "{blocked}");
}

#[test]
fn more_than_a_thousand_matches_in_a_record_are_a_trap_and_name_the_record() {
    let mut chain = Chain::new([finds(&["a"])]);
    let thousand = "a".repeat(1000);
    assert!(chain.run(&[thousand.as_str(), thousand.as_str()]).is_ok());
    let more = "a".repeat(1001);
    let blocked = chain.run(&["x", more.as_str()]).unwrap_err();
    assert_eq!(blocked.failure.kind(), "trap");
    let words = "it trapped: record 1: more than 1000 matches";
    assert!(blocked.to_string().ends_with(words), "{blocked}");
}

/// All matches of this pattern take time that grows with the square of the record's length, in the
/// agent's own code, where no tick of the engine reaches.
#[test]
fn a_pattern_that_would_search_for_minutes_ends_at_the_deadline() {
    let guest = guest("evil_patterns").deadline(Duration::from_millis(5));
    let mut chain = Chain::new([guest]);
    let blocked = chain.run(&["A".repeat(256 << 10)]).unwrap_err();
    assert_eq!(blocked.failure.kind(), "deadline", "{blocked}");
    assert_eq!(chain.run(&["AAA"]).unwrap(), ["3 matches"]);
}

/// One search of this pattern visits thousands of states at every byte: seconds, before it would be asked
/// whether there are more.
#[test]
fn a_pattern_whose_one_search_would_take_seconds_ends_at_the_deadline() {
    let settings = serde_json::json!({ "pattern": "(?s-u:.*.{3000}Q)" });
    let guest = guest("searches").settings(settings);
    let mut chain = Chain::new([guest.deadline(Duration::from_millis(5))]);
    let blocked = chain.run(&["A".repeat(256 << 10)]).unwrap_err();
    assert_eq!(blocked.failure.kind(), "deadline", "{blocked}");
    assert_eq!(chain.run(&["AAA"]).unwrap(), ["AAA"]);
}
