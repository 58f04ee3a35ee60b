//! What is counted, and that it comes out as the specification has it.
//! They need neither Wasm nor the agent.

use logsieve_filter::testing::{self, Input, Run};
use serde_json::{Value, json};

use crate::{Emf, Settings};

fn filter(settings: Value) -> Emf {
    Emf::new(testing::settings(&settings.to_string()).unwrap()).unwrap()
}

fn object(text: &[u8]) -> Value {
    serde_json::from_slice(text).unwrap()
}

const MINUTE: u64 = 60_000_000_000;

fn settings() -> Value {
    json!({
        "namespace": "shop",
        "dimensions": { "Namespace": "k8s.namespace.name", "Team": "k8s.pod.label.team" },
        "metrics": {
            "errors": { "of": { "least": "error" } },
            "latency": { "field": "ms", "unit": "Milliseconds" },
        },
    })
}

#[test]
fn records_are_counted_and_their_numbers_taken() {
    let at = |text: &str| Input::new(text).time(29_000_000 * MINUTE + 5_000_000);
    let seen = Run::new(filter(settings()))
        .origin("k8s.namespace.name", "payments")
        .batch([
            at("level=error ms=12.5"),
            at("ready"),
            at(r#"{"ms":3,"level":"info"}"#),
            at("done ms=fast"),
        ])
        .finish();
    assert_eq!(seen.records.len(), 5);
    assert_eq!(
        object(&seen.records[3].text),
        json!({
            "_aws": {
                "Timestamp": 29_000_000_u64 * 60_000 + 5,
                "CloudWatchMetrics": [{
                    "Namespace": "shop",
                    "Dimensions": [["Namespace"]],
                    "Metrics": [
                        { "Name": "errors", "Unit": "Count" },
                        { "Name": "latency", "Unit": "Milliseconds" },
                    ],
                }],
            },
            "Namespace": "payments",
            "errors": 1,
            "latency": [12.5, 3],
        })
    );
    // It stands behind the last record that was counted.
    assert_eq!(seen.records[4], "done ms=fast");
}

#[test]
fn every_minute_has_a_record_of_its_own() {
    let records = [0, 1, MINUTE, 2].map(|time| Input::new("ERROR").time(time));
    let seen = testing::run(filter(settings()), records);
    let metrics: Vec<_> = seen
        .iter()
        .filter(|r| r.text.starts_with(b"{"))
        .map(|r| {
            let object = object(&r.text);
            (
                object["_aws"]["Timestamp"].as_u64().unwrap(),
                object["errors"].clone(),
            )
        })
        .collect();
    assert_eq!(metrics, [(60_000, json!(1)), (0, json!(3))]);
}

#[test]
fn a_metric_with_many_numbers_takes_several_records() {
    let records = (0..250).map(|n| Input::new(format!("ms={n}")).time(0));
    let seen = testing::run(filter(settings()), records);
    let parts: Vec<_> = seen[250..]
        .iter()
        .map(|r| object(&r.text)["latency"].as_array().unwrap().len())
        .collect();
    assert_eq!(parts, [100, 100, 50]);
    assert_eq!(object(&seen[252].text)["latency"][49], 249);
}

#[test]
fn records_that_are_counted_may_go_and_others_stay() {
    let settings = json!({ "namespace": "shop", "drop": true, "metrics": { "health": { "of": { "contains": ["/healthz"] } } } });
    let seen = testing::run(
        filter(settings),
        ["GET /healthz", "GET /", "GET /healthz", "x"],
    );
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[0], "GET /");
    assert_eq!(object(&seen[1].text)["health"], 2);
    assert_eq!(seen[2], "x");
}

#[test]
fn a_batch_in_which_nothing_counts_is_not_touched() {
    assert_eq!(testing::run(filter(settings()), ["a", "b"]), ["a", "b"]);
}

#[test]
fn a_metric_without_rules_counts_every_record() {
    let settings = json!({ "namespace": "shop", "metrics": { "records": {} } });
    let seen = testing::run(filter(settings), ["a", "b"]);
    let told = object(&seen[2].text);
    assert_eq!(told["records"], 2);
    assert_eq!(
        told["_aws"]["CloudWatchMetrics"][0]["Dimensions"],
        json!([[]])
    );
}

#[test]
fn settings_that_cloudwatch_would_not_take_are_refused() {
    let refused = |settings: Value| {
        testing::settings::<Settings>(&settings.to_string())
            .and_then(Emf::new)
            .err()
            .unwrap()
    };
    let metric = |metric: Value| json!({ "namespace": "n", "metrics": { "m": metric } });
    assert!(refused(json!({})).contains("missing field"));
    assert!(refused(json!({ "namespace": "n", "metrics": {} })).contains("must have 1 to 100"));
    assert!(
        refused(json!({ "namespace": "AWS/EC2", "metrics": { "m": {} } }))
            .contains("`AWS/` is Amazon's")
    );
    assert!(
        refused(metric(json!({ "unit": "ms" })))
            .starts_with("`metrics.m.unit`: CloudWatch has no `ms`; it has Seconds ")
    );
    assert!(
        refused(metric(json!({ "of": { "patterns": ["("] } }))).contains("`metrics.m.of.patterns`")
    );
    let both =
        json!({ "namespace": "n", "metrics": { "m": {} }, "dimensions": { "m": "k8s.pod.name" } });
    assert!(refused(both).contains("in `metrics` and in `dimensions`"));
    assert!(refused(json!({ "namespace": "n", "metrics": { "_aws": {} } })).contains("is no name"));
}
