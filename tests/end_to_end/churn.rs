//! Very many containers that come and go: every first word and every last one arrives, though files go
//! half a second after their pod.

use std::time::{Duration, Instant};

use support::kubelet::{Driver, Expected, Mix, Written};
use support::tally::{Delivered, Order, Tally};

use crate::flow::long_or;
use crate::node::{Node, cloudwatch, wait_for_words};

/// One stream for all: a stream for each pod is made at one a second, as the service wants it.
fn node() -> Node {
    let mut node = Node::new();
    let destination = cloudwatch(&node.fake.url(), "format: text");
    let destination = destination.replace("{k8s.pod.name}/{k8s.container.name}", "all");
    node.config.destinations = format!("{{ main: {destination} }}");
    node
}

fn tally(node: &Node, written: &[Written]) -> Tally {
    let expected: Vec<Expected> = written.iter().map(Written::expected).collect();
    let events = node.fake.events();
    let delivered: Vec<Delivered> = events.iter().map(Delivered::text).collect();
    Tally::of(&expected, &delivered, Order::Written)
}

#[test]
fn a_thousand_containers_that_come_and_go_lose_nothing() {
    let node = node();
    let mix = Mix {
        rotate: 60,
        restart: 40,
        replace: 40,
        ..Mix::default()
    };
    let mut driver = Driver::new(&node.kubelet, 1000, long_or(200, 1000), mix);
    let mut agent = node.start();
    wait_for_words(&mut agent, "logsieve runs");
    let (began, length) = (Instant::now(), Duration::from_secs(long_or(4, 60)));
    while began.elapsed() < length {
        (0..50).for_each(|_| driver.step());
        std::thread::sleep(Duration::from_millis(20));
    }
    driver.finish();
    let written = driver.written();
    let came = agent.holds_in_time(|_| {
        node.fake.event_count() >= written.len() && tally(&node, &written).losses() == 0
    });
    let (tally, done) = (tally(&node, &written), driver.done());
    println!(
        "soak churning containers: {} written, {} lost, {} repeated ({done:?})",
        written.len(),
        tally.losses(),
        tally.repeats()
    );
    assert!(came, "waited in vain: {}", agent.stderr());
    let found = node.found(&agent, &written);
    node.assert_books(&mut agent, &found);
    assert!(agent.drain().success(), "{}", agent.stderr());
    tally.assert_exactly_once();
}
