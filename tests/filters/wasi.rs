//! WASI with nothing behind it: guests that ask for the world get nothing of it, and none of them
//! makes its lane wait.

use std::time::Duration;

use logsieve::filter::OnError;
use logsieve::record::Fate;

use crate::engine::{Chain, guest};

/// Why a batch of one record is refused.
fn refusal(module: &'static str, text: &str) -> String {
    let mut chain = Chain::new([guest(module)]);
    let blocked = chain.run(&[text]).unwrap_err();
    let bytes = text.len() as u64 + 1;
    assert_eq!(chain.fates(), [(Fate::Abandoned, 0..bytes)]);
    let words = blocked.to_string();
    let place = format!("filter `{module}`: it trapped: ");
    words
        .strip_prefix(&place)
        .unwrap_or_else(|| panic!("{words}"))
        .to_owned()
}

#[test]
fn a_filter_sees_no_environment_no_arguments_and_no_input() {
    let mut chain = Chain::new([guest("reads_env")]);
    assert_eq!(chain.run(&["a"]).unwrap(), ["[] [] None false"]);
}

#[test]
fn a_filter_sees_no_files() {
    let mut chain = Chain::new([guest("reads_files")]);
    assert_eq!(chain.run(&["a"]).unwrap(), ["0 folders"]);
}

#[test]
fn a_filter_opens_no_sockets_and_resolves_no_names() {
    let mut chain = Chain::new([guest("opens_sockets")]);
    let out = chain.run(&["a"]).unwrap();
    assert_eq!(out[0].matches("access-denied").count(), 2, "{out:?}");
}

#[test]
fn a_filter_that_sleeps_stops_no_lane() {
    assert_eq!(
        refusal("sleeps", "sleep"),
        "it waits for something, which no filter may"
    );
    let mut chain = Chain::new([guest("sleeps")]);
    assert_eq!(chain.run(&["yield"]).unwrap(), ["yield"]);
}

#[test]
fn a_filter_that_exits_ends_its_call_only() {
    assert_eq!(refusal("exits", "a"), "it ended itself by `wasi:cli/exit`");
}

#[test]
fn clocks_and_random_numbers_answer_and_printing_works() {
    let mut chain = Chain::new([guest("prints")]);
    assert_eq!(chain.run(&["a"]).unwrap(), ["Ok(()) true true"]);
}

#[test]
fn handles_that_a_filter_does_not_give_back_are_bounded() {
    let mut chain = Chain::new([guest("prints")]);
    let failures = "filter_failures_total{filter=\"prints\",kind=\"trap\"}";
    // Each is given back at once.
    chain.run(&vec!["a"; 3000]).unwrap();
    chain.run(&vec!["keep"; 600]).unwrap();
    assert_eq!(chain.counted(failures), 0);
    // A fresh instance has none yet.
    chain.run(&vec!["keep"; 600]).unwrap();
    assert_eq!(chain.counted(failures), 1);
}

#[test]
fn what_a_filter_prints_counts_as_log_lines() {
    let mut chain = Chain::new([guest("prints")]);
    let long = "x".repeat(1000);
    chain.run(&vec![long.as_str(); 50]).unwrap();
    let refused = chain.counted("filter_refused_log_lines_total{filter=\"prints\"}");
    assert!((30..=40).contains(&refused), "{refused}");
}

#[test]
fn a_filter_that_fails_now_and_then_loses_nothing() {
    let mut chain = Chain::new([guest("non_deterministic").on_error(OnError::Quarantine)]);
    let mut passed = Vec::new();
    for n in 0..200 {
        chain.now += Duration::from_secs(600);
        passed.extend(chain.run(&[format!("{n:03}")]).unwrap());
    }
    let failures = "filter_failures_total{filter=\"non_deterministic\",kind=\"trap\"}";
    assert!(chain.counted(failures) > 20);
    let mut all = [passed, chain.quarantined_texts()].concat();
    all.sort();
    let expected: Vec<_> = (0..200).map(|n| format!("{n:03}")).collect();
    assert_eq!(all, expected);
}
