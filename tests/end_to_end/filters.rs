//! Records go through real filters, compiled from source, in the agent as it ships.
//!
//! `cargo xtask test` builds the modules. What a filter does is tested with the filter; here it is
//! shown that records meet it, in their order, and that failing filters lose nothing.

use support::kubelet::{Container, Stream};

use crate::node::{Node, module, texts};

/// A node with these modules, as (name, module, further YAML), all in one chain.
fn node_with(filters: &[(&str, &str, &str)]) -> (Node, Container) {
    let mut node = Node::new();
    let modules: Vec<String> = filters
        .iter()
        .map(|(name, path, more)| {
            format!("{name}: {{ module: {}, {more} }}", module(path).display())
        })
        .collect();
    let names: Vec<&str> = filters.iter().map(|(name, ..)| *name).collect();
    node.config.filters = format!("{{ modules: {{ {} }} }}", modules.join(", "));
    node.config.routes = format!("[{{ filters: [{}], destination: main }}]", names.join(", "));
    let app = node.kubelet.start("web", "shop-1", "app");
    (node, app)
}

/// What arrives of these lines.
fn filtered(filters: &[(&str, &str, &str)], lines: &[&str], arrives: usize) -> Vec<String> {
    let (node, mut app) = node_with(filters);
    lines.iter().for_each(|line| app.print(line));
    let mut agent = node.start();
    agent.wait_until("the records arrive", |_| node.fake.event_count() >= arrives);
    assert!(agent.drain().success());
    texts(&node, "/eks/web", "shop-1/app")
}

#[test]
fn a_filter_that_changes_nothing_changes_nothing() {
    let (node, mut app) = node_with(&[("noop", "guests/noop", "")]);
    for number in 0..5_000 {
        let stream = if number % 3 == 0 {
            Stream::Stderr
        } else {
            Stream::Stdout
        };
        app.print_numbered(stream, b"caf\xe9 \0 words");
    }
    let mut agent = node.start();
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
}

#[test]
fn a_card_number_does_not_leave_the_node() {
    let lines = [
        "pay with 4111 1111 1111 1111 now",
        "no card 4111 1111 1111 1112",
    ];
    let texts = filtered(&[("redact", "filters/redact", "")], &lines, 2);
    assert!(
        !texts[0].contains("4111 1111 1111 1111") && texts[0].ends_with(" now"),
        "{texts:?}"
    );
    assert_eq!(
        texts[1], lines[1],
        "that is no card number: the Luhn check fails"
    );
}

#[test]
fn dropped_records_do_not_arrive_and_are_not_read_again() {
    let settings = "settings: { drop: [{ contains: DEBUG }] }";
    let filters = [("drop", "filters/drop", settings)];
    let lines = ["INFO one", "DEBUG two", "INFO three", "DEBUG four"];
    assert_eq!(filtered(&filters, &lines, 2), ["INFO one", "INFO three"]);
}
