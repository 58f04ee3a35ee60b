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

/// Lines of many containers that go on and on, each shorter than a record may be.
#[test]
fn lines_whose_ends_are_not_written_share_a_quarter_of_the_budget_and_arrive_whole() {
    const CONTAINERS: [(&str, &str); 12] = [
        ("shop_api-0_0f10/api", "A"),
        ("shop_api-1_0f11/api", "B"),
        ("shop_api-2_0f12/api", "C"),
        ("shop_api-3_0f13/api", "D"),
        ("shop_api-4_0f14/api", "E"),
        ("shop_api-5_0f15/api", "F"),
        ("shop_api-6_0f16/api", "G"),
        ("shop_api-7_0f17/api", "H"),
        ("shop_api-8_0f18/api", "I"),
        ("shop_api-9_0f19/api", "J"),
        ("shop_api-a_0f1a/api", "K"),
        ("shop_api-b_0f1b/api", "L"),
    ];
    const PIECES: usize = 40;
    const PIECE: usize = 16 * 1024;
    let mut node = Node::new();
    let print = |node: &mut Node, tag: &str, pieces: usize| {
        for (folder, letter) in CONTAINERS {
            let text = letter.repeat(PIECE);
            let line = format!("2026-01-01T00:00:00.5Z stdout {tag} {text}\n");
            node.turn_to(folder);
            node.write("0.log", line.repeat(pieces).as_bytes());
        }
    };
    print(&mut node, "P", PIECES);
    let mut run = run(&node, None);
    // A quarter of 6 MiB, and what a step reads.
    let most = (6 << 18) + (6 << 18);
    for _ in 0..100 {
        run.step();
        let used = run.unfinished.used();
        assert!(used <= most, "{used} bytes");
    }
    assert!(run.unfinished.used() <= 6 << 18);
    print(&mut node, "F", 1);
    run.steps(5);
    assert_eq!(run.unfinished.used(), 0);
    let texts = run.texts();
    for (_, letter) in CONTAINERS {
        let of = texts.iter().filter(|text| text.starts_with(letter));
        let own = |text: &String| {
            text.bytes()
                .take_while(|b| *b == letter.as_bytes()[0])
                .count()
        };
        assert_eq!(of.map(own).sum::<usize>(), (PIECES + 1) * PIECE, "{letter}");
    }
    let parts = texts.iter().filter(|text| text.contains("more follows"));
    assert!(parts.count() > 0);
}
