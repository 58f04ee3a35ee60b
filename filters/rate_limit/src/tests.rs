//! What passes of a container that writes too much, and what is said of the rest.
//! They need neither Wasm nor the agent.

use logsieve_filter::testing::{self, Input, Run};

use crate::{RateLimit, Settings};

fn filter(json: &str) -> RateLimit {
    RateLimit::new(testing::settings(json).unwrap()).unwrap()
}

const SECOND: u64 = 1_000_000_000;

/// So many records a second, for some seconds.
fn flood(per_second: u64, seconds: std::ops::Range<u64>) -> impl Iterator<Item = Input> {
    let times = seconds.flat_map(move |s| (0..per_second).map(move |n| (s, n)));
    times.map(move |(s, n)| {
        Input::new(format!("{s} {n}")).time(s * SECOND + n * SECOND / per_second)
    })
}

const QUIET: &str = r#"{"records_per_second": 10, "burst_seconds": 1, "tell": false}"#;

#[test]
fn a_container_that_writes_too_much_is_limited_over_batches() {
    let seen = Run::new(filter(QUIET))
        .batch(flood(100, 0..1))
        .batch(flood(100, 1..2))
        .batch(flood(5, 10..12))
        .finish();
    // A burst, ten in each of two seconds, and all that is slow.
    assert_eq!(seen.records.len(), 40);
    assert_eq!(seen.counters["left_out"], 170);
}

#[test]
fn a_fresh_instance_lets_one_more_burst_pass_and_no_more() {
    let passed = |limit: &mut RateLimit| {
        let run = Run::new(limit).batch(flood(100, 0..1));
        run.finish().records.len()
    };
    let (mut limit, mut fresh) = (filter(QUIET), filter(QUIET));
    let first = passed(&mut limit);
    assert_eq!(passed(&mut limit), 0);
    assert_eq!(passed(&mut fresh), first);
}

#[test]
fn every_container_has_its_own() {
    let mut limit = filter(QUIET);
    let mut pass = |pod: &str, times: std::ops::Range<u64>| {
        let run = Run::new(&mut limit).origin("k8s.pod.uid", pod);
        run.batch(flood(100, times)).finish().records.len()
    };
    assert_eq!([pass("a", 0..1), pass("b", 0..1)], [20, 20]);
    assert_eq!(pass("a", 0..1), 0);
}

#[test]
fn what_the_operator_keeps_passes_whatever_is_left() {
    let json = r#"{"records_per_second": 1, "burst_seconds": 1, "keep": {"least": "error"}}"#;
    let at = |text: &str| Input::new(text).time(0);
    let records = testing::run(filter(json), [at("a"), at("b"), at("ERROR c"), at("d")]);
    assert_eq!(records, ["a", "ERROR c"]);
}

#[test]
fn the_log_says_once_a_second_what_is_missing() {
    let json = r#"{"records_per_second": 1, "burst_seconds": 1}"#;
    let records = testing::run(filter(json), flood(100, 0..10));
    let told: Vec<_> = records
        .iter()
        .filter_map(|r| {
            str::from_utf8(&r.text)
                .ok()?
                .strip_prefix("logsieve: records left out by rate_limit: ")?
                .parse::<u64>()
                .ok()
        })
        .collect();
    assert!((8..=10).contains(&told.len()), "{told:?}");
    let left_out = 1000 - (records.len() - told.len()) as u64;
    let untold = left_out - told.iter().sum::<u64>();
    assert!(untold <= 101, "{untold}");
}

#[test]
fn settings_that_mean_nothing_are_refused() {
    let refused = |json: &str| {
        RateLimit::new(testing::settings::<Settings>(json).unwrap())
            .err()
            .unwrap()
    };
    assert!(refused("{}").contains("everything would pass"));
    assert!(refused(r#"{"bytes_per_second": 0}"#).contains("a rate is 0"));
    assert!(refused(r#"{"bytes_per_second": 1, "burst_seconds": 0}"#).contains("from 1 to 3600"));
}
