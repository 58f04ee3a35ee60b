//! Plain files of the node, on their way to the service: all of them, once each, whatever rotates them and
//! whatever happens to the agent meanwhile.

mod bytes;
mod choice;
mod losses;
mod restarts;

use std::fs;
use std::path::PathBuf;

use support::agent::Agent;
use support::plain::{PlainLog, compress};
use support::tally::{Delivered, Order, Tally};

use crate::node::{Node, wait_for_words};

/// A node whose plain files have a stream each.
fn node() -> Node {
    let mut node = Node::new();
    node.config.destinations = format!(
        "{{ main: {{ cloudwatch: {{ region: eu-central-1, endpoint: \"{}\", flush_after: 50ms, format: text, \
         log_group: /host, log_stream: '{{log.file.name|other}}' }} }} }}",
        node.fake.url()
    );
    fs::create_dir_all(path(&node, "")).unwrap();
    node.config.files = format!(
        "{{ host: {{ include: [{}] }} }}",
        path(&node, "*").display()
    );
    node
}

fn path(node: &Node, name: &str) -> PathBuf {
    node.path().join("plain").join(name)
}

fn log(node: &Node) -> PlainLog {
    PlainLog::new(&path(node, "messages"), 0)
}

fn tally(node: &Node, log: &PlainLog) -> Tally {
    let delivered: Vec<Delivered> = node
        .fake
        .read("/host", "messages")
        .iter()
        .map(Delivered::text)
        .collect();
    Tally::of(log.expected(), &delivered, Order::Millisecond)
}

fn wait_for(node: &Node, agent: &mut Agent, log: &PlainLog) {
    let arrived = agent.holds_in_time(|_| {
        node.fake.event_count() >= log.expected().len() && tally(node, log).losses() == 0
    });
    assert!(arrived, "{}\n{}", tally(node, log), agent.stderr());
}

fn stop(mut agent: Agent) {
    wait_for_words(&mut agent, "logsieve runs");
    assert!(agent.drain().success(), "{}", agent.stderr());
}

#[test]
fn lines_arrive_once_each_at_the_time_that_they_tell() {
    let node = node();
    let mut log = log(&node);
    log.write(500, "before the agent");
    let mut agent = node.start();
    wait_for(&node, &mut agent, &log);
    log.write(500, "while it runs");
    wait_for(&node, &mut agent, &log);
    stop(agent);
    tally(&node, &log).assert_exactly_once();
}

/// A rotation, the so-manieth of its file.
type Rotate = fn(&mut PlainLog, usize);

/// What rotates files, as `logrotate` can be told to.
const ROTATIONS: [(&str, Rotate); 5] = [
    ("by number", |log, _| {
        log.shift(9);
        log.rename(".1");
        log.write(20, "into the renamed file");
        log.reopen();
    }),
    ("by date", |log, round| {
        log.rename(&format!("-2026112{round}"));
        log.write(20, "into the renamed file");
        log.reopen();
    }),
    ("compressed at once", |log, _| {
        log.shift(9);
        log.rename(".1");
        log.reopen();
        compress(&log.with(".1"));
    }),
    ("copied and cut", |log, _| {
        log.shift(9);
        log.copy_and_truncate(".1");
    }),
    ("copied, cut and compressed", |log, round| {
        let ending = format!("-2026112{round}");
        log.copy_and_truncate(&ending);
        compress(&log.with(&ending));
    }),
];

#[test]
fn a_rotated_plain_file_is_read_to_its_end_however_it_is_rotated() {
    for (how, rotate) in ROTATIONS {
        let node = node();
        let mut log = log(&node);
        let mut agent = node.start();
        wait_for_words(&mut agent, "logsieve runs");
        for round in 0..5 {
            log.write(300, how);
            rotate(&mut log, round);
            log.write(30, "behind it");
            wait_for(&node, &mut agent, &log);
        }
        stop(agent);
        eprintln!("{how}");
        let tally = tally(&node, &log);
        if how.starts_with("copied") {
            // What follows a cut may be read before the copy is found that has what was cut.
            tally.assert_each_once_in_any_order();
        } else {
            tally.assert_exactly_once();
        }
    }
}
