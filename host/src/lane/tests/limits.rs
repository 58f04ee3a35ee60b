//! What a route allows each of its containers: how fast it is read, and how long its records get. The lane
//! has a clock of its own, so no test waits.

use bytesize::ByteSize;

use super::bench::{Node, run};

#[test]
fn a_container_is_read_no_faster_than_its_route_allows_and_whole_in_the_end() {
    const RATE: u64 = 300_000;
    const CHUNK: u64 = 256 * 1024;
    let mut node = Node::new();
    node.limits.bytes_per_second = Some(ByteSize(RATE));
    let bytes = node.print("0.log", 30_000);
    assert!(bytes > 8 * RATE, "it takes a while: {bytes}");
    let mut run = run(&node, None);
    for second in 1..=6 {
        run.steps(1);
        let read = bytes - run.ledger().unread_bytes;
        // The first second's worth may be read at once, and one chunk goes past it.
        assert!(read <= (second + 1) * RATE + CHUNK, "{second} s: {read}");
        assert!(read + CHUNK >= second * RATE, "{second} s: {read}");
    }
    run.steps(10);
    let all: Vec<u32> = (1..=30_000).collect();
    assert_eq!(run.numbers(), all);
}

#[test]
fn a_stop_reads_deleted_files_to_their_end_whatever_the_pace() {
    let mut node = Node::new();
    node.limits.bytes_per_second = Some(ByteSize(10_000));
    node.print("0.log", 5000);
    let mut run = run(&node, None);
    run.steps(1);
    assert!(run.numbers().len() < 5000);
    std::fs::remove_dir_all(node.path("").parent().unwrap()).unwrap();
    run.steps(1);
    run.drain();
    assert!((0..1000).any(|_| run.drained()), "it does not end");
    assert_eq!(run.numbers().len(), 5000);
}

#[test]
fn records_get_as_long_as_their_route_allows() {
    let mut node = Node::new();
    node.limits.record_bytes_max = Some(ByteSize::kib(32));
    let piece = |tag: &str| {
        format!(
            "2026-01-01T00:00:00.5Z stdout {tag} {}\n",
            "y".repeat(16 * 1024)
        )
    };
    let line = piece("P").repeat(3) + &piece("F");
    node.write("0.log", line.as_bytes());
    let mut run = run(&node, None);
    run.steps(1);
    let texts = run.texts();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts[0].ends_with("[logsieve: part 1 of a long record, more follows]"));
    let text = |text: &String| text.matches('y').count();
    assert_eq!(texts.iter().map(text).sum::<usize>(), 4 * 16 * 1024);
}
