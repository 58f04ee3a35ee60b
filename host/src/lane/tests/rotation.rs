//! Files are rotated, compressed, deleted and made anew, under a reader that is late or stopped: every
//! file is read once, and in its order.

use super::bench::{Node, from_end, run, run_with};

fn all(from: u32, to: u32) -> Vec<u32> {
    (from..=to).collect()
}

#[test]
fn compressed_files_are_read_when_the_agent_comes_late() {
    let mut node = Node::new();
    for n in 1..=3 {
        node.print("0.log", 10_000);
        node.rename("0.log", &format!("0.log.20260101-00000{n}"));
        if n < 3 {
            node.pack(&format!("0.log.20260101-00000{n}"));
        }
    }
    node.print("0.log", 10);
    let mut first = run(&node, None);
    first.steps(4);
    assert_eq!(first.numbers(), all(1, 30_010));
    // And not again after a restart, compressed once more or not.
    node.pack("0.log.20260101-000003");
    let mut second = run(&node, Some(first.entries()));
    second.steps(4);
    assert_eq!(second.numbers(), all(1, 0));
    assert!(second.markers().is_empty());
}

#[test]
fn a_file_is_read_on_where_it_was_though_it_was_compressed_meanwhile() {
    let mut node = Node::new();
    node.print("0.log", 40_000);
    let mut first = run(&node, None);
    first.hold = true;
    first.step();
    first.answer();
    first.step();
    let came = first.numbers();
    assert!(!came.is_empty() && came.len() < 40_000);
    let entries = first.entries();
    drop(first);
    node.rename("0.log", "0.log.20260101-000001");
    node.pack("0.log.20260101-000001");
    node.print("0.log", 10);
    let mut second = run(&node, Some(entries));
    second.steps(4);
    assert_eq!([came, second.numbers()].concat(), all(1, 40_010));
    assert_eq!(second.ledger().lost_bytes, 0);
}

/// The agent could not look for several rotations.
#[test]
fn what_was_rotated_and_compressed_between_two_looks_is_read() {
    let mut node = Node::new();
    node.print("0.log", 100);
    let mut run = run(&node, None);
    run.steps(1);
    for n in 1..=3 {
        node.rename("0.log", &format!("0.log.20260101-00000{n}"));
        node.print("0.log", 1000);
        if n > 1 {
            node.pack(&format!("0.log.20260101-00000{}", n - 1));
        }
    }
    run.steps(3);
    assert_eq!(run.numbers(), all(1, 3100));
}

#[test]
fn files_found_at_once_are_read_in_the_order_of_their_first_lines() {
    let mut node = Node::new();
    // Their births are within one tick of the filesystem's clock, or in another order.
    node.write("0.log", b"");
    for n in 1..=9 {
        node.print(&format!("0.log.20260101-00000{n}"), 10);
    }
    node.print("0.log", 10);
    let mut run = run(&node, None);
    run.steps(2);
    assert_eq!(run.numbers(), all(1, 100));
}

#[test]
fn a_file_found_late_is_read_before_a_newer_one_that_is_not_begun() {
    let mut node = Node::new();
    node.print("0.log", 30_000);
    let mut run = run(&node, None);
    run.hold = true;
    run.step();
    // Hidden from the listing, until the next one shows it.
    node.rename("0.log", "0.log.20260101-000001");
    node.print("hidden", 10);
    node.print("0.log", 10);
    run.steps(1);
    node.rename("hidden", "0.log.20260101-000002");
    run.hold = false;
    run.steps(3);
    assert_eq!(run.numbers(), all(1, 30_020));
}

#[test]
fn a_file_deleted_and_made_anew_with_the_same_inode_is_another_file() {
    let mut node = Node::new();
    for _ in 0..10 {
        node.print("0.log", 10);
        let mut run = run(&node, Some(Default::default()));
        run.steps(1);
        node.remove("0.log");
        node.print("0.log", 10);
        run.steps(2);
        assert_eq!(run.numbers().len(), 20);
        assert_eq!(run.ledger().lost_bytes, 0);
        node.remove("0.log");
    }
}

#[test]
fn a_link_that_leads_to_another_file_is_followed() {
    let mut node = Node::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let link = |to: &str| {
        let _ = std::fs::remove_file(node.path("0.log"));
        std::os::unix::fs::symlink(elsewhere.path().join(to), node.path("0.log")).unwrap();
    };
    link("first");
    node.print("0.log", 10);
    let mut run = run(&node, None);
    run.steps(1);
    let _ = std::fs::remove_file(node.path("0.log"));
    std::os::unix::fs::symlink(elsewhere.path().join("second"), node.path("0.log")).unwrap();
    node.print("0.log", 10);
    run.steps(2);
    assert_eq!(run.numbers(), all(1, 20));
}

#[test]
fn a_first_start_at_the_end_reads_what_is_written_from_then_on() {
    let mut node = Node::new();
    node.print("0.log.20260101-000001", 10);
    node.pack("0.log.20260101-000001");
    node.print("0.log.20260101-000002", 10);
    node.print("0.log", 10);
    let mut first = run_with(&node, None, from_end);
    first.steps(1);
    node.print("0.log", 5);
    node.rename("0.log", "0.log.20260101-000003");
    node.print("0.log", 5);
    first.steps(2);
    assert_eq!(first.numbers(), all(31, 40));
    let mut second = run_with(&node, Some(first.entries()), from_end);
    node.print("1.log", 5);
    second.steps(2);
    assert_eq!(second.numbers(), all(41, 45));
}

/// The clock was set back between two files: by times and births the live one is the older.
#[test]
fn a_live_file_is_the_newest_though_the_clock_was_set_back() {
    let node = Node::new();
    let line = |time: &str, n: u32| format!("{time} stdout F {n:08} x\n").into_bytes();
    node.write("0.log", &line("2026-01-01T02:00:00Z", 1));
    let mut run = run(&node, None);
    run.steps(1);
    node.rename("0.log", "0.log.20260101-020000");
    node.write("0.log", &line("2026-01-01T01:00:00Z", 2));
    run.steps(4);
    // Its lines arrive, now and later.
    node.write("0.log", &line("2026-01-01T01:00:01Z", 3));
    run.steps(4);
    node.write("0.log", &line("2026-01-01T01:00:02Z", 4));
    run.steps(2);
    assert_eq!(run.numbers(), all(1, 4));
}

/// What is behind is read first where it is nearest to being lost.
#[test]
fn the_file_that_is_nearest_to_deletion_is_read_first() {
    let mut node = Node::new();
    let pods = [
        "shop_live-0_a/c",
        "shop_rotated-0_b/c",
        "shop_deleted-0_c/c",
    ];
    for pod in pods {
        node.turn_to(pod);
        node.write("0.log", b"");
    }
    let mut run = run(&node, None);
    run.step();
    for pod in pods {
        node.turn_to(pod);
        node.print("0.log", 10_000);
    }
    node.remove("0.log");
    node.turn_to(pods[1]);
    node.rename("0.log", "0.log.20260101-000001");
    node.print("0.log", 1);
    run.steps(3);
    let numbers = run.numbers();
    assert_eq!(numbers.len(), 30_001);
    let end = |n: u32| numbers.iter().position(|x| *x == n).unwrap();
    assert!(end(30_000) < end(20_000) && end(20_000) < end(10_000));
}

/// Its parts leave one by one, and the reader goes back into the middle of it.
#[test]
fn the_rest_of_a_long_line_is_read_again_as_what_it_is() {
    let node = Node::new();
    let mut line = b"2026-01-01T00:00:00Z stderr F ".to_vec();
    line.resize(9 << 20, b'x');
    line.push(b'\n');
    node.write("0.log", &line);
    let mut run = run(&node, None);
    run.hold = true;
    run.steps(1);
    let first = run.waiting.remove(0);
    // The others are abandoned.
    run.waiting.clear();
    run.waiting.push(first);
    run.hold = false;
    run.steps(3);
    let texts = run.texts();
    assert!(
        texts
            .iter()
            .all(|t| t.starts_with("xxx") || t.starts_with(" [logsieve: part")),
        "{:?}",
        texts.iter().map(|t| &t[..40]).collect::<Vec<_>>()
    );
    let text: usize = texts.iter().map(|t| t.matches('x').count()).sum();
    assert!(text >= (9 << 20) - 30);
    assert_eq!(run.ledger().lost_bytes, 0);
}
