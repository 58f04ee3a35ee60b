//! Whatever bytes a plain file has: each line arrives, as far as CloudWatch takes it, and what is too long for one
//! record arrives in parts.

use std::fs;

use super::{node, path, stop};
use crate::node::texts;

#[test]
fn lines_of_any_bytes_arrive() {
    let node = node();
    let file = path(&node, "odd");
    let mut text = b"one\r\n\n\0\0two\0\nth\xffree\n".to_vec();
    text.extend_from_slice("\tü without an end".as_bytes());
    fs::write(&file, &text).unwrap();
    let mut agent = node.start();
    agent.wait_until("the last line arrives", |_| {
        let came = texts(&node, "/host", "odd");
        came.iter().any(|text| text.contains('ü'))
    });
    stop(agent);
    let mut came = texts(&node, "/host", "odd");
    came.sort();
    // An empty message is none for CloudWatch.
    let mut expected = vec!["one", "\0\0two\0", "th\u{fffd}ree", "\tü without an end"];
    expected.sort_unstable();
    assert_eq!(
        came.iter()
            .filter(|t| !t.trim().is_empty())
            .collect::<Vec<_>>(),
        expected
    );
}

#[test]
fn a_line_that_is_too_long_leaves_in_marked_parts() {
    let node = node();
    let file = path(&node, "long");
    let long = "0123456789".repeat(250_000);
    fs::write(&file, format!("before\n{long}\nbehind\n")).unwrap();
    let mut agent = node.start();
    agent.wait_until("what is behind arrives", |_| {
        texts(&node, "/host", "long")
            .iter()
            .any(|text| text == "behind")
    });
    stop(agent);
    let came = texts(&node, "/host", "long");
    let parts = came.iter().filter(|text| text.contains("[logsieve: part "));
    let joined: String = parts
        .map(|text| text.split(" [logsieve: part ").next().unwrap())
        .collect();
    assert_eq!(joined.len(), long.len());
    assert_eq!(joined, long);
    assert_eq!(came[0], "before");
}
