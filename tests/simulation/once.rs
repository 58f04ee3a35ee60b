//! What the simulation once found, each as the shortest way to see it again, whatever the seeds have
//! become since.

use crate::bench::{Bench, SECOND, line};

/// It was closed by what the last look had seen, though nobody had looked since reading stopped.
#[test]
fn a_file_that_grew_while_reading_was_stopped_is_not_closed_unread() {
    let mut bench = Bench::new();
    let (folder, quiet) = bench.container("quiet");
    bench.disk.append(quiet, line(1, "F", "first").as_bytes());
    bench.pass(3 * SECOND, "");
    // Another container of the same log group takes all the room there is.
    let (_, flood) = bench.container("flood");
    bench.disk.append(
        flood,
        line(2, "F", &"x".repeat(500)).repeat(8000).as_bytes(),
    );
    bench.pass(3 * SECOND, "flood");
    bench
        .disk
        .append(quiet, line(3, "F", "last words").as_bytes());
    bench.disk.unlink(&folder.join("0.log"));
    bench.disk.remove_folder(&folder);
    bench
        .disk
        .remove_folder(folder.parent().expect("the pod's folder"));
    bench.look("quiet");
    bench.pass(30 * SECOND, "flood");
    assert!(bench.disk.take_unreadable().is_empty(), "closed unread");
    bench.pass(10 * SECOND, "");
    assert!(bench.texts.iter().any(|text| text == "last words"));
}

/// Its length tells nothing then, and reading went on in the middle of a line.
#[test]
fn a_file_that_is_cut_and_soon_longer_than_before_is_read_from_its_start() {
    let mut bench = Bench::new();
    let (_, node) = bench.container("cut");
    bench.disk.append(node, line(1, "F", "before").as_bytes());
    bench.pass(3 * SECOND, "");
    bench.disk.truncate(node);
    bench
        .disk
        .append(node, line(2, "F", "after the cut, and longer").as_bytes());
    bench.pass(3 * SECOND, "");
    assert_eq!(bench.texts, ["before", "after the cut, and longer"]);
}

/// The piece in front of the cut was joined with the first line behind it.
#[test]
fn a_split_line_whose_rest_was_cut_off_is_not_joined_with_the_next() {
    let mut bench = Bench::new();
    let (_, node) = bench.container("cut");
    bench
        .disk
        .append(node, line(1, "P", "half a line, ").as_bytes());
    bench.pass(3 * SECOND, "");
    bench.disk.truncate(node);
    bench.disk.append(node, line(2, "F", "another").as_bytes());
    bench.pass(3 * SECOND, "");
    assert_eq!(bench.texts, ["half a line, ", "another"]);
}
