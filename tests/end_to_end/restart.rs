//! The agent is stopped, killed and started again.
//!
//! A stop loses and repeats nothing. A kill loses nothing, and repeats only what was in flight or
//! settled since the last checkpoint.

use std::time::Duration;

use support::cloudwatch::{Fault, Rule};
use support::kubelet::{Driver, Mix, Stream};

use crate::node::{Node, a_while};

fn rule(fault: Fault) -> Vec<Rule> {
    vec![Rule::always(fault).on("PutLogEvents")]
}

#[test]
fn a_stopped_agent_goes_on_where_it_was() {
    let node = Node::new();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    for round in 0..3 {
        (0..200).for_each(|_| drop(app.print_numbered(Stream::Stdout, format!("round {round}"))));
        let mut agent = node.start();
        node.drain_after(&mut agent, app.written());
    }
    node.tally(app.written()).assert_exactly_once();
}

#[test]
fn what_was_read_is_delivered_before_the_agent_stops() {
    let node = Node::new();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    (0..5_000).for_each(|_| drop(app.print_numbered(Stream::Stdout, "some words")));
    let mut agent = node.start();
    agent.wait_until("the first request", |_| node.fake.event_count() > 0);
    assert!(agent.drain().success());
    let came = node.fake.event_count();
    node.tally(app.written()).assert_prefix_came_once(came);
    let mut agent = node.start();
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
}

#[test]
fn a_killed_agent_loses_nothing() {
    let node = Node::new();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    for _ in 0..5 {
        (0..2_000).for_each(|_| drop(app.print_numbered(Stream::Stdout, "some words")));
        let before = node.fake.event_count();
        let mut agent = node.start();
        agent.wait_until("something new arrives", |_| {
            node.fake.event_count() > before
        });
        agent.kill();
    }
    let mut agent = node.start();
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_at_least_once();
}

#[test]
fn an_agent_that_is_killed_again_and_again_on_a_busy_node_loses_nothing() {
    let node = Node::new();
    // No file goes that is not delivered: what is unlinked while nobody looks, no agent can read.
    let mix = Mix {
        replace: 0,
        restart: 0,
        rotate: 0,
        ..Mix::default()
    };
    let mut driver = Driver::new(&node.kubelet, 8_821, 6, mix);
    for _ in 0..6 {
        let mut agent = node.start();
        node.wait_for(&mut agent, &driver.written());
        driver.rotate_all();
        for _ in 0..20 {
            (0..40).for_each(|_| driver.step());
            std::thread::sleep(Duration::from_millis(15));
        }
        agent.kill();
    }
    let mut agent = node.start();
    let written = driver.written();
    node.drain_after(&mut agent, &written);
    node.tally(&written).assert_at_least_once();
}

/// Offsets move only after the service took the records.
#[test]
fn records_without_an_answer_are_sent_again_after_a_restart() {
    let node = Node::new();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    (0..100).for_each(|_| drop(app.print_numbered(Stream::Stdout, "some words")));
    node.fake.set_script(rule(Fault::Hang));
    let mut agent = node.start();
    agent.wait_until("a request hangs", |_| {
        node.fake
            .requests()
            .iter()
            .any(|request| request.fault.is_some())
    });
    a_while();
    agent.kill();
    assert_eq!(node.fake.event_count(), 0);
    node.fake.set_script(Vec::new());
    let mut agent = node.start();
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
}

#[test]
fn an_unfinished_line_is_read_again_after_a_stop() {
    let node = Node::new();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    app.print_numbered(Stream::Stdout, "whole");
    let whole = app.written().to_vec();
    // One record in two pieces, and a stop between them.
    let time = "2026-11-23T20:00:00Z";
    let token = app.next_token();
    app.write_raw(format!("{time} stdout P {token} first half, \n").as_bytes());
    let mut agent = node.start();
    node.wait_for(&mut agent, &whole);
    node.drain(&mut agent);
    app.write_raw(format!("{time} stdout F second half\n").as_bytes());
    let mut agent = node.start();
    let joined = format!("{token} first half, second half");
    agent.wait_until("the joined record arrives", |_| {
        node.fake
            .events()
            .iter()
            .any(|event| event.message == joined)
    });
    assert_eq!(node.fake.event_count(), 2);
}

#[test]
fn a_second_agent_does_not_take_the_state_of_the_first() {
    let node = Node::new();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    app.print_numbered(Stream::Stdout, "first");
    let mut agent = node.start();
    node.wait_for(&mut agent, app.written());
    let mut second = node.start();
    assert_eq!(second.wait_for_exit().code(), Some(1));
    let said = second.stderr();
    assert!(
        said.contains(node.state().to_str().unwrap()),
        "it does not name the folder: {said}"
    );
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
}

#[test]
fn a_damaged_checkpoint_is_set_aside_and_loses_nothing() {
    let node = Node::new();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    (0..50).for_each(|_| drop(app.print_numbered(Stream::Stdout, "some words")));
    let mut agent = node.start();
    node.drain_after(&mut agent, app.written());
    let files = std::fs::read_dir(node.state()).unwrap().flatten();
    let has_content = |known: std::fs::Metadata| known.is_file() && known.len() > 0;
    for file in files.filter(|file| has_content(file.metadata().unwrap())) {
        std::fs::write(file.path(), b"not a checkpoint").unwrap();
    }
    app.print_numbered(Stream::Stdout, "after the damage");
    let mut agent = node.start();
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_at_least_once();
    assert!(agent.stderr().contains("set aside"), "{}", agent.stderr());
}

/// `start: end` is for a node that has logs from before; only the first start is one.
#[test]
fn an_agent_that_starts_at_the_end_reads_what_comes_from_then_on() {
    let mut node = Node::new();
    node.config.source = "start: end".to_owned();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    (0..50).for_each(|_| drop(app.print_numbered(Stream::Stdout, "from before")));
    let before = app.written().len();
    let mut agent = node.start();
    let live = app.live_path();
    agent.wait_until("it has found the file", |agent| agent.has_open(&live));
    // A pod that comes later is read whole.
    let mut late = node.kubelet.start("web", "shop-2", "app");
    late.print_numbered(Stream::Stdout, "of a later pod");
    node.wait_for(&mut agent, late.written());
    (0..50).for_each(|_| drop(app.print_numbered(Stream::Stdout, "from now on")));
    let written = [&app.written()[before..], late.written()].concat();
    node.drain_after(&mut agent, &written);
    app.print_numbered(Stream::Stdout, "while the agent is down");
    let written = [&app.written()[before..], late.written()].concat();
    let mut agent = node.start();
    node.drain_after(&mut agent, &written);
    node.tally(&written).assert_exactly_once();
}
