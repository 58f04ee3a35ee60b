//! Which records pass, and that they always do.
//! They need neither Wasm nor the agent.

use logsieve_filter::testing::{self, Input, Run};

use crate::{Sample, Settings};

fn filter(json: &str) -> Sample {
    Sample::new(testing::settings(json).unwrap()).unwrap()
}

#[test]
fn about_one_in_so_many_passes() {
    let texts: Vec<String> = (0..20_000).map(|n| format!("request {n} done")).collect();
    for one_in in [2, 10, 100] {
        let passed = testing::run(
            filter(&format!(r#"{{"one_in": {one_in}}}"#)),
            texts.iter().cloned(),
        );
        let expected = texts.len() / one_in;
        // Six standard deviations; the texts are always the same.
        let spread = 6 * expected.isqrt();
        assert!(
            passed.len().abs_diff(expected) < spread,
            "{} of {expected}",
            passed.len()
        );
    }
}

#[test]
fn records_of_one_request_pass_together_or_not_at_all() {
    let texts: Vec<String> = (0..3_000)
        .map(|n| match n % 3 {
            0 => format!(r#"{{"trace":"t{}","step":{n}}}"#, n / 3),
            1 => format!("step={n} trace=t{}", n / 3),
            _ => format!("trace=\"t{}\"", n / 3),
        })
        .collect();
    let passed = testing::run(filter(r#"{"one_in": 10, "by": "trace"}"#), texts.clone());
    assert_eq!(passed.len() % 3, 0);
    let requests = passed.len() / 3;
    assert!((50..160).contains(&requests), "{requests}");
    let wanted: Vec<&String> = texts
        .chunks(3)
        .filter(|request| passed.iter().any(|p| *p == request[0]))
        .flatten()
        .collect();
    assert!(passed.iter().zip(wanted).all(|(a, b)| a == b));
}

#[test]
fn a_record_without_the_field_is_chosen_by_itself() {
    let records = (0..2_000).map(|n| Input::new("no field here").time(n));
    let passed = testing::run(filter(r#"{"one_in": 10, "by": "trace"}"#), records).len();
    assert!((100..320).contains(&passed), "{passed}");
}

#[test]
fn errors_pass_and_so_does_what_the_operator_keeps() {
    let texts = [
        "level=error db is gone",
        r#"{"level":"fatal"}"#,
        "audit: login",
        "GET / 503",
        "hello",
    ];
    let keep =
        r#"{"one_in": 4000000000, "keep": {"contains": ["audit"], "patterns": [" 5\\d\\d$"]}}"#;
    assert_eq!(testing::run(filter(keep), texts), texts[..4]);
    let none = r#"{"one_in": 4000000000, "keep_errors": false}"#;
    assert_eq!(testing::run(filter(none), texts), [""; 0]);
}

#[test]
fn what_is_left_out_is_counted() {
    let seen = Run::new(filter(r#"{"one_in": 4000000000}"#))
        .batch(["a", "b"])
        .finish();
    assert_eq!(seen.counters["left_out"], 2);
}

#[test]
fn settings_that_mean_nothing_are_refused() {
    let refused = |json: &str| {
        testing::settings::<Settings>(json)
            .and_then(Sample::new)
            .err()
            .unwrap()
    };
    assert!(refused("{}").contains("missing field `one_in`"));
    assert!(refused(r#"{"one_in": 1}"#).contains("every record would pass"));
    assert!(refused(r#"{"one_in": 2, "by": ""}"#).contains("`by` is empty"));
    assert!(refused(r#"{"one_in": 2, "keep": {"contains": [""]}}"#).contains("`keep.contains`"));
    assert!(refused(r#"{"one_in": 2, "keep": {"least": "bad"}}"#).contains("`keep.least`"));
}
