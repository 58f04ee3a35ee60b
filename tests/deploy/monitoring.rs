//! The Prometheus operator's PodMonitor, as far as the chart may use it: from the definition of
//! `monitoring.coreos.com/v1` (prometheus-operator v0.86). A field that is not here is refused, whether
//! it is misspelt or only new to us.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "what counts is that every field has a place")]
struct PodMonitor {
    api_version: String,
    kind: String,
    metadata: Metadata,
    spec: Spec,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "what counts is that every field has a place")]
struct Metadata {
    name: String,
    namespace: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Spec {
    selector: Selector,
    pod_metrics_endpoints: Vec<Endpoint>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Selector {
    #[serde(default)]
    match_labels: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "what counts is that every field has a place")]
struct Endpoint {
    port: String,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    scheme: Option<Scheme>,
    #[serde(default)]
    interval: Option<String>,
    #[serde(default)]
    scrape_timeout: Option<String>,
    #[serde(default)]
    honor_labels: bool,
    #[serde(default)]
    relabelings: Vec<Relabeling>,
}

/// With no `action`, a label is replaced.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "what counts is that every field has a place")]
struct Relabeling {
    source_labels: Vec<String>,
    target_label: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Scheme {
    Http,
    Https,
}

fn read(object: &Value) -> Result<PodMonitor, String> {
    let monitor: PodMonitor =
        serde_json::from_value(object.clone()).map_err(|error| error.to_string())?;
    if monitor.api_version != "monitoring.coreos.com/v1" {
        return Err(format!("there is no PodMonitor in {}", monitor.api_version));
    }
    for endpoint in &monitor.spec.pod_metrics_endpoints {
        let times = [&endpoint.interval, &endpoint.scrape_timeout];
        if let Some(wrong) = times.into_iter().flatten().find(|time| !is_duration(time)) {
            return Err(format!("`{wrong}` is no duration"));
        }
    }
    Ok(monitor)
}

/// Prometheus' own: `1m30s`, largest unit first.
fn is_duration(text: &str) -> bool {
    let mut rest = text;
    for unit in ["d", "h", "m", "s", "ms"] {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let behind = &rest[digits..];
        let ends = behind.strip_prefix(unit);
        let is_it =
            ends.filter(|more| more.is_empty() || more.starts_with(|c: char| c.is_ascii_digit()));
        if let Some(more) = is_it.filter(|_| digits > 0) {
            rest = more;
        }
    }
    !text.is_empty() && rest.is_empty()
}

/// Fails unless every field is one, and the pods that it selects are some.
pub fn assert_known(object: &Value) {
    let monitor = read(object).expect("a PodMonitor");
    let spec = monitor.spec;
    assert!(
        !spec.selector.match_labels.is_empty(),
        "it selects all pods"
    );
    let [endpoint] = &spec.pod_metrics_endpoints[..] else {
        panic!("it has other endpoints than one");
    };
    assert!(
        endpoint.honor_labels,
        "metrics of a container name its own pod"
    );
}

#[test]
fn a_pod_monitor_with_a_field_that_is_none_is_refused() {
    let good = serde_json::json!({
        "apiVersion": "monitoring.coreos.com/v1", "kind": "PodMonitor",
        "metadata": { "name": "a", "namespace": "b" },
        "spec": { "selector": { "matchLabels": { "a": "b" } },
                  "podMetricsEndpoints": [{ "port": "admin", "path": "/metrics", "interval": "1m30s" }] },
    });
    read(&good).expect("it is one");
    let endpoint = "/spec/podMetricsEndpoints/0";
    for (place, key, value) in [
        (endpoint, "intervall", "30s"),
        (endpoint, "interval", "30 seconds"),
        (endpoint, "scheme", "ftp"),
        ("/spec", "selektor", "x"),
        ("/metadata", "label", "x"),
        ("", "apiVersion", "monitoring.coreos.com/v2"),
    ] {
        let mut wrong = good.clone();
        wrong.pointer_mut(place).expect("it is there")[key] = value.into();
        assert!(read(&wrong).is_err(), "`{place}/{key}: {value}` was taken");
    }
}
