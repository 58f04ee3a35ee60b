//! What is cut before it is read: it is read from its copy, and where there is none it is counted to the byte,
//! and marked.

use std::collections::BTreeSet;

use support::cloudwatch::{Fault, Rule};

use super::{log, node, stop};
use crate::node::{Node, wait_for_hang};

/// Bytes that a marker says are lost.
fn marked(node: &Node) -> Option<u64> {
    let events = node.fake.read("/host", "messages").into_iter();
    let mut texts = events.filter_map(|e| Some(e.message.strip_prefix("logsieve: ")?.to_owned()));
    let text = texts.find(|text| text.contains("truncated away unread"))?;
    let bytes = text.split(" bytes of this container's log").next()?;
    bytes.replace(',', "").parse().ok()
}

/// Bytes of the different lines that came.
fn came(node: &Node) -> u64 {
    let events = node.fake.read("/host", "messages").into_iter();
    let lines: BTreeSet<String> = events
        .map(|event| event.message)
        .filter(|text| !text.starts_with("logsieve: "))
        .collect();
    lines.iter().map(|line| line.len() as u64 + 1).sum()
}

#[test]
fn what_is_cut_unread_without_a_copy_is_counted_to_the_byte() {
    let mut node = node();
    node.config.more = "budget: 4MiB".to_owned();
    let quick = "flush_after: 50ms, request_timeout: 2s";
    node.config.destinations = node.config.destinations.replace("flush_after: 50ms", quick);
    let mut log = log(&node);
    log.write(20_000, &"x".repeat(400));
    let written = std::fs::metadata(log.path()).unwrap().len();
    node.fake
        .set_script(vec![Rule::always(Fault::Hang).on("PutLogEvents")]);
    let mut agent = node.start();
    wait_for_hang(&node, &mut agent);
    log.truncate();
    node.fake.set_script(Vec::new());
    agent.wait_until("the marker arrives, and all that was read", |_| {
        marked(&node).is_some_and(|lost| came(&node) + lost >= written)
    });
    stop(agent);
    let lost = marked(&node).unwrap();
    assert!(lost > 1_000_000, "{lost}");
    assert_eq!(came(&node) + lost, written);
}

/// The same with a copy: the service is away while the file is cut again and again.
#[test]
fn what_is_cut_unread_is_read_from_its_copies() {
    let mut node = node();
    node.config.more = "budget: 4MiB".to_owned();
    let quick = "flush_after: 50ms, request_timeout: 2s";
    node.config.destinations = node.config.destinations.replace("flush_after: 50ms", quick);
    let mut log = log(&node);
    log.write(10_000, &"x".repeat(400));
    node.fake
        .set_script(vec![Rule::always(Fault::Hang).on("PutLogEvents")]);
    let mut agent = node.start();
    wait_for_hang(&node, &mut agent);
    for round in 0..4 {
        let ending = format!("-2026112{round}");
        log.copy_and_truncate(&ending);
        agent.wait_until("the copy is open", |agent| {
            agent.has_open(&log.with(&ending))
        });
        // A rotation leaves hours between two of them; this one leaves time for a look.
        std::thread::sleep(std::time::Duration::from_millis(2500));
        log.write(2000, &"y".repeat(100));
    }
    node.fake.set_script(Vec::new());
    super::wait_for(&node, &mut agent, &log);
    stop(agent);
    // In order, too: what was seen before a cut comes before what is written behind it.
    super::tally(&node, &log).assert_at_least_once();
    assert_eq!(marked(&node), None);
}

/// The service is away while the file is rotated and packed, and the original may not stay on the disk.
#[test]
fn a_deleted_file_that_keeps_too_much_of_the_disk_is_read_on_in_its_copy() {
    let mut node = node();
    node.config.source = "pinned_bytes_max: 1MiB".to_owned();
    node.config.more = "budget: 4MiB".to_owned();
    let quick = "flush_after: 50ms, request_timeout: 2s";
    node.config.destinations = node.config.destinations.replace("flush_after: 50ms", quick);
    let mut log = log(&node);
    log.write(20_000, &"x".repeat(400));
    node.fake
        .set_script(vec![Rule::always(Fault::Hang).on("PutLogEvents")]);
    let mut agent = node.start();
    wait_for_hang(&node, &mut agent);
    let ending = "-20261120";
    log.rename(ending);
    log.reopen();
    log.write(100, "behind it");
    agent.wait_until("the next one is open", |agent| agent.has_open(log.path()));
    support::plain::compress(&log.with(ending));
    agent.wait_until("the original is let go", |agent| {
        let deleted = log.with(&format!("{ending} (deleted)"));
        agent.has_open(&log.with(&format!("{ending}.gz"))) && !agent.has_open(&deleted)
    });
    node.fake.set_script(Vec::new());
    super::wait_for(&node, &mut agent, &log);
    stop(agent);
    super::tally(&node, &log).assert_at_least_once();
    let mut events = node.fake.events().into_iter();
    assert!(!events.any(|e| e.message.starts_with("logsieve: ")));
}
