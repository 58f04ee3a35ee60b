//! Lines that the runtime split, lines without an end, records that are too large for CloudWatch.
//!
//! Pieces are joined by stream; what never ends is let go after a while; what is too large is sent
//! in marked parts, and nothing of it is cut.

use support::kubelet::Stream;

use crate::node::{Node, a_while, texts};

#[test]
fn the_pieces_of_a_long_line_are_joined_by_stream() {
    let node = Node::new();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    for length in [16_384, 16_385, 32_768, 100_000] {
        let mut text = app.next_token().into_bytes();
        text.push(b' ');
        text.resize(length, b'x');
        app.print_around(Stream::Stdout, text, |app, _| {
            drop(app.print_numbered(Stream::Stderr, "between the pieces"));
        });
    }
    let mut agent = node.start();
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
}

/// Chunks, batches and requests end where they like, in the middle of a line among other places.
#[test]
fn many_long_lines_are_joined_wherever_a_chunk_ends() {
    let node = Node::new();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    let mut rng = fastrand::Rng::with_seed(44);
    for _ in 0..300 {
        let mut text = app.next_token().into_bytes();
        text.push(b' ');
        text.resize(rng.usize(16_384..65_536), b'x');
        app.print_around(Stream::Stdout, text, |app, _| {
            drop(app.print_numbered(Stream::Stderr, "between the pieces"));
        });
        for _ in 0..rng.usize(..20) {
            app.print_numbered(Stream::Stdout, "x".repeat(rng.usize(..300)));
        }
    }
    let mut agent = node.start();
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
}

#[test]
fn a_line_that_is_seen_in_half_arrives_whole() {
    let node = Node::new();
    let mut agent = node.start();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    for _ in 0..3 {
        let text = format!("{} {}", app.next_token(), "torn ".repeat(100));
        // The agent has time to see the first half alone.
        app.print_torn(text.trim_end(), a_while);
    }
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
}

#[test]
fn a_partial_line_that_never_ends_is_let_go_after_a_while() {
    let mut node = Node::new();
    node.config.source = "partial_idle: 300ms".to_owned();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    app.print_numbered(Stream::Stdout, "whole");
    let unfinished = app.next_token();
    app.print_unfinished(Stream::Stdout, &unfinished);
    let mut agent = node.start();
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
}

#[test]
fn a_partial_line_is_not_let_go_before_its_time() {
    let node = Node::new();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    app.print_numbered(Stream::Stdout, "whole");
    let whole = app.written().to_vec();
    let unfinished = app.next_token();
    app.print_unfinished(Stream::Stdout, &unfinished);
    let mut agent = node.start();
    node.wait_for(&mut agent, &whole);
    a_while();
    node.tally(&whole).assert_exactly_once();
}

/// The text of a record that came in marked parts, without the marks; the marks are checked.
fn joined(parts: &[String]) -> String {
    let total = parts.len();
    let part = |(index, text): (usize, &String)| {
        let mark = text
            .rfind(" [logsieve: part ")
            .unwrap_or_else(|| panic!("part {index} has no mark"));
        assert!(
            text[mark..].contains(&format!("part {}", index + 1)),
            "{} of {total}",
            &text[mark..]
        );
        text[..mark].to_owned()
    };
    parts.iter().enumerate().map(part).collect()
}

#[test]
fn a_record_that_is_too_large_for_cloudwatch_arrives_in_marked_parts_and_whole() {
    let mut node = Node::new();
    node.config.source = "record_bytes_max: 4MiB".to_owned();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    // Characters of three bytes, so that a careless cut would break one.
    let text = "ab\u{20ac}".repeat(500_000);
    app.print(&text);
    app.print("behind it");
    let mut agent = node.start();
    agent.wait_until("the last record arrives", |_| {
        node.fake
            .events()
            .iter()
            .any(|event| event.message == "behind it")
    });
    let mut parts = texts(&node, "/eks/web", "shop-1/app");
    assert_eq!(parts.pop().as_deref(), Some("behind it"));
    assert!(parts.len() > 2 && parts.iter().all(|part| part.len() <= 1_000_000));
    assert_eq!(joined(&parts).len(), text.len());
    assert!(joined(&parts) == text, "the parts are not the whole");
}

#[test]
fn a_record_longer_than_the_agent_joins_arrives_in_marked_parts_and_whole() {
    let mut node = Node::new();
    node.config.source = "record_bytes_max: 64KiB".to_owned();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    let text: String = (0..40_000).map(|number| format!("{number} ")).collect();
    app.print(&text);
    app.print("behind it");
    let mut agent = node.start();
    agent.wait_until("the last record arrives", |_| {
        node.fake
            .events()
            .iter()
            .any(|event| event.message == "behind it")
    });
    let mut parts = texts(&node, "/eks/web", "shop-1/app");
    assert_eq!(parts.pop().as_deref(), Some("behind it"));
    assert!(parts.len() > 2, "{} parts", parts.len());
    assert!(joined(&parts) == text, "the parts are not the whole");
}
