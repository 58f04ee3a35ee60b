//! Lines as containerd writes them: `TIME STREAM TAG TEXT`.
//!
//! The time is RFC 3339 with nanoseconds, trailing zeros cut. Text longer than 16,384 bytes is
//! written in pieces: `P` for each that is continued, `F` for the last.

use std::fmt::{self, Write as _};

/// Most text bytes of one piece.
pub const PIECE_BYTES_MAX: usize = 16_384;

/// Which output of a container a record was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    pub fn as_str(self) -> &'static str {
        match self {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        }
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Whether a piece is continued by another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    Partial,
    Full,
}

/// Appends one line to `out`.
pub fn line(out: &mut Vec<u8>, time_ns: u64, stream: Stream, tag: Tag, text: &[u8]) {
    let mut head = String::with_capacity(48);
    let tag = if tag == Tag::Partial { 'P' } else { 'F' };
    write!(head, "{} {stream} {tag} ", time(time_ns)).expect("a string takes everything");
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(text);
    out.push(b'\n');
}

/// A time as the runtime writes it.
pub fn time(ns: u64) -> jiff::Timestamp {
    // Its display is RFC 3339 in UTC with trailing zeros cut.
    jiff::Timestamp::from_nanosecond(i128::from(ns)).expect("before the year 9999")
}

/// The pieces of a text: all but the last have [`PIECE_BYTES_MAX`] bytes.
pub fn pieces(text: &[u8]) -> Vec<(Tag, &[u8])> {
    let mut pieces: Vec<(Tag, &[u8])> = text
        .chunks(PIECE_BYTES_MAX)
        .map(|piece| (Tag::Partial, piece))
        .collect();
    match pieces.last_mut() {
        Some((tag, _)) => *tag = Tag::Full,
        None => pieces.push((Tag::Full, b"")),
    }
    pieces
}
