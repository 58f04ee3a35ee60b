//! A disk that does not give what stands there: it is asked ever more rarely, and all is read
//! once it does.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::bench::{Node, run_on};
use crate::source::log_file::files::sick::{Call, SickDisk};

#[test]
fn a_file_that_cannot_be_read_is_tried_ever_more_rarely_and_read_when_it_can() {
    let mut node = Node::new();
    node.print("0.log", 30_000);
    let is_sick = Arc::new(AtomicBool::new(false));
    let sick = is_sick.clone();
    let disk = SickDisk::new(move |call| match call {
        Call::Read if sick.load(Ordering::Relaxed) => Err(io::Error::from_raw_os_error(5)),
        _ => Ok(()),
    });
    let mut run = run_on(disk, &node, None, |_| {});
    run.step();
    // It was seen that more stands there.
    let read = run.numbers().len();
    assert!((1..30_000).contains(&read), "{read}");
    is_sick.store(true, Ordering::Relaxed);
    run.steps(10);
    let failures = run.read_failures();
    assert!((3..12).contains(&failures), "{failures} tries");
    is_sick.store(false, Ordering::Relaxed);
    run.steps(11);
    assert_eq!(run.numbers(), (1..=30_000).collect::<Vec<u32>>());
    assert_eq!(run.read_failures(), failures);
    assert_eq!(run.ledger().lost_bytes, 0);
}

/// Its container has no row in the status, and the log tells it once.
#[test]
fn a_file_that_cannot_be_opened_stands_in_the_status_until_it_can() {
    let mut node = Node::new();
    node.print("0.log", 10);
    let is_denied = Arc::new(AtomicBool::new(true));
    let denied = is_denied.clone();
    let disk = SickDisk::new(move |call| match call {
        Call::Open if denied.load(Ordering::Relaxed) => Err(io::Error::from_raw_os_error(13)),
        _ => Ok(()),
    });
    let mut run = run_on(disk, &node, None, |_| {});
    run.steps(2);
    let unreadable = run.lane().status(run.now()).unreadable;
    assert_eq!(unreadable.len(), 1);
    assert!(unreadable[0].path.ends_with("0.log"), "{unreadable:?}");
    assert!(unreadable[0].why.contains("group 0"), "{unreadable:?}");
    is_denied.store(false, Ordering::Relaxed);
    run.steps(120);
    assert_eq!(run.lane().status(run.now()).unreadable, []);
    assert_eq!(run.numbers(), (1..=10).collect::<Vec<u32>>());
}
