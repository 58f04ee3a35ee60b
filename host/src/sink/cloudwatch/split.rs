//! A record's text in parts that each fit a message, each with a marker, none of it cut off; nearly
//! always one part, and then no copy.

use std::borrow::Cow;

use super::escape::escaped_len;

/// What a marker at the end of a part may take, bytes.
pub const MARKER_BYTES_MAX: usize = 64;
/// Escaping makes at most this many bytes of one.
pub const ESCAPE_GROWTH_MAX: usize = 6;

/// Text that a part has at least, however long what stands around it is: a split always gets on.
const PART_BYTES_MIN: usize = 1024;

/// The parts of a text.
pub struct Split<'a> {
    rest: Option<&'a str>,
    most: usize,
    escaped: bool,
    total: usize,
    pub parts: usize,
}

impl<'a> Split<'a> {
    /// `most`: bytes that the text of one message may have, as it stands there: `escaped` or not.
    #[must_use]
    pub fn new(text: &'a str, most: usize, escaped: bool) -> Self {
        let mut split = Self {
            rest: Some(text),
            most: most.max(PART_BYTES_MIN),
            escaped,
            total: 1,
            parts: 0,
        };
        if text.len() * ESCAPE_GROWTH_MAX > most {
            split.total = split.count(text);
        }
        split
    }

    /// Whether the text fits one message.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.total == 1
    }

    fn count(&self, mut text: &str) -> usize {
        let mut parts = 1;
        loop {
            let cut = self.cut(text);
            if cut == text.len() {
                return parts;
            }
            text = &text[cut..];
            parts += 1;
        }
    }

    /// How much of `text` fits one message.
    fn cut(&self, text: &str) -> usize {
        let mut size = 0;
        for (at, c) in text.char_indices() {
            size += if self.escaped {
                escaped_len(c)
            } else {
                c.len_utf8()
            };
            if size > self.most {
                return at;
            }
        }
        text.len()
    }

    pub fn next_part(&mut self) -> Option<Cow<'a, str>> {
        let text = self.rest.take()?;
        self.parts += 1;
        if self.total == 1 {
            return Some(Cow::Borrowed(text));
        }
        let cut = self.cut(text);
        if cut < text.len() {
            self.rest = Some(&text[cut..]);
        }
        let mark = format!(
            "{} [logsieve: part {}/{}]",
            &text[..cut],
            self.parts,
            self.total
        );
        Some(Cow::Owned(mark))
    }
}
