//! What the simulation once found, each as the shortest way to see it again, whatever the seeds have
//! become since.

use logsieve::source::journal::reader::Reader;
use logsieve::source::log_file::files::{Disk, Files};
use support::journal::{Entry, Layout, make};

use crate::bench::{Bench, SECOND, line};
use crate::disk::Node;
use crate::journald::JUDGED;

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

/// Lines of a plain file.
fn append(bench: &Bench, node: Node, lines: std::ops::Range<u32>) {
    for number in lines {
        let line = format!("2026-11-23T20:00:{number:02}Z line {number}\n");
        bench.disk.append(node, line.as_bytes());
    }
}

/// The numbers of the lines that came, and the markers.
fn came(bench: &Bench) -> (Vec<u32>, Vec<&str>) {
    let numbers = bench.texts.iter();
    let numbers = numbers.filter_map(|t| t.split(" line ").nth(1)?.parse().ok());
    let markers = bench.texts.iter().map(String::as_str);
    let markers = markers.filter(|text| text.starts_with("logsieve: "));
    (numbers.collect(), markers.collect())
}

/// A plain file whose first ten lines came and stand in a copy, and one more was read behind them.
fn copied_and_read_on(unanswered: &str) -> (Bench, Node) {
    let mut bench = Bench::new();
    let node = bench.plain("messages");
    append(&bench, node, 0..8);
    bench.pass(5 * SECOND, "");
    append(&bench, node, 8..10);
    bench.pass(5 * SECOND, unanswered);
    bench.copy(node, "messages.1");
    append(&bench, node, 10..11);
    bench.pass(5 * SECOND, unanswered);
    (bench, node)
}

/// It was shorter than what was read of the original, so it passed for another file.
#[test]
fn a_copy_that_lacks_what_was_read_before_the_cut_is_not_read_again() {
    let (mut bench, node) = copied_and_read_on("");
    bench.disk.truncate(node);
    append(&bench, node, 11..12);
    bench.pass(20 * SECOND, "");
    assert_eq!(came(&bench), ((0..12).collect(), vec![]));
}

/// What the copy lacks is lost, and told.
#[test]
fn what_is_given_up_is_read_again_from_a_copy_as_far_as_that_goes() {
    let (mut bench, node) = copied_and_read_on("messages");
    bench.disk.truncate(node);
    append(&bench, node, 11..12);
    for _ in 0..2 {
        // What comes little by little waits for the answer to what went before.
        bench.pass(5 * SECOND, "messages");
        bench.give_up();
    }
    bench.pass(20 * SECOND, "");
    let (numbers, markers) = came(&bench);
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11]);
    let lost = "2026-11-23T20:00:10Z line 10\n".len();
    let words = format!("logsieve: {lost} bytes of this container's log truncated away unread");
    assert!(
        markers.len() == 1 && markers[0].starts_with(&words),
        "{markers:?}"
    );
}

/// The copy was read from where the checkpoint stood, while what came behind that was on its way.
#[test]
fn a_copy_that_is_found_late_waits_for_what_was_read_of_its_original() {
    let mut bench = Bench::new();
    let node = bench.plain("messages");
    append(&bench, node, 0..8);
    bench.pass(5 * SECOND, "");
    append(&bench, node, 8..10);
    bench.pass(5 * SECOND, "messages");
    let bytes = bench.disk.bytes(node);
    bench.disk.truncate(node);
    bench.pass(10 * SECOND, "messages");
    let copy = bench.plain("messages.1");
    bench.disk.append(copy, &bytes);
    bench.pass(5 * SECOND, "messages");
    bench.pass(20 * SECOND, "");
    assert_eq!(came(&bench), ((0..10).collect(), vec![]));
}

/// Call by call it was found out about, and nothing else of the journal was read before that was over.
#[test]
fn other_units_are_read_while_a_filter_s_failure_is_found_out_about() {
    let entry = |number: u64| {
        // Each unit has a log group of its own, with room for all of it.
        let unit = match number % 6 {
            0 => JUDGED.to_owned(),
            other => format!("other{other}.service"),
        };
        let poison = number.is_multiple_of(60);
        let word = if poison { "poison" } else { "goes" };
        let text = format!("{number} {word} {}", "w".repeat(400));
        Entry::new(1_795_464_000_000_000 + number, text).with("_SYSTEMD_UNIT", unit)
    };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("system.journal");
    let entries: Vec<Entry> = (0..3000).map(entry).collect();
    make(&path, Layout::default(), &entries).expect("systemd's writer");
    let mut reader = Reader::open(Disk.open(&path).expect("a file")).expect("a journal");
    let all = reader.end().expect("a journal") - reader.offset();
    let mut bench = Bench::with_journal(std::fs::read(&path).expect("a file"));
    for _ in 0..1000 {
        if bench.agent.read_bytes() == all {
            break;
        }
        bench.pass(SECOND / 100, "");
    }
    assert_eq!(bench.agent.read_bytes(), all);
    assert_eq!(bench.agent.quarantined("judges"), 0, "it was over by then");
    bench.pass(60 * SECOND, "");
    assert_eq!(bench.agent.quarantined("judges"), 50);
    assert_eq!(bench.texts.len(), 2950);
}
