//! What goes before it is read is counted to the byte and marked once, and nothing else is; a stop loses
//! only what nobody could deliver in time.

use std::time::Duration;

use bytesize::ByteSize;

use super::bench::{Node, run, run_with};

fn all(from: u32, to: u32) -> Vec<u32> {
    (from..=to).collect()
}

#[test]
fn what_a_truncation_takes_unread_is_counted_and_marked() {
    let mut node = Node::new();
    let before = node.print("0.log", 40_000);
    let mut run = run(&node, None);
    run.hold = true;
    run.steps(2);
    let unread = run.ledger().unread_bytes;
    assert!(unread > 0 && unread < before, "{:?}", run.ledger());
    node.cut("0.log");
    let after = node.print("0.log", 100);
    run.hold = false;
    run.steps(3);
    let ledger = run.ledger();
    assert_eq!(ledger.lost_bytes, unread, "{ledger:?}");
    assert_eq!(ledger.settled_bytes, before - unread + after);
    assert!(!ledger.lost_at_least && run.losses_at_least() == 0);
    let numbers = run.numbers();
    assert_eq!(numbers[numbers.len() - 100..], all(40_001, 40_100));
    let [marker] = &run.markers()[..] else {
        panic!("one marker: {:?}", run.markers());
    };
    assert!(
        marker.contains("truncated away unread between 2026-01-01T00:"),
        "{marker}"
    );
    assert_eq!(ledger.read.records, numbers.len() as u64);
    // The marker is a record that the sink took as well.
    assert_eq!(ledger.records.delivered.records, numbers.len() as u64 + 1);
}

/// The length alone does not tell it.
#[test]
fn a_file_that_was_cut_and_has_grown_beyond_what_was_read_is_read_from_its_start() {
    let mut node = Node::new();
    node.print("0.log", 100);
    let mut run = run(&node, None);
    run.steps(1);
    node.cut("0.log");
    node.print("0.log", 300);
    run.steps(2);
    assert_eq!(run.numbers(), all(1, 400));
    assert_eq!(run.ledger().lost_bytes, 0);
}

#[test]
fn deleted_files_are_given_up_when_they_hold_too_much_of_the_disk() {
    let mut node = Node::new();
    let bytes = node.print("0.log", 40_000);
    let mut run = run_with(&node, None, |c| c.pinned_bytes_max = ByteSize::mib(3));
    run.hold = true;
    run.steps(1);
    node.rename("0.log", "0.log.20260101-000001");
    let kept = node.print("0.log", 30_000);
    run.steps(1);
    node.remove("0.log.20260101-000001");
    node.remove("0.log");
    run.steps(3);
    assert!(run.ledger().pinned_bytes <= 3 << 20, "{:?}", run.ledger());
    run.hold = false;
    run.steps(3);
    let ledger = run.ledger();
    assert!(
        ledger.lost_bytes > 0 && ledger.lost_bytes < bytes,
        "{ledger:?}"
    );
    assert_eq!(ledger.settled_bytes + ledger.lost_bytes, bytes + kept);
    // The second one fits, and is read whole.
    let numbers = run.numbers();
    assert_eq!(numbers[numbers.len() - 30_000..], all(40_001, 70_000));
    assert_eq!(run.markers().len(), 1);
}

#[test]
fn what_a_restart_loses_is_counted_and_marked_at_the_next_start() {
    let mut node = Node::new();
    let bytes = node.print("0.log", 40_000);
    let mut first = run(&node, None);
    first.hold = true;
    first.steps(1);
    // The pod is gone, and the sink does not answer before the kubelet's patience ends.
    std::fs::remove_dir_all(node.path("").parent().unwrap()).unwrap();
    first.steps(2);
    let entries = first.entries();
    drop(first);
    let mut second = run(&node, Some(entries));
    second.steps(2);
    let ledger = second.ledger();
    assert_eq!((ledger.lost_bytes, ledger.lost_at_least), (bytes, true));
    assert_eq!(second.losses_at_least(), 1);
    let [marker] = &second.markers()[..] else {
        panic!("one marker: {:?}", second.markers());
    };
    assert!(
        marker.starts_with("logsieve: at least 3,760,000 bytes"),
        "{marker}"
    );
    assert!(
        marker.contains("bytes of this container's log deleted unread"),
        "{marker}"
    );
    // It is told once.
    let mut third = run(&node, Some(second.entries()));
    third.steps(2);
    assert!(third.markers().is_empty());
}

/// It was read as far as it was written, and is gone with whatever it got after that.
#[test]
fn a_file_that_went_on_and_was_rotated_away_while_nobody_looked_is_told_as_unknown() {
    let mut node = Node::new();
    node.print("0.log", 10);
    let mut first = run(&node, None);
    first.steps(2);
    let entries = first.entries();
    drop(first);
    node.remove("0.log");
    node.print("0.log", 10);
    let mut second = run(&node, Some(entries));
    second.steps(2);
    let [marker] = &second.markers()[..] else {
        panic!("one marker: {:?}", second.markers());
    };
    assert!(marker.contains("an unknown number of bytes"), "{marker}");
    assert!(marker.contains("rotated away unread"), "{marker}");
    assert_eq!(second.numbers(), all(11, 20));
}

#[test]
fn a_stop_reads_deleted_files_to_their_end_first() {
    let mut node = Node::new();
    node.print("0.log", 40_000);
    let mut run = run(&node, None);
    run.hold = true;
    run.step();
    node.remove("0.log");
    run.hold = false;
    run.drain();
    let drained = (0..200).any(|_| run.drained());
    assert!(drained);
    assert_eq!(run.numbers(), all(1, 40_000));
}

#[test]
fn a_stop_leaves_what_can_be_read_again() {
    let mut node = Node::new();
    node.print("0.log", 40_000);
    let mut first = run(&node, None);
    first.hold = true;
    first.step();
    first.hold = false;
    first.answer();
    first.drain();
    assert!((0..200).any(|_| first.drained()));
    let came = first.numbers().len();
    assert!(came < 40_000);
    let mut second = run(&node, Some(first.entries()));
    second.steps(3);
    let both = [first.numbers(), second.numbers()].concat();
    assert_eq!(both, all(1, 40_000));
}

/// A last line without its end, of a file that nobody can read again.
#[test]
fn a_stop_lets_go_the_unfinished_lines_of_deleted_files() {
    let node = Node::new();
    node.write("0.log", b"2026-01-01T00:00:00Z stdout P half of it\n");
    let mut run = run(&node, None);
    run.steps(1);
    node.remove("0.log");
    run.drain();
    assert!((0..200).any(|_| run.drained()));
    assert_eq!(run.texts(), ["half of it"]);
    assert!(run.lane().is_drained());
}

/// However often it has to be.
#[test]
fn a_line_that_is_let_go_unfinished_is_counted_as_read_once() {
    let mut node = Node::new();
    node.print("0.log", 1);
    node.write("0.log", b"2026-01-01T00:00:00Z stdout P half of it\n");
    let mut run = run_with(&node, None, |c| c.partial_idle = Duration::from_secs(1));
    run.hold = true;
    run.steps(3);
    assert_eq!((run.waiting.len(), run.ledger().read.records), (2, 2));
    // Both are abandoned.
    run.waiting.clear();
    run.hold = false;
    run.steps(3);
    let ledger = run.ledger();
    assert_eq!(run.texts().len(), 2);
    let delivered = ledger.records.delivered.records;
    assert_eq!((ledger.read.records, delivered), (2, 2), "{ledger:?}");
}

/// Of a file with newer ones behind it, which the next start will read.
#[test]
fn a_stop_lets_go_what_waits_of_a_deleted_file_and_leaves_the_others() {
    let mut node = Node::new();
    node.write("0.log", b"2026-01-01T00:00:00Z stdout P half of it\n");
    let mut run = run(&node, None);
    run.steps(1);
    node.rename("0.log", "0.log.20260101-000001");
    node.write("0.log", b"");
    run.steps(1);
    node.remove("0.log.20260101-000001");
    node.print("0.log", 10);
    run.drain();
    assert!((0..200).any(|_| run.drained()));
    assert_eq!(run.texts(), ["half of it"]);
}

#[test]
fn the_torn_last_line_of_a_deleted_file_arrives() {
    let node = Node::new();
    node.write("0.log", b"2026-01-01T00:00:00Z stdout F it died in the mid");
    let mut run = run(&node, None);
    run.steps(1);
    node.remove("0.log");
    run.steps(4);
    assert_eq!(run.texts(), ["it died in the mid"]);
    run.steps(12);
    assert_eq!(
        (run.ledger().open_files, run.ledger().settled_bytes),
        (0, 48)
    );
}

/// It waits behind a former one, and nobody has read of it yet.
#[test]
fn a_file_that_was_cut_before_it_was_read_is_known_by_its_new_beginning() {
    let mut node = Node::new();
    node.print("0.log", 40_000);
    let mut first = run(&node, None);
    first.hold = true;
    first.step();
    node.rename("0.log", "0.log.20260101-000001");
    let cut = node.print("0.log", 100);
    first.step();
    node.cut("0.log");
    node.print("0.log", 200);
    first.hold = false;
    first.steps(3);
    assert_eq!(first.ledger().lost_bytes, cut);
    assert_eq!(first.markers().len(), 1);
    assert_eq!(
        first.numbers(),
        [all(1, 40_000), all(40_101, 40_300)].concat()
    );
    // The checkpoint knows it by what it is.
    let mut second = run(&node, Some(first.entries()));
    second.steps(2);
    assert!(second.texts().is_empty(), "{:?}", second.texts());
}
