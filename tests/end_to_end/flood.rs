//! Rotation under load: the kubelet's own, a faster one, much faster writing, and files cut in place.
//! Other agents were measured to lose up to two thirds of the records here, and none of them said so.

use std::collections::HashSet;
use std::fs;
use std::time::Duration;

use support::agent::Agent;
use support::books::{Ledger, Told};
use support::cloudwatch::{Fault, Rule};

use crate::flow::{Flow, KIB, MIB, long_or};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Pours while the kubelet looks every `poll`, and rotates what is larger than `size`.
fn pour_with_kubelet(flow: &mut Flow, rate: usize, length: Duration, size: usize, poll: Duration) {
    let (mut next, mut rotations) = (poll, 0);
    flow.pour(rate, length, |flow, passed| {
        if passed >= next {
            next = passed + poll;
            if flow.live_bytes() > size {
                flow.app.rotate();
                rotations += 1;
            }
        }
    });
    assert!(
        rotations > 2,
        "only {rotations} rotations: nothing is shown"
    );
}

#[test]
fn the_kubelets_rotation_at_a_mebibyte_a_second_loses_nothing() {
    let mut flow = Flow::new();
    let mut agent = flow.node.start();
    let (size, poll) = (long_or(256 * KIB, 10 * MIB), seconds(long_or(1, 10)));
    let length = seconds(long_or(6, 120));
    pour_with_kubelet(&mut flow, MIB, length, size, poll);
    let count = flow.ends_whole("kubelet rotation, 1 MiB/s, 10 MiB x 5, gzip", &mut agent);
    assert_eq!(count.repeated, 0, "{count}");
}

#[test]
fn a_rotation_every_second_at_four_megabytes_loses_nothing() {
    let mut flow = Flow::new();
    let mut agent = flow.node.start();
    let mut rotations = 0;
    flow.pour(4_000_000, seconds(long_or(5, 20)), |flow, passed| {
        if passed.as_millis() / 1030 > rotations {
            rotations += 1;
            flow.app.rotate();
        }
    });
    assert!(rotations >= long_or(4, 19), "{rotations} rotations");
    let count = flow.ends_whole("rename every 1.03 s, 4 MB/s", &mut agent);
    assert_eq!(count.repeated, 0, "{count}");
}

#[test]
fn rotation_at_twelve_megabytes_a_second_loses_nothing() {
    let mut flow = Flow::new();
    let mut agent = flow.node.start();
    let length = seconds(long_or(4, 30));
    pour_with_kubelet(&mut flow, 12_000_000, length, 10 * MIB, Duration::ZERO);
    let count = flow.ends_whole("12 MB/s, 10 MiB x 5", &mut agent);
    assert_eq!(count.repeated, 0, "{count}");
}

/// What was read before the cut is not lost with it, and what comes after it is read from the start,
/// however soon the file is as long as before.
#[test]
fn a_file_that_is_cut_in_place_again_and_again_loses_nothing_that_was_read() {
    let mut flow = Flow::new();
    let mut agent = flow.node.start();
    for round in 0..long_or(4, 30) {
        flow.app.pour(200 * KIB);
        flow.wait(&mut agent);
        flow.app.copy_and_truncate();
        if round % 2 == 1 {
            // At once longer than it was.
            flow.app.pour(300 * KIB);
            flow.wait(&mut agent);
        }
    }
    let count = flow.ends_whole("copytruncate of what was read", &mut agent);
    assert_eq!(count.repeated, 0, "{count}");
}

/// The books of the node's only container.
fn books(agent: &Agent) -> Ledger {
    let told = agent.admin().map(Told::metrics).unwrap_or_default();
    told.metrics.into_values().next().unwrap_or_default()
}

/// The service takes nothing, so reading stops, and then the file is cut: what was read arrives, and the
/// agent's ledger has the rest, as the verifier has.
#[test]
fn what_a_cut_takes_unread_is_in_the_ledger_to_the_byte() {
    let mut flow = Flow::new();
    let mut agent = flow.node.start();
    flow.app.pour(200 * KIB);
    flow.wait(&mut agent);
    let refuses = Rule::always(Fault::Throttle).on("PutLogEvents");
    flow.node.fake.set_script(vec![refuses]);
    flow.app.pour(24 * MIB);
    let before = fs::read_to_string(flow.app.live_path()).expect("its own log");
    agent.wait_until("all of it is seen", |agent| {
        books(agent).seen_bytes == before.len() as u64
    });
    flow.app.copy_and_truncate();
    flow.node.fake.set_script(Vec::new());
    flow.app.pour(300 * KIB);
    let all = before.len() as u64 + flow.live_bytes() as u64;
    agent.wait_until("every byte is settled or lost", |agent| {
        let books = books(agent);
        books.seen_bytes == all && books.settled_bytes + books.lost_bytes == all
    });
    agent.wait_until("the loss is told", |_| flow.count().markers.len() == 1);
    let stream = format!("{}/app", flow.app.pod());
    let events = flow.node.fake.read("/eks/web", &stream);
    let came: HashSet<&str> = events.iter().map(|event| &*event.message).collect();
    let text = |line: &str| line.splitn(4, ' ').nth(3).map(str::to_owned);
    let missing = before
        .lines()
        .filter(|line| text(line).is_none_or(|text| !came.contains(&*text)));
    let missing: usize = missing.map(|line| line.len() + 1).sum();
    let lost = books(&agent).lost_bytes;
    assert!(
        missing > 0 && lost == missing as u64,
        "{missing} bytes: {lost}"
    );
    flow.assert_books(&mut agent);
    let count = flow.count();
    println!("soak cut unread: {count}");
    assert_eq!(
        (count.repeated, count.reordered, count.altered),
        (0, 0, 0),
        "{count}"
    );
    assert!(
        count.markers[0].contains("truncated away unread"),
        "{count}"
    );
    assert!(agent.drain().success(), "{}", agent.stderr());
}
