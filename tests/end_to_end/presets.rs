//! The presets against recordings of Fluent Bit: the same lines, and what either sends for them, field
//! by field.
//!
//! The recorded lines are from a day that the service would refuse by now, so all of them are moved to
//! yesterday, and what arrives is moved back. Left out of the comparison are lines with bytes that are
//! not UTF-8, which become U+FFFD here, and the time of the line that has none.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::{Value, json};
use support::cloudwatch::Event;

use crate::node::Node;

/// The day of the recorded lines.
const DAY: &str = "2026-01-15";
const DAY_MS: i64 = 1_768_435_200_000;
/// Where the kubelet and the runtime would have put them.
const POD: &str = "store_shop-7d9f8c6b5d-x2k4q_6f1c1e6a-1b2c-4d3e-8f90-a1b2c3d4e5f6/shop";
/// What Kubernetes said about the pod.
const FACTS: &str = r#"
  container.id: 8d9001d32c6a703d95921a77115050f33dd823d3f1730bd35215dcbecad6dc20
  k8s.pod.label.app.kubernetes.io/name: shop
  k8s.pod.label.pod-template-hash: 7d9f8c6b5d
  k8s.pod.label.tier: front
  k8s.pod.annotation.kubernetes.io/config.source: api
  k8s.pod.annotation.example.com/owner: 'team "a" & b'
  k8s.pod.ip: 10.0.1.77
  container.image.name: shop
  container.image.tags: 1.4.2
  container.image.id: shop@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
  cloud.account.id: '123456789012'
  host.id: i-0123456789abcdef0
"#;

/// One recording.
struct Recorded {
    head: Value,
    /// Timestamps and messages.
    events: Vec<(i64, Value)>,
}

fn recorded(run: &str) -> Recorded {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("end_to_end/recorded");
    let text = fs::read_to_string(folder.join(format!("{run}.jsonl"))).expect("a recording");
    let mut lines = text
        .lines()
        .map(|l| serde_json::from_str::<Value>(l).expect("JSON"));
    let head = lines.next().expect("a head");
    let events = match head.get("messages_of") {
        Some(other) => recorded(other.as_str().expect("a name")).events,
        None => lines
            .map(|l| (l[0].as_i64().expect("ms"), l[1].clone()))
            .collect(),
    };
    Recorded { head, events }
}

/// Whole days from the recording to yesterday.
fn days_since() -> i64 {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("it is after 1970");
    (now.as_millis() as i64 - DAY_MS) / 86_400_000 - 1
}

fn yesterday() -> String {
    let day = jiff::Timestamp::from_millisecond(DAY_MS + days_since() * 86_400_000);
    day.expect("a time").to_string()[..10].to_owned()
}

/// A node on which the recorded container runs.
fn node(destination: &str) -> Node {
    let mut node = Node::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("end_to_end/recorded");
    let input = fs::read(folder.join("input.log")).expect("lines");
    let moved: Vec<u8> = input
        .split_inclusive(|b| *b == b'\n')
        .flat_map(|line| match line.strip_prefix(DAY.as_bytes()) {
            Some(rest) => [yesterday().as_bytes(), rest].concat(),
            None => line.to_vec(),
        })
        .collect();
    let pod: PathBuf = node.kubelet.pods().join(POD);
    fs::create_dir_all(&pod).expect("a folder");
    fs::write(pod.join("0.log"), moved).expect("a file");
    node.config.destinations = format!(
        "{{ main: {{ cloudwatch: {{ region: eu-central-1, endpoint: \"{}\", flush_after: 50ms, \
         {destination} }} }} }}",
        node.fake.url()
    );
    node.config.more =
        format!("enrich:\n cluster: example\n node: ip-10-0-1-23.ec2.internal\n facts:{FACTS}");
    node
}

/// What arrived, moved back to the day of the recording.
fn arrived(event: &Event) -> (i64, Value) {
    let mut message: Value = serde_json::from_str(&event.message).expect("JSON");
    let own_time = message["time"]
        .as_str()
        .map(|t| t.replace(&yesterday(), DAY));
    if let Some(time) = own_time {
        message["time"] = json!(time);
    }
    (event.timestamp - days_since() * 86_400_000, message)
}

fn is_compared(message: &Value) -> bool {
    let log = message["log"].as_str().unwrap_or_default();
    !log.contains(|c: char| c == '\u{fffd}' || ('\u{e000}'..'\u{e100}').contains(&c))
        && !log.starts_with("cut inside a character")
}

/// Runs an agent with this destination, and holds what it sends against a recording.
fn assert_sends_what_was_recorded(run: &str, destination: &str) -> Node {
    let recorded = recorded(run);
    let node = node(destination);
    let mut agent = node.start();
    agent.wait_until("all arrive", |_| {
        node.fake.event_count() >= recorded.events.len()
    });
    assert!(agent.drain().success());
    let text = |name: &str| recorded.head[name].as_str().expect("a name").to_owned();
    let names = (text("group"), text("stream"));
    assert_eq!(node.fake.stream_names(), vec![names.clone()], "{run}");
    let ours: Vec<_> = node
        .fake
        .read(&names.0, &names.1)
        .iter()
        .map(arrived)
        .collect();
    assert_eq!(ours.len(), recorded.events.len(), "{run}");
    for (timestamp, message) in &recorded.events {
        if !is_compared(message) {
            continue;
        }
        let mut expected = message.clone();
        expected["kubernetes"] = recorded.head["kubernetes"].clone();
        let is_it = |(at, ours): &&(i64, Value)| {
            // The line that no runtime wrote has the time at which it was read.
            (at == timestamp || message.get("time").is_none() && message.get("stream").is_none())
                && *ours == expected
        };
        assert!(
            ours.iter().any(|o| is_it(&o)),
            "{run}: not sent: {timestamp} {expected}\nbut at that time: {:?}",
            ours.iter()
                .filter(|(at, _)| at == timestamp)
                .collect::<Vec<_>>()
        );
    }
    node
}

#[test]
fn the_chart_of_aws_for_fluent_bit_has_its_preset() {
    assert_sends_what_was_recorded("chart-default", "preset: aws_for_fluent_bit");
}

#[test]
fn container_insights_has_its_preset() {
    assert_sends_what_was_recorded("container-insights", "preset: container_insights");
}

#[test]
fn the_eks_workshop_is_the_chart_with_another_group() {
    let group = "/aws/eks/eks-workshop/aws-fluentbit-logs-20250415195811907400000002";
    let destination = format!("preset: aws_for_fluent_bit, log_group: {group}");
    assert_sends_what_was_recorded("eks-workshop", &destination);
}

#[test]
fn the_eks_add_on_has_its_preset_with_the_entity_of_each_request() {
    let run = "cloudwatch-observability-addon-no-service";
    let node = assert_sends_what_was_recorded(run, "preset: cloudwatch_observability");
    let expected = &recorded(run).head["entity"];
    for put in node.fake.requests_for("PutLogEvents") {
        assert_eq!(put.entity.as_ref(), Some(expected));
    }
}

#[test]
fn templates_and_retention_are_those_of_the_chart() {
    let destination = "preset: aws_for_fluent_bit, \
         log_group: '/aws/eks/fluentbit-cloudwatch/workload/{k8s.namespace.name}', \
         log_stream: '{k8s.pod.name}.{k8s.container.name}', create: { retention_days: 7 }";
    let node = assert_sends_what_was_recorded("chart-templates", destination);
    let group = node
        .fake
        .log_group("/aws/eks/fluentbit-cloudwatch/workload/store");
    assert_eq!(group.expect("the group").retention_days, Some(7));
}

#[test]
fn each_key_of_fluent_bits_filter_shows_as_it_does_there() {
    for (run, keys) in [
        ("chart-merge-log-off", "merge_log_key: data"),
        (
            "chart-keep-log-off",
            "merge_log: true, merge_log_key: data, keep_log: false",
        ),
        ("chart-merge-log-no-key", "merge_log: true"),
        (
            "chart-merge-log-no-key-keep-log-off",
            "merge_log: true, keep_log: false",
        ),
        (
            "chart-merge-log-trim-off",
            "merge_log: true, merge_log_key: data, merge_log_trim: false",
        ),
        (
            "chart-labels-annotations-off",
            "merge_log: true, merge_log_key: data, labels: false, annotations: false",
        ),
    ] {
        let destination =
            format!("preset: aws_for_fluent_bit, format: {{ fluent_bit: {{ {keys} }} }}");
        assert_sends_what_was_recorded(run, &destination);
    }
}
