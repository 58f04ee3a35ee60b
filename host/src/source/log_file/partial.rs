//! Joins the pieces of lines that the runtime split.
//!
//! Pieces are joined per stream, since lines of stderr fall between the pieces of a stdout line. The
//! joined record has the time of its first piece. A record that would grow past its limit leaves in
//! marked parts: nothing is cut, and memory stays bounded; so does one whose lane is short of memory. What
//! is pending here is in no receipt, so a restart reads it again. Where parts have left already, and reading goes on behind them, how many
//! is not known: the marks say that this is the rest of a record, and count anew.

use bytesize::ByteSize;

use super::line::{Line, without_return};
use crate::record::{Form, Range, Stream};

/// Pieces without text, between lines of the other stream, grow nothing but the list of their places.
const RANGES_MAX: usize = 4096;

/// Memory that is kept for the next split line.
const KEPT_BYTES_MAX: usize = 4 * 1024;

/// A record that is whole, or a part of one that was too long.
pub struct Joined<'a> {
    pub text: &'a [u8],
    /// The source bytes that it answers for; to be taken.
    pub ranges: &'a mut Vec<Range>,
    pub time: u64,
    pub stream: Stream,
    /// That of its first piece.
    pub form: Form,
    /// It is a marked part of a longer record.
    pub part: bool,
}

/// The pieces pending for one container.
#[derive(Debug)]
pub struct Partials {
    slots: [Pending; 2],
    text_bytes_max: usize,
}

#[derive(Debug, Default)]
struct Pending {
    open: bool,
    text: Vec<u8>,
    ranges: Vec<Range>,
    time: u64,
    form: Form,
    /// Parts of this record that have left already.
    parts: u32,
    /// Others had left before reading went on here.
    rest: bool,
}

impl Partials {
    /// `text_bytes_max`: longest text that is joined, bytes.
    #[must_use]
    pub fn new(text_bytes_max: usize) -> Self {
        Self {
            slots: [Pending::default(), Pending::default()],
            text_bytes_max,
        }
    }

    /// Sets the longest text that is joined, bytes, from now on.
    pub fn limit(&mut self, text_bytes_max: ByteSize) {
        self.text_bytes_max = usize::try_from(text_bytes_max.as_u64()).unwrap_or(usize::MAX);
    }

    /// Whether a line of this stream is waiting for more.
    #[inline]
    #[must_use]
    pub fn pending(&self, stream: Stream) -> bool {
        self.slots[stream as usize].open
    }

    /// Whether a line of any stream is waiting for more.
    #[must_use]
    pub fn any_pending(&self) -> bool {
        self.slots.iter().any(|s| !s.ranges.is_empty())
    }

    /// By stream, whether what comes next is the rest of a record, where that is known. It is not asked
    /// of one whose pieces are here.
    pub fn resume(&mut self, rest: [Option<bool>; 2]) {
        for (slot, rest) in self.slots.iter_mut().zip(rest) {
            if let Some(rest) = rest
                && slot.ranges.is_empty()
                && slot.parts == 0
            {
                (slot.open, slot.rest) = (rest, rest);
            }
        }
    }

    /// Memory that pieces take which wait, bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let waiting = self.slots.iter().filter(|s| !s.text.is_empty());
        waiting.map(|s| s.text.capacity()).sum()
    }

    /// Source bytes that wait.
    #[must_use]
    pub fn source_bytes(&self) -> u64 {
        let ranges = self.slots.iter().flat_map(|s| &s.ranges);
        ranges.map(|r| r.to - r.from).sum()
    }

    /// Adds a piece that stands at `range`; gives `whole` the record when this was its last, and
    /// a marked part when it grows too long.
    pub fn push(&mut self, line: &Line<'_>, range: Range, whole: &mut dyn FnMut(Joined<'_>)) {
        let max = self.text_bytes_max;
        let slot = &mut self.slots[line.stream as usize];
        if slot.ranges.is_empty() && slot.parts == 0 {
            slot.open = true;
            slot.time = line.time;
            slot.form = line.form;
        }
        let long = !slot.text.is_empty() && slot.text.len() + line.text.len() > max;
        if long || slot.ranges.len() >= RANGES_MAX {
            slot.leave(line.stream, true, whole);
        }
        slot.text.extend_from_slice(line.text);
        match slot.ranges.last_mut() {
            Some(last) if last.file == range.file && last.to == range.from => last.to = range.to,
            _ => slot.ranges.push(range),
        }
        if !line.partial {
            let whole_bytes = without_return(&slot.text).len();
            slot.text.truncate(whole_bytes);
            slot.leave(line.stream, false, whole);
            slot.close();
        }
    }

    /// Gives `whole` what waits, since its last piece will not come.
    pub fn flush(&mut self, whole: &mut dyn FnMut(Joined<'_>)) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            let slot = &mut self.slots[stream as usize];
            if !slot.ranges.is_empty() {
                slot.leave(stream, false, whole);
                slot.close();
            }
        }
    }

    /// Gives `part` what waits, as a marked part of a longer record, and keeps no memory of it.
    pub fn give_up(&mut self, part: &mut dyn FnMut(Joined<'_>)) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            let slot = &mut self.slots[stream as usize];
            if !slot.text.is_empty() {
                slot.leave(stream, true, part);
                slot.text = Vec::new();
            }
        }
    }

    /// Forgets what waits: it is going to be read again.
    pub fn clear(&mut self) {
        for slot in &mut self.slots {
            slot.text.clear();
            slot.ranges.clear();
            slot.close();
        }
    }
}

impl Pending {
    fn leave(&mut self, stream: Stream, more: bool, whole: &mut dyn FnMut(Joined<'_>)) {
        if more || self.parts > 0 || self.rest {
            self.parts += 1;
            let state = if more { "more follows" } else { "the last" };
            let of = if self.rest { "the rest of a" } else { "a" };
            let mark = format!(
                " [logsieve: part {} of {of} long record, {state}]",
                self.parts
            );
            // Not twice the memory for a few bytes.
            self.text.reserve_exact(mark.len());
            self.text.extend_from_slice(mark.as_bytes());
        }
        whole(Joined {
            text: &self.text,
            ranges: &mut self.ranges,
            time: self.time,
            stream,
            form: self.form,
            part: self.parts > 0,
        });
        self.text.clear();
        self.ranges.clear();
    }

    fn close(&mut self) {
        self.open = false;
        self.rest = false;
        self.parts = 0;
        // One long line should not keep its memory for the container's life.
        if self.text.capacity() > KEPT_BYTES_MAX {
            self.text = Vec::new();
        }
    }
}
