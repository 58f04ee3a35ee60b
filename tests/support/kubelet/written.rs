//! What was written, record by record, and what must therefore arrive.
//!
//! Records are told apart by a token in their text, `c<container>-<number>`, which is unique on
//! the node. A filter may change what stands around it.

use std::ops::Range;

use super::cri::{self, Stream};

/// A record that was written to a container's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// `namespace/pod/container`.
    pub container: String,
    pub stream: Stream,
    /// The time of its first piece, nanoseconds since the Unix epoch.
    pub time_ns: u64,
    /// The time of its last piece; the same where it was written in one.
    pub end_ns: u64,
    /// What the container printed, without its line end. Not necessarily UTF-8.
    pub text: Vec<u8>,
    /// Whether its end was written: a container may end in the middle of a line.
    pub complete: bool,
}

/// A record that must arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// `namespace/pod/container`.
    pub container: String,
    pub stream: Stream,
    /// Milliseconds since the Unix epoch.
    pub time_ms: i64,
    pub text: String,
}

impl Written {
    /// What arrives where no filter changes it: bytes that are not UTF-8 as U+FFFD, and the time in
    /// milliseconds.
    pub fn expected(&self) -> Expected {
        Expected {
            container: self.container.clone(),
            stream: self.stream,
            time_ms: (self.time_ns / 1_000_000) as i64,
            text: String::from_utf8_lossy(&self.text).into_owned(),
        }
    }

    /// How many bytes its lines have in the log, or a little less: where it has several pieces, their
    /// times may be written longer than the first one's.
    pub fn source_bytes(&self) -> u64 {
        let mut out = Vec::new();
        for (tag, piece) in cri::pieces(&self.text) {
            cri::line(&mut out, self.time_ns, self.stream, tag, piece);
        }
        out.len() as u64
    }
}

/// The token of a record.
pub fn token(container: usize, number: usize) -> String {
    format!("c{container}-{number}")
}

/// The first token in a text: where a word has the form `c<digits>-<digits>`.
pub fn token_of(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(place) = bytes[from..].iter().position(|&byte| byte == b'c') {
        let start = from + place;
        if let Some(range) = token_at(bytes, start) {
            return Some(&text[range]);
        }
        from = start + 1;
    }
    None
}

/// The token that starts exactly at `start`, with no letter or digit on either side.
fn token_at(bytes: &[u8], start: usize) -> Option<Range<usize>> {
    let is_word = |place: usize| bytes.get(place).is_some_and(u8::is_ascii_alphanumeric);
    let digits = |from: usize| {
        bytes[from..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    if start > 0 && is_word(start - 1) {
        return None;
    }
    let container = digits(start + 1);
    let dash = start + 1 + container;
    if container == 0 || bytes.get(dash) != Some(&b'-') {
        return None;
    }
    let number = digits(dash + 1);
    let end = dash + 1 + number;
    (number > 0 && !is_word(end)).then_some(start..end)
}
