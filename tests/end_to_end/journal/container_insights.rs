//! The example for the logs of a node: the groups, streams and fields of Container Insights' public
//! configuration for Fluent Bit.

use std::collections::BTreeMap;

use support::journal::{Entry, Layout, make};

use super::{BEGAN_AGO, configure, file, node, stop};

/// Group and stream, and what comes there.
const EXPECTED: [(&str, &str); 6] = [
    (
        "dataplane ip-10-0-0-1-dataplane.systemd.containerd.service",
        r#"{"hostname":"ip-10-0-0-1","systemd_unit":"containerd.service","message":"{\"level\":\"info\"}"}"#,
    ),
    (
        "dataplane ip-10-0-0-1-dataplane.systemd.kubelet.service",
        r#"{"hostname":"ip-10-0-0-1","systemd_unit":"kubelet.service","message":"started \"api\""}"#,
    ),
    (
        "dataplane ip-10-0-0-1-dataplane.tail.ipamd.log",
        r#"{"host":"ip-10-0-0-1","message":"{\"level\":\"info\",\"msg\":\"ip\"}"}"#,
    ),
    (
        "host ip-10-0-0-1.host.dmesg",
        r#"{"host":"ip-10-0-0-1","message":"oom"}"#,
    ),
    (
        "host ip-10-0-0-1.host.messages",
        r#"{"host":"ip-10-0-0-1","ident":"systemd","message":"up"}"#,
    ),
    (
        "host ip-10-0-0-1.host.secure",
        r#"{"host":"ip-10-0-0-1","ident":"sshd","pid":"77","message":"accepted"}"#,
    ),
];

/// The example, with this test's service and folder in it.
#[test]
fn the_example_for_the_logs_of_a_node_sends_what_container_insights_does() {
    let mut node = node();
    let text = include_str!("../../../deploy/node-logs.example.yaml");
    let example: serde_json::Value = serde_saphyr::from_str(text).unwrap();
    let mut destinations = example["destinations"].clone();
    for (_, destination) in destinations.as_object_mut().unwrap() {
        destination["cloudwatch"]["region"] = "eu-central-1".into();
        destination["cloudwatch"]["endpoint"] = node.fake.url().into();
        destination["cloudwatch"]["flush_after"] = "50ms".into();
    }
    node.config.destinations = destinations.to_string();
    // The paths of a real node, in this one's folder.
    let root = format!("{}/", node.path().display());
    let here = |text: String| text.replace("/var/log/", &root);
    node.config.routes = here(example["routes"].to_string());
    node.config.files = here(example["source"]["files"].to_string());
    let cni = node.path().join("aws-routed-eni");
    std::fs::create_dir(&cni).unwrap();
    std::fs::write(
        cni.join("ipamd.log"),
        "{\"level\":\"info\",\"msg\":\"ip\"}\n",
    )
    .unwrap();
    node.config.more = "enrich: { cluster: demo, node: ip-10-0-0-1 }".to_owned();
    configure(&mut node, "select: { level: info }, fields: [SYSLOG_PID]");
    let now = jiff::Timestamp::now().as_microsecond().unsigned_abs() - BEGAN_AGO;
    let entry = |text: &str| Entry::new(now, text).with("_HOSTNAME", "ip-10-0-0-1");
    let entries = [
        entry("started \"api\"")
            .with("_SYSTEMD_UNIT", "kubelet.service")
            .with("PRIORITY", "6"),
        entry("{\"level\":\"info\"}")
            .with("_SYSTEMD_UNIT", "containerd.service")
            .with("PRIORITY", "6"),
        entry("oom")
            .with("_TRANSPORT", "kernel")
            .with("PRIORITY", "2"),
        entry("accepted")
            .with("_SYSTEMD_UNIT", "sshd.service")
            .with("SYSLOG_IDENTIFIER", "sshd")
            .with("SYSLOG_PID", "77"),
        entry("up")
            .with("SYSLOG_IDENTIFIER", "systemd")
            .with("PRIORITY", "6"),
        entry("noise")
            .with("SYSLOG_IDENTIFIER", "systemd")
            .with("PRIORITY", "7"),
    ];
    make(&file(&node, "system.journal"), Layout::default(), &entries).unwrap();
    let mut agent = node.start();
    agent.wait_until("all arrive", |_| node.fake.event_count() >= 6);
    stop(agent);
    let came: BTreeMap<String, String> = node
        .fake
        .events()
        .into_iter()
        .map(|e| {
            let group = e
                .group
                .trim_start_matches("/aws/containerinsights/demo/")
                .to_owned();
            (format!("{group} {}", e.stream), e.message)
        })
        .collect();
    let expected = EXPECTED.map(|(to, message)| (to.to_owned(), message.to_owned()));
    assert_eq!(came, BTreeMap::from(expected));
}
