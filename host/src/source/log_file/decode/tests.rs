//! Lines of every kind in reads of every size: the same records, and every byte in a receipt or
//! waiting with its pieces.

use std::sync::mpsc::channel;

use proptest::prelude::*;

use super::*;
use crate::record::{News, receipt::news_channel};

const PLACE: Place = Place {
    file: FileId(1),
    at: 0,
    format: Format::Container,
    now: 7,
    untimed: 7,
};

fn receipt() -> Receipt {
    let (to, _) = channel::<News>();
    Receipt::new(0, news_channel(to))
}

/// Decodes `input` as if read in pieces of the given sizes (the last one repeats), the way a lane
/// does: what is left of a line is read again with the next chunk.
fn decode_in_reads(input: &[u8], reads: &[usize], max: usize) -> (Columns, Receipt, Partials) {
    let mut partials = Partials::new(max);
    let (mut columns, mut receipt) = (Columns::default(), receipt());
    let mut decoder = Decoder::default();
    let (mut at, mut seen, mut turn) = (0, 0, 0);
    while at < input.len() {
        let size = reads[turn.min(reads.len() - 1)];
        turn += 1;
        seen = (seen + size).min(input.len());
        let place = Place {
            at: at as u64,
            ..PLACE
        };
        let mut full = Columns::default();
        let done = decoder.decode(
            &input[at..seen],
            place,
            &mut partials,
            &mut full,
            &mut receipt,
        );
        let base = columns.source_bytes();
        columns.extend_from(&full, 0, full.len(), base);
        at += done.consumed;
        if seen == input.len() && done.consumed == 0 {
            break;
        }
    }
    (columns, receipt, partials)
}

fn texts(columns: &Columns) -> Vec<String> {
    (0..columns.len())
        .map(|i| String::from_utf8_lossy(columns.record(i)).into_owned())
        .collect()
}

#[test]
fn pieces_are_joined_per_stream_though_other_lines_fall_between() {
    let input = b"2026-01-01T00:00:00Z stdout P a\n\
        2026-01-01T00:00:01Z stderr F err\n\
        2026-01-01T00:00:02Z stdout P b\n\
        2026-01-01T00:00:03Z stdout F c\n\
        2026-01-01T00:00:04Z stdout F next\n";
    let (columns, receipt, partials) = decode_in_reads(input, &[4096], 1000);
    assert_eq!(texts(&columns), ["err", "abc", "next"]);
    assert_eq!(columns.times[1] + 1_000_000_000, columns.times[0]);
    assert_eq!(receipt.bytes(), input.len() as u64);
    assert!(!partials.any_pending());
}

#[test]
fn a_receipt_split_at_a_record_leaves_the_pieces_with_it() {
    let input = b"2026-01-01T00:00:00Z stdout P a\n2026-01-01T00:00:01Z stderr F err\n2026-01-01T00:00:03Z stdout F c\n";
    let (columns, mut receipt, _) = decode_in_reads(input, &[4096], 1000);
    let rest = receipt.split_off(u64::from(columns.source_ends[0]));
    let line = |n: u64| (n * 32 + n.saturating_sub(1) * 2, 0);
    let (err_from, _) = line(1);
    assert_eq!(
        (receipt.ranges()[0].from, receipt.ranges()[0].to),
        (err_from, err_from + 34)
    );
    assert_eq!(rest.bytes(), 64);
}

#[test]
fn a_line_that_is_not_understood_is_forwarded_as_it_is_and_counted() {
    let mut partials = Partials::new(1000);
    let (mut columns, mut receipt) = (Columns::default(), receipt());
    let done = Decoder::default().decode(
        b"what is this\r\n{\"not\": \"docker\"}\n",
        PLACE,
        &mut partials,
        &mut columns,
        &mut receipt,
    );
    assert_eq!(texts(&columns), ["what is this", "{\"not\": \"docker\"}"]);
    assert_eq!((done.lines, done.undecoded, columns.times[0]), (2, 2, 7));
}

#[test]
fn a_line_that_never_ends_leaves_in_marked_parts() {
    let mut input = Vec::new();
    for _ in 0..5 {
        input.extend_from_slice(b"2026-01-01T00:00:00Z stdout P 0123456789\n");
    }
    input.extend_from_slice(b"2026-01-01T00:00:00Z stdout F end\n");
    let (columns, receipt, _) = decode_in_reads(&input, &[4096], 20);
    assert_eq!(
        texts(&columns),
        [
            "01234567890123456789 [logsieve: part 1 of a long record, more follows]",
            "01234567890123456789 [logsieve: part 2 of a long record, more follows]",
            "0123456789end [logsieve: part 3 of a long record, the last]",
        ]
    );
    assert_eq!(receipt.bytes(), input.len() as u64);
}

#[test]
fn a_line_longer_than_any_chunk_is_taken_in_pieces() {
    let mut partials = Partials::new(1000);
    let (mut columns, mut receipt) = (Columns::default(), receipt());
    let mut decoder = Decoder::default();
    let first = b"2026-01-01T00:00:00Z stderr F one ";
    let mut piece = Piece {
        bytes: first,
        head: None,
        last: false,
    };
    let (head, done) =
        decoder.decode_piece(piece, PLACE, &mut partials, &mut columns, &mut receipt);
    assert_eq!((done.consumed, columns.len()), (first.len(), 0));
    let place = Place {
        at: first.len() as u64,
        ..PLACE
    };
    (piece.bytes, piece.head) = (b"two\n", Some(head));
    decoder.decode_piece(piece, place, &mut partials, &mut columns, &mut receipt);
    assert_eq!(texts(&columns), ["one two"]);
    assert_eq!(columns.streams, [Stream::Stderr]);
    assert_eq!(receipt.bytes(), first.len() as u64 + 4);
}

/// What is odd about a line never changes what is around it.
#[test]
fn odd_lines_have_a_defined_result() {
    let input = b"2026-01-01T00:00:02Z stdout F \n\
        2026-01-01T00:00:02Z stdout F carriage\r\n\
        2026-01-01T00:00:02Z stdout F nul\0 and \xff\xfe\n\
        2026-01-01T00:00:01Z stdout F earlier\n\
        2026-01-01T00:00:03Z stdout F:x tagged\n\
        \n";
    let (columns, receipt, _) = decode_in_reads(input, &[4096], 1000);
    let records: Vec<&[u8]> = (0..columns.len()).map(|at| columns.record(at)).collect();
    let wanted: [&[u8]; 6] = [
        b"",
        b"carriage",
        b"nul\0 and \xff\xfe",
        b"earlier",
        b"tagged",
        b"",
    ];
    assert_eq!(records, wanted);
    // A clock that goes back changes the time, not the place.
    assert!(columns.times[3] < columns.times[2] && columns.times[3] < columns.times[4]);
    assert_eq!(receipt.bytes(), input.len() as u64);
}

#[test]
fn docker_lines_that_were_split_are_joined() {
    let line = |log: &str| {
        format!("{{\"log\":\"{log}\",\"stream\":\"stdout\",\"time\":\"2026-01-01T00:00:00Z\"}}\n")
    };
    let input = [
        line("one "),
        line("two "),
        line("three\\r\\n"),
        line("next\\n"),
    ]
    .concat();
    let (columns, _, partials) = decode_in_reads(input.as_bytes(), &[10], 1000);
    assert_eq!(texts(&columns), ["one two three", "next"]);
    assert!(!partials.any_pending());
}

#[test]
fn a_return_is_dropped_where_its_whole_line_ends_and_nowhere_else() {
    let cri = |tag: &str, text: &str| format!("2026-01-01T00:00:00Z stdout {tag} {text}\n");
    let docker = |log: &str| {
        format!("{{\"log\":\"{log}\",\"stream\":\"stdout\",\"time\":\"2026-01-01T00:00:00Z\"}}\n")
    };
    let input = [
        cri("P", "abc\r"),
        cri("F", "def\r"),
        cri("P", "cut in the line's end\r"),
        cri("F", ""),
        docker("one\\r"),
        docker("two\\r\\n"),
        docker("of one piece\\r\\n"),
    ]
    .concat();
    for read in [4096, 10] {
        let (columns, ..) = decode_in_reads(input.as_bytes(), &[read], 1000);
        let wanted = [
            "abc\rdef",
            "cut in the line's end",
            "one\rtwo",
            "of one piece",
        ];
        assert_eq!(texts(&columns), wanted);
    }
}

/// As with a line that is longer than any chunk: the chunk may end behind a return.
#[test]
fn a_return_at_the_end_of_a_chunk_is_text() {
    let mut partials = Partials::new(1000);
    let (mut columns, mut receipt) = (Columns::default(), receipt());
    let mut decoder = Decoder::default();
    let mut head = None;
    for (format, bytes) in [
        (Format::Container, &b"no runtime wrote\r"[..]),
        (Format::Container, b"this\r"),
        (Format::Container, b"\n"),
        (Format::Plain { zone: 0 }, b"a\r"),
        (Format::Plain { zone: 0 }, b"b\r\n"),
    ] {
        let last = bytes.ends_with(b"\n");
        let piece = Piece {
            bytes,
            head,
            last: false,
        };
        let place = Place { format, ..PLACE };
        let (of, _) = decoder.decode_piece(piece, place, &mut partials, &mut columns, &mut receipt);
        head = (!last).then_some(of);
    }
    assert_eq!(texts(&columns), ["no runtime wrote\rthis", "a\rb"]);
}

#[test]
fn both_formats_may_stand_in_one_file() {
    let input = b"2026-01-01T00:00:00Z stdout F cri\n\
        {\"log\":\"docker\\n\",\"stream\":\"stderr\",\"time\":\"2026-01-01T00:00:00Z\"}\n";
    let (columns, _, _) = decode_in_reads(input, &[4096], 1000);
    assert_eq!(texts(&columns), ["cri", "docker"]);
    assert_eq!(columns.streams, [Stream::Stdout, Stream::Stderr]);
}

/// 256 MiB, as a stand-in for any length: what waits never grows past one record.
#[test]
fn memory_stays_bounded_however_long_a_line_is() {
    const MAX: usize = 1 << 20;
    let mut partials = Partials::new(MAX);
    let mut decoder = Decoder::default();
    let piece = [
        b"2026-01-01T00:00:00Z stdout F ".as_slice(),
        &[b'x'; 256 << 10],
    ]
    .concat();
    let (mut head, mut at, mut records) = (None, 0, 0);
    for _ in 0..1024 {
        let bytes = if head.is_none() {
            &piece[..]
        } else {
            &piece[30..]
        };
        let piece = Piece {
            bytes,
            head,
            last: false,
        };
        let (mut columns, mut receipt) = (Columns::default(), receipt());
        let place = Place { at, ..PLACE };
        let (next, done) =
            decoder.decode_piece(piece, place, &mut partials, &mut columns, &mut receipt);
        (head, at) = (Some(next), at + done.consumed as u64);
        records += columns.len();
        assert!(partials.bytes() <= MAX + 100, "with its mark");
    }
    assert_eq!(records, 255);
    assert!(partials.source_bytes() <= MAX as u64 + 30);
}

/// Pieces without text between lines of the other stream.
#[test]
fn what_is_known_of_empty_pieces_is_bounded() {
    let mut input = Vec::new();
    for _ in 0..20_000 {
        input.extend_from_slice(
            b"2026-01-01T00:00:00Z stdout P \n2026-01-01T00:00:00Z stderr F e\n",
        );
    }
    let (columns, receipt, partials) = decode_in_reads(&input, &[usize::MAX / 2], 1000);
    assert!(columns.len() > 20_000);
    assert_eq!(
        receipt.bytes() + partials.source_bytes(),
        input.len() as u64
    );
    assert!(partials.source_bytes() <= 4096 * 31);
}

fn any_line() -> impl Strategy<Value = Vec<u8>> {
    let text =
        proptest::collection::vec(any::<u8>().prop_filter("newline", |b| *b != b'\n'), 0..60);
    let head = prop_oneof![
        4 => Just("2026-01-01T00:00:00.5Z stdout F "),
        2 => Just("2026-01-01T00:00:00.123456789Z stderr F "),
        2 => Just("2026-01-01T00:00:01Z stdout P "),
        1 => Just("2026-01-01T00:00:01Z stderr P "),
        1 => Just(""),
    ];
    (head, text).prop_map(|(head, text)| [head.as_bytes(), &text, b"\n"].concat())
}

proptest! {
    #[test]
    fn any_cut_of_any_input_into_reads_gives_the_same_records(
        lines in proptest::collection::vec(any_line(), 0..40),
        reads in proptest::collection::vec(1_usize..200, 1..20),
    ) {
        let input = lines.concat();
        let (whole, whole_receipt, _) = decode_in_reads(&input, &[usize::MAX / 2], 100);
        let (cut, cut_receipt, _) = decode_in_reads(&input, &reads, 100);
        prop_assert_eq!(whole, cut);
        prop_assert_eq!(whole_receipt.bytes(), cut_receipt.bytes());
    }

    #[test]
    fn every_byte_is_in_a_receipt_or_waits_with_its_pieces(
        lines in proptest::collection::vec(any_line(), 0..40),
    ) {
        let input = lines.concat();
        let (columns, mut receipt, mut partials) = decode_in_reads(&input, &[usize::MAX / 2], 100);
        prop_assert_eq!(u64::from(columns.source_bytes()), receipt.bytes());
        partials.flush(&mut |joined| joined.ranges.drain(..).for_each(|r| receipt.add(r)));
        prop_assert_eq!(receipt.bytes(), input.len() as u64);
    }
}

#[test]
fn a_plain_line_without_a_time_has_that_of_the_line_before() {
    let input = b"no time yet\n2026-01-01T00:00:01Z an error\n\tat a line of it\n2026-01-01T00:00:02Z next\r\n";
    let place = Place {
        format: Format::Plain { zone: 0 },
        now: 9,
        ..PLACE
    };
    let (mut columns, mut receipt) = (Columns::default(), receipt());
    let mut partials = Partials::new(1000);
    let mut decoder = Decoder::default();
    let done = decoder.decode(input, place, &mut partials, &mut columns, &mut receipt);
    let second = 1_767_225_600_000_000_000;
    assert_eq!(
        columns.times,
        [
            7,
            second + 1_000_000_000,
            second + 1_000_000_000,
            second + 2_000_000_000
        ]
    );
    assert_eq!(done.timed, Some(second + 2_000_000_000));
    assert_eq!((done.undecoded, receipt.bytes()), (0, input.len() as u64));
    assert_eq!(texts(&columns)[3], "2026-01-01T00:00:02Z next");
}
