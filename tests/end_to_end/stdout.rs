//! The destination `stdout`: records as lines, for a first look and for whoever pipes them on.
//!
//! As text or as one JSON object a line.

use std::fs;
use std::path::Path;

use support::agent::Agent;
use support::kubelet::Stream;
use support::tally::{Delivered, Order, Tally};

use crate::node::{Node, a_while};

#[test]
fn records_are_printed_as_lines_of_text() {
    let mut node = Node::new();
    node.config.destinations = "{ main: { stdout: { format: text } } }".to_owned();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    (0..1000).for_each(|_| drop(app.print_numbered(Stream::Stdout, "some words")));
    let mut agent = node.start();
    agent.wait_until("all are printed", |agent| {
        agent.stdout().lines().count() == 1000
    });
    assert!(agent.drain().success());
    let delivered: Vec<Delivered> = agent
        .stdout()
        .lines()
        .map(|line| Delivered {
            container: None,
            stream: None,
            time_ms: None,
            text: line.to_owned(),
        })
        .collect();
    let expected: Vec<_> = app
        .written()
        .iter()
        .map(support::kubelet::Written::expected)
        .collect();
    Tally::of(&expected, &delivered, Order::Written).assert_exactly_once();
}

#[test]
fn records_are_printed_as_json_that_tells_where_they_come_from() {
    let mut node = Node::new();
    node.config.destinations = "{ main: { stdout: {} } }".to_owned();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    app.print_numbered(Stream::Stderr, b"caf\xe9 \"quoted\"");
    let mut agent = node.start();
    agent.wait_until("it is printed", |agent| agent.stdout().ends_with('\n'));
    let line: serde_json::Value = serde_json::from_str(&agent.stdout()).expect("JSON");
    for (name, value) in [
        ("namespace", "web"),
        ("pod", "shop-1"),
        ("container", "app"),
        ("stream", "stderr"),
        ("log", "c0-0 caf\u{fffd} \"quoted\""),
    ] {
        assert_eq!(line[name], value, "{name}");
    }
    let time: jiff::Timestamp = line["time"].as_str().unwrap().parse().expect("a time");
    assert_eq!(time.as_nanosecond(), i128::from(app.written()[0].time_ns));
}

/// As with `logsieve run ... | head -3`.
#[test]
fn an_agent_whose_standard_output_is_closed_ends_and_says_so() {
    let mut node = Node::new();
    node.config.destinations = "{ main: { stdout: { format: text } } }".to_owned();
    let config = node.write_config();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    app.print_numbered(Stream::Stdout, "the first words");
    let script = "\"$0\" run --config \"$1\" | head -1; exit ${PIPESTATUS[0]}";
    let binary = support::agent::binary();
    let mut agent = Agent::spawn_program(
        Path::new("bash"),
        [
            "-c".as_ref(),
            script.as_ref(),
            binary.as_os_str(),
            config.as_os_str(),
        ],
        &[],
    );
    agent.wait_until("the first line is printed", |agent| {
        agent.stdout().ends_with('\n')
    });
    for _ in 0..60 {
        if agent.is_running() {
            app.print_numbered(Stream::Stdout, "nobody reads this");
            a_while();
        }
    }
    let status = agent.wait_for_exit();
    let said = agent.stderr();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("standard output"), "{said}");
    assert!(
        !said.contains("everything that was read is delivered"),
        "{said}"
    );
    let known = fs::read_to_string(node.state().join("checkpoint.jsonl")).unwrap();
    let whole = fs::metadata(app.live_path()).unwrap().len();
    assert!(!known.contains(&format!("\"offset\":{whole},")), "{known}");
}
