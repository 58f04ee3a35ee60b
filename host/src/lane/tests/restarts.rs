//! What an agent that is killed leaves to the next one: losses that it could not tell any more, and lines
//! that it was in the middle of.

use super::bench::{Node, run};

fn all(from: u32, to: u32) -> Vec<u32> {
    (from..=to).collect()
}

/// The file is cut while nothing that was read of it is answered for: no other reader can.
#[test]
fn a_truncation_whose_marker_was_not_taken_is_told_at_the_next_start() {
    let mut node = Node::new();
    let before = node.print("0.log", 40_000);
    let mut first = run(&node, None);
    first.hold = true;
    first.steps(2);
    node.cut("0.log");
    node.print("0.log", 100);
    first.steps(2);
    let entries = first.entries();
    drop(first);
    let mut second = run(&node, Some(entries));
    second.steps(2);
    assert_eq!(second.numbers(), all(40_001, 40_100));
    let ledger = second.ledger();
    assert_eq!((ledger.lost_bytes, ledger.lost_at_least), (before, false));
    let [marker] = &second.markers()[..] else {
        panic!("one marker: {:?}", second.markers());
    };
    let words = "logsieve: 3,760,000 bytes of this container's log truncated away unread";
    assert!(marker.starts_with(words), "{marker}");
    // It is told once.
    let mut third = run(&node, Some(second.entries()));
    third.steps(2);
    assert!(third.texts().is_empty(), "{:?}", third.texts());
}

/// What was on its way when the file was cut arrives after all, and only the rest is lost.
#[test]
fn what_arrives_after_its_file_was_cut_is_not_told_as_lost() {
    let mut node = Node::new();
    node.print("0.log", 1000);
    let mut first = run(&node, None);
    first.hold = true;
    first.steps(1);
    node.cut("0.log");
    node.print("0.log", 10);
    first.steps(1);
    first.hold = false;
    first.steps(1);
    assert_eq!(first.numbers(), all(1, 1010));
    let mut second = run(&node, Some(first.entries()));
    second.steps(2);
    assert!(second.texts().is_empty(), "{:?}", second.texts());
}

#[test]
fn a_cut_that_took_nothing_is_not_told_at_the_next_start() {
    let mut node = Node::new();
    node.print("0.log", 100);
    let mut first = run(&node, None);
    first.steps(2);
    node.cut("0.log");
    first.steps(1);
    node.print("0.log", 10);
    first.steps(2);
    let mut second = run(&node, Some(first.entries()));
    second.steps(2);
    assert!(second.texts().is_empty(), "{:?}", second.texts());
}

/// A line longer than any chunk: its first pieces are settled, and the next start has only the rest.
#[test]
fn the_rest_of_a_long_line_is_decoded_after_a_restart() {
    let mut node = Node::new();
    node.write("0.log", b"2026-01-01T00:00:00Z stderr F ");
    for _ in 0..30 {
        node.write("0.log", &[b'x'; 100_000]);
    }
    let mut first = run(&node, None);
    first.steps(2);
    let came = first.texts().iter().map(String::len).sum::<usize>();
    assert!(came > 1_000_000 && came < 3_000_000, "{came}");
    let entries = first.entries();
    drop(first);
    node.write("0.log", b" and its end\n");
    node.print("0.log", 2);
    let mut second = run(&node, Some(entries));
    second.steps(2);
    assert_eq!((second.undecoded(), second.numbers()), (0, all(1, 2)));
    let texts = second.texts();
    assert!(
        texts[0].starts_with("xxx"),
        "it goes on where it was: {:.40}",
        texts[0]
    );
    // How many parts have left is not known: they are counted anew, and said to be the rest.
    let rest: Vec<&String> = texts.iter().filter(|t| t.starts_with('x')).collect();
    for (number, text) in rest.iter().enumerate() {
        let mark = format!(
            " [logsieve: part {} of the rest of a long record, ",
            number + 1
        );
        assert!(text.contains(&mark), "{:?}", text.rsplit_once('['));
    }
    let last = rest.last().unwrap();
    assert!(last.contains(" and its end") && last.ends_with("the last]"));
}

/// The runtime has split the line, its first part has left, and the agent is killed.
#[test]
fn the_rest_of_a_line_that_the_runtime_split_is_marked_as_that_after_a_restart() {
    let mut node = Node::new();
    node.limits.record_bytes_max = Some(bytesize::ByteSize::kib(32));
    let piece = |tag: &str| {
        let text = "y".repeat(16 * 1024);
        format!("2026-01-01T00:00:00.5Z stdout {tag} {text}\n").into_bytes()
    };
    let short = b"2026-01-01T00:00:00.6Z stderr F between\n";
    node.write("0.log", &[piece("P").repeat(3), short.to_vec()].concat());
    let mut first = run(&node, None);
    first.steps(1);
    let [part, between] = &first.texts()[..] else {
        panic!("{:?}", first.texts());
    };
    assert!(part.ends_with("[logsieve: part 1 of a long record, more follows]"));
    assert_eq!(between, "between");
    let entries = first.entries();
    drop(first);
    node.write("0.log", &[piece("F"), piece("F")].concat());
    let mut second = run(&node, Some(entries));
    second.steps(1);
    let texts = second.texts();
    assert_eq!(texts.len(), 2);
    let mark = "[logsieve: part 1 of the rest of a long record, the last]";
    assert!(texts[0].ends_with(mark), "{:?}", texts[0].rsplit_once('['));
    assert_eq!(texts[0].matches('y').count(), 2 * 16 * 1024);
    // The next one is whole.
    assert_eq!(texts[1], "y".repeat(16 * 1024));
}

/// Its first piece stands below the watermark and its last one above it, behind a line that was not
/// settled: what comes behind both is whole.
#[test]
fn a_record_behind_one_that_is_settled_in_pieces_is_not_called_its_rest() {
    let node = Node::new();
    let line = |stream: &str, tag: &str, text: &str| {
        format!("2026-01-01T00:00:00.5Z {stream} {tag} {text}\n").into_bytes()
    };
    let [first, between, last] = [
        line("stderr", "P", "settled "),
        line("stdout", "F", "between"),
        line("stderr", "F", "too"),
    ];
    node.write("0.log", &[&first[..], &between, &last].concat());
    let mut before = run(&node, None);
    before.steps(2);
    assert_eq!(before.texts(), ["between", "settled too"]);
    let mut entries = before.entries();
    drop(before);
    let entry = entries.values_mut().next().unwrap();
    let [first, between] = [first.len() as u64, between.len() as u64];
    entry.above = vec![(first + between, entry.offset)];
    entry.offset = first;
    node.write("0.log", &line("stdout", "F", "next"));
    node.write("0.log", &line("stderr", "P", "wh"));
    node.write("0.log", &line("stderr", "F", "ole"));
    let mut after = run(&node, Some(entries));
    after.steps(2);
    assert_eq!(after.texts(), ["between", "next", "whole"]);
}
