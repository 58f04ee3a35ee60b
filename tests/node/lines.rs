//! Lines as containerd writes them, byte by byte.
//!
//! Pieces, times, tags, and what happens to carriage returns and to lines that never end.

use std::fs;

use support::kubelet::{Clock, Container, Kubelet, Stream};
use tempfile::{TempDir, tempdir};

/// 2026-11-23T20:00:00.12345678Z: eight digits, a zero was cut.
const TIME: u64 = 1_795_464_000_123_456_780;

fn container() -> (Container, TempDir) {
    let root = tempdir().unwrap();
    let kubelet = Kubelet::with_clock(root.path(), Clock::starting_at(TIME));
    (kubelet.start("web", "shop-1", "app"), root)
}

/// The lines of the live file, as (stream, tag, text length).
fn lines(container: &Container) -> Vec<(String, String, usize)> {
    let bytes = fs::read(container.live_path()).unwrap();
    let line = |line: &[u8]| {
        let mut fields = line.splitn(4, |&byte| byte == b' ');
        fields.next().unwrap();
        let mut text = || String::from_utf8(fields.next().unwrap().to_vec()).unwrap();
        let (stream, tag) = (text(), text());
        (stream, tag, fields.next().unwrap().len())
    };
    bytes
        .strip_suffix(b"\n")
        .unwrap()
        .split(|&byte| byte == b'\n')
        .map(line)
        .collect()
}

/// The pieces of a line of so many bytes, as (tag, length).
fn pieces(length: usize) -> Vec<(String, usize)> {
    let (mut app, _root) = container();
    app.print("x".repeat(length));
    lines(&app)
        .into_iter()
        .map(|(_, tag, length)| (tag, length))
        .collect()
}

#[test]
fn trailing_zeros_of_the_time_are_cut() {
    let (mut app, _root) = container();
    app.print_to(Stream::Stderr, "text");
    let file = fs::read_to_string(app.live_path()).unwrap();
    assert_eq!(file, "2026-11-23T20:00:00.12345678Z stderr F text\n");
}

#[test]
fn long_lines_are_cut_into_pieces_of_16_384_bytes() {
    let piece = |tag: &str, length| (tag.to_owned(), length);
    assert_eq!(pieces(16_384), [piece("F", 16_384)]);
    assert_eq!(pieces(16_385), [piece("P", 16_384), piece("F", 1)]);
    assert_eq!(pieces(32_768), [piece("P", 16_384), piece("F", 16_384)]);
    let long = pieces(100_000);
    assert_eq!((long.len(), &long[6]), (7, &piece("F", 1_696)));
}

#[test]
fn an_empty_line_has_a_blank_after_its_tag() {
    let (mut app, _root) = container();
    app.print("");
    assert!(
        fs::read_to_string(app.live_path())
            .unwrap()
            .ends_with("stdout F \n")
    );
}

#[test]
fn a_carriage_return_at_the_end_is_dropped_and_other_bytes_pass() {
    let (mut app, _root) = container();
    app.print(b"a\rb\0\xff\r");
    assert!(
        fs::read(app.live_path())
            .unwrap()
            .ends_with(b"stdout F a\rb\0\xff\n")
    );
    assert_eq!(app.written()[0].text, b"a\rb\0\xff");
}

#[test]
fn lines_of_the_other_output_fall_between_pieces() {
    let (mut app, _root) = container();
    app.print_around(Stream::Stdout, "x".repeat(40_000), |app, piece| {
        app.print_to(Stream::Stderr, format!("after piece {piece}"));
    });
    let shape: Vec<String> = lines(&app)
        .iter()
        .map(|(s, tag, _)| format!("{s} {tag}"))
        .collect();
    assert_eq!(
        shape,
        ["stdout P", "stderr F", "stdout P", "stderr F", "stdout F"]
    );
    // The long record ends last, and began first.
    let written = app.written();
    assert_eq!(
        written.iter().map(|w| w.text.len()).collect::<Vec<_>>(),
        [13, 13, 40_000]
    );
    assert!(written[2].time_ns < written[0].time_ns && written[2].end_ns > written[1].time_ns);
}

#[test]
fn a_container_may_end_in_the_middle_of_a_line() {
    let (mut app, _root) = container();
    app.print_unfinished(Stream::Stdout, "no end");
    assert!(
        fs::read_to_string(app.live_path())
            .unwrap()
            .ends_with("stdout P no end\n")
    );
    assert!(!app.written()[0].complete);
}

#[test]
fn a_torn_line_can_be_seen_in_half() {
    let (mut app, _root) = container();
    let path = app.live_path();
    let mut seen = Vec::new();
    app.print_torn("a line that is seen in half", || {
        seen = fs::read(&path).unwrap()
    });
    let whole = fs::read(&path).unwrap();
    assert!(whole.starts_with(&seen) && !seen.is_empty() && seen.len() < whole.len());
    assert!(!seen.contains(&b'\n'));
}
