//! How loggers say a level, and what only looks like one.
//! They need neither Wasm nor the agent.

use common::Level;
use common::level::find;
use logsieve_filter::testing::{self, Run};

use crate::{LevelFilter, Settings};

#[test]
fn a_level_is_found_wherever_loggers_put_it() {
    for (text, level) in [
        (r#"{"time":"x","level":"info","msg":"error"}"#, Level::Info),
        (r#"{"severity": "WARNING"}"#, Level::Warn),
        (r#"{"level":50,"msg":"x"}"#, Level::Error),
        (r#"{"log.level":"debug"}"#, Level::Debug),
        ("ts=1 level=warn msg=\"error\"", Level::Warn),
        ("lvl=\"dbg\" x=1", Level::Debug),
        (
            "2026-11-24 08:00:00,123 ERROR [main] c.e.Api - INFO",
            Level::Error,
        ),
        ("[2026-11-24] [info] ready", Level::Info),
        ("<warning> disk", Level::Warn),
        ("W1124 08:00:00.000000 1 main.go:1] x", Level::Warn),
        ("error: no such file", Level::Error),
        ("  TRACE x", Level::Trace),
        ("08:00 | CRITICAL | x", Level::Fatal),
    ] {
        assert_eq!(find(text.as_bytes()), Some(level), "{text}");
    }
}

#[test]
fn what_only_looks_like_a_level_is_none() {
    for text in [
        "",
        "{",
        "an error occurred",
        "GET /info 200",
        r#"{"msg":"level"}"#,
        r#"{"level":null}"#,
        r#"{"nolevel":"info"}"#,
        "sublevel=info",
        "I112 x",
        "Informal",
        "INFORMATIONAL desk",
        "a b c d e f ERROR",
    ] {
        assert_eq!(find(text.as_bytes()), None, "{text}");
    }
}

fn run(json: &str, texts: &[&str]) -> Vec<String> {
    let settings: Settings = testing::settings(json).unwrap();
    let records = testing::run(LevelFilter::new(settings).unwrap(), texts.iter().copied());
    records
        .into_iter()
        .map(|r| String::from_utf8(r.text).unwrap())
        .collect()
}

#[test]
fn what_is_below_goes_and_what_says_nothing_stays() {
    let texts = ["DEBUG a", "INFO b", "WARN c", "\tat x.Y.z(Y.java:1)"];
    assert_eq!(run("{}", &texts), texts[1..]);
    assert_eq!(
        run(r#"{"least": "warn", "unknown": "drop"}"#, &texts),
        ["WARN c"]
    );
}

#[test]
fn what_goes_is_counted() {
    let filter = LevelFilter::new(testing::settings("{}").unwrap()).unwrap();
    assert_eq!(
        Run::new(filter)
            .batch(["DEBUG a", "INFO b"])
            .finish()
            .counters["below"],
        1
    );
}

#[test]
fn settings_that_mean_nothing_are_refused() {
    let refused = LevelFilter::new(testing::settings(r#"{"least": "trace"}"#).unwrap())
        .err()
        .unwrap();
    assert!(refused.contains("nothing would be dropped"));
    assert!(testing::settings::<Settings>(r#"{"least": "loud"}"#).is_err());
}
