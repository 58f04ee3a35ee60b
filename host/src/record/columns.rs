//! Records as columns over one run of bytes.
//!
//! A batch of 256 KiB costs a handful of allocations however many records it holds (as rows it would
//! cost one or more a record), and a filter is handed the columns as they are.

use std::ops::{Range, RangeInclusive};

use super::form::Form;

/// Which output of the container a record was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// A destination that a filter chose for a record: its index in the configuration.
pub type RouteId = u32;

/// Records of one container. All columns but `text` and `routes` have one entry a record.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Columns {
    /// Every record's text, one after another. Not necessarily UTF-8.
    pub text: Vec<u8>,
    /// Where each record ends in `text`.
    pub ends: Vec<u32>,
    /// When each record was written, nanoseconds since the Unix epoch.
    pub times: Vec<u64>,
    pub streams: Vec<Stream>,
    pub forms: Vec<Form>,
    /// How many of the receipt's source bytes this record and those before it answer for: what
    /// splits a receipt at a record. Bytes of records that a filter dropped count to the next one, or
    /// to the one in front, where the filter wrote that anew.
    pub source_ends: Vec<u32>,
    /// The records that a filter sent elsewhere, ascending; empty for nearly every batch.
    pub routes: Vec<(u32, RouteId)>,
}

impl Columns {
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The memory that they take, bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        use std::mem::size_of;
        let row = 2 * size_of::<u32>() + size_of::<(u64, Stream, Form)>();
        let routes = self.routes.capacity() * size_of::<(u32, RouteId)>();
        self.text.capacity() + self.ends.capacity() * row + routes
    }

    /// Forgets the records and keeps the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.times.clear();
        self.streams.clear();
        self.forms.clear();
        self.source_ends.clear();
        self.routes.clear();
    }

    /// Where record `at` starts in `text`.
    #[must_use]
    pub fn start(&self, at: usize) -> usize {
        if at == 0 {
            0
        } else {
            self.ends[at - 1] as usize
        }
    }

    /// The text of record `at`.
    #[must_use]
    pub fn record(&self, at: usize) -> &[u8] {
        &self.text[self.start(at)..self.ends[at] as usize]
    }

    /// The destination that a filter chose for record `at`.
    #[must_use]
    pub fn route(&self, at: usize) -> Option<RouteId> {
        let at = u32::try_from(at).ok()?;
        let found = self.routes.binary_search_by_key(&at, |r| r.0).ok()?;
        Some(self.routes[found].1)
    }

    /// Adds a record; `source_end` as in the column of that name.
    pub fn push(&mut self, text: &[u8], time: u64, stream: Stream, source_end: u32) {
        self.text.extend_from_slice(text);
        self.close(time, stream, Form::default(), source_end);
    }

    /// Makes a record of what was added to `text` since the last one.
    pub fn close(&mut self, time: u64, stream: Stream, form: Form, source_end: u32) {
        // Batches are bounded far below 4 GiB (`BATCH_TEXT_MAX` and one record of at most
        // `record_bytes_max`), so an end always fits.
        self.ends
            .push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
        self.times.push(time);
        self.streams.push(stream);
        self.forms.push(form);
        self.source_ends.push(source_end);
    }

    /// Where the source bytes begin that record `at` answers for, alone or with its neighbours.
    #[must_use]
    pub fn source_start(&self, at: usize) -> u32 {
        let (before, end) = (&self.source_ends[..at], self.source_ends[at]);
        let former = before.iter().rev().find(|former| **former < end);
        former.copied().unwrap_or(0)
    }

    /// The source bytes that these records answer for.
    #[must_use]
    pub fn source(&self, records: RangeInclusive<usize>) -> Range<u32> {
        self.source_start(*records.start())..self.source_ends[*records.end()]
    }

    /// Source bytes that all records together answer for.
    #[must_use]
    pub fn source_bytes(&self) -> u32 {
        self.source_ends.last().copied().unwrap_or(0)
    }

    /// Adds copies of the records `from..to` of `other`. `source_shift` is added, wrapping, to their
    /// `source_ends`: 0 where both answer from one receipt, its bytes where `other`'s receipt joins
    /// this one's.
    pub fn extend_from(&mut self, other: &Columns, from: usize, to: usize, source_shift: u32) {
        if from >= to {
            return;
        }
        let (text_from, text_to) = (other.start(from), other.ends[to - 1] as usize);
        let base = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        let shift = base.wrapping_sub(u32::try_from(text_from).unwrap_or(u32::MAX));
        let first = u32::try_from(self.len()).unwrap_or(u32::MAX);
        self.text.extend_from_slice(&other.text[text_from..text_to]);
        self.ends
            .extend(other.ends[from..to].iter().map(|e| e.wrapping_add(shift)));
        self.times.extend_from_slice(&other.times[from..to]);
        self.streams.extend_from_slice(&other.streams[from..to]);
        self.forms.extend_from_slice(&other.forms[from..to]);
        self.source_ends.extend(
            other.source_ends[from..to]
                .iter()
                .map(|e| e.wrapping_add(source_shift)),
        );
        let range = from..to;
        self.routes.extend(
            other
                .routes
                .iter()
                .filter(|r| range.contains(&(r.0 as usize)))
                .map(|r| (r.0 - u32::try_from(from).unwrap_or(0) + first, r.1)),
        );
    }

    /// Keeps the first `len` records.
    pub fn truncate(&mut self, len: usize) {
        if len >= self.len() {
            return;
        }
        let end = if len == 0 {
            0
        } else {
            self.ends[len - 1] as usize
        };
        self.text.truncate(end);
        self.ends.truncate(len);
        self.times.truncate(len);
        self.streams.truncate(len);
        self.forms.truncate(len);
        self.source_ends.truncate(len);
        self.routes.retain(|r| (r.0 as usize) < len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(texts: &[&str]) -> Columns {
        let mut c = Columns::default();
        for (i, t) in texts.iter().enumerate() {
            let i = u32::try_from(i).unwrap();
            c.push(t.as_bytes(), u64::from(i), Stream::Stdout, (i + 1) * 10);
        }
        c
    }

    #[test]
    fn the_end_of_one_batch_goes_in_front_of_the_next() {
        let mut former = columns(&["a", "bb", "ccc"]);
        former.routes.push((2, 7));
        let next = columns(&["d", ""]);
        let mut joined = Columns::default();
        joined.extend_from(&former, 1, 3, 0_u32.wrapping_sub(10));
        joined.extend_from(&next, 0, 2, 20);
        let texts: Vec<_> = (0..joined.len()).map(|i| joined.record(i)).collect();
        assert_eq!(texts, [b"bb".as_slice(), b"ccc", b"d", b""]);
        assert_eq!(joined.source_ends, [10, 20, 30, 40]);
        assert_eq!(joined.routes, [(1, 7)]);
    }

    #[test]
    fn truncating_keeps_the_first_records() {
        let mut c = columns(&["a", "bb", "ccc"]);
        c.truncate(1);
        assert_eq!(c, columns(&["a"]));
        c.truncate(0);
        assert_eq!(c, Columns::default());
    }
}
