//! How the agent treats CloudWatch: sizes, order between requests, how many requests.
//!
//! Looked at from the service's side, in its books.

use support::kubelet::Stream;

use crate::node::Node;

#[test]
fn records_of_one_millisecond_never_lie_in_two_requests_in_flight() {
    let node = Node::new();
    node.fake.set_script(vec![
        support::cloudwatch::Rule::always(support::cloudwatch::Fault::Slow { milliseconds: 40 })
            .on("PutLogEvents"),
    ]);
    let mut app = node.kubelet.start("web", "shop-1", "app");
    let text = "x".repeat(900);
    (0..8_000).for_each(|_| drop(app.print_numbered(Stream::Stdout, &text)));
    let mut agent = node.start();
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
    let puts = node.fake.requests_for("PutLogEvents");
    for (index, first) in puts.iter().enumerate().filter(|(_, put)| put.is_stored()) {
        for second in puts[index + 1..].iter().filter(|put| put.is_stored()) {
            let share = first.last_ms == second.first_ms && first.log_stream == second.log_stream;
            assert!(
                !(share && first.overlaps(second)),
                "{first:?} and {second:?}"
            );
        }
    }
}

#[test]
fn a_quiet_container_is_sent_without_waiting_for_more() {
    let node = Node::new();
    let mut agent = node.start();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    app.print_numbered(Stream::Stdout, "alone");
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
}

#[test]
fn a_backlog_is_sent_in_large_requests() {
    let node = Node::new();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    let text = "x".repeat(500);
    (0..10_000).for_each(|_| drop(app.print_numbered(Stream::Stdout, &text)));
    let mut agent = node.start();
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
    let stored: Vec<usize> = node
        .fake
        .requests_for("PutLogEvents")
        .iter()
        .filter(|put| put.is_stored())
        .map(|put| put.message_bytes)
        .collect();
    // 5.1 MB are five requests at best.
    assert!(stored.len() <= 12, "requests of {stored:?} bytes");
}

/// Many containers may share one stream; requests are filled across them.
#[test]
fn containers_that_share_a_stream_share_its_requests() {
    let mut node = Node::new();
    node.config.destinations = format!(
        "{{ main: {{ cloudwatch: {{ region: eu-central-1, endpoint: \"{}\", log_group: all, \
         log_stream: node, format: text, flush_after: 300ms }} }} }}",
        node.fake.url()
    );
    let mut containers: Vec<_> = (0..20)
        .map(|number| node.kubelet.start("web", &format!("shop-{number}"), "app"))
        .collect();
    for container in &mut containers {
        (0..50).for_each(|_| drop(container.print_numbered(Stream::Stdout, "some words")));
    }
    let written = containers
        .iter()
        .flat_map(|c| c.written())
        .cloned()
        .collect::<Vec<_>>();
    let mut agent = node.start();
    agent.wait_until("all arrive", |_| node.fake.event_count() >= written.len());
    assert!(agent.drain().success());
    let delivered: Vec<_> = node
        .fake
        .read("all", "node")
        .iter()
        .map(support::tally::Delivered::text)
        .collect();
    let expected: Vec<_> = written
        .iter()
        .map(support::kubelet::Written::expected)
        .collect();
    let order = support::tally::Order::Millisecond;
    support::tally::Tally::of(&expected, &delivered, order).assert_exactly_once();
    let puts = node.fake.requests_for("PutLogEvents").len();
    assert!(
        puts <= 10,
        "{puts} requests for 1,000 records of 20 containers"
    );
}
