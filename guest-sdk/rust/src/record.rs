//! One record, as a filter sees it.
//!
//! It is a view: nothing of the record is copied, and nothing is looked up before it is asked for.

use std::borrow::Cow;
use std::ops::Range;

use crate::edits::Edits;
use crate::wire::logsieve::filter::records::{Change, Splice};
use crate::{Columns, Stream};

/// One log record: what is in it, and what shall become of it.
///
/// `discard` beats `replace`, and `replace` beats `splice`, in whatever order they are called.
pub struct Record<'a> {
    columns: &'a Columns,
    at: usize,
    edits: &'a mut Edits,
}

impl<'a> Record<'a> {
    pub(crate) fn new(columns: &'a Columns, at: usize, edits: &'a mut Edits) -> Self {
        Self { columns, at, edits }
    }

    /// Its text, without line end: log bytes, so not necessarily UTF-8, and possibly empty.
    ///
    /// Changes do not show here: it is what the filter was handed.
    pub fn text(&self) -> &'a [u8] {
        crate::batch::text(self.columns, self.at)
    }

    /// Its text as a string, for looking at: bytes that are not UTF-8 show as U+FFFD. Offsets for
    /// [`splice`](Self::splice) are those of [`text`](Self::text).
    pub fn text_lossy(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.text())
    }

    /// When it was written: nanoseconds since the Unix epoch.
    pub fn time(&self) -> u64 {
        self.columns.times[self.at]
    }

    /// Which output of the container it was written to.
    pub fn stream(&self) -> Stream {
        Stream::from_number(self.columns.streams[self.at])
    }

    /// Does not forward the record. Records [added](Self::add) after it are still forwarded.
    pub fn discard(&mut self) {
        self.push(Change::Drop);
    }

    /// Forwards `text` in place of the record's own. The last call counts.
    pub fn replace(&mut self, text: impl Into<Vec<u8>>) {
        self.push(Change::Replace(text.into()));
    }

    /// Puts `text` in place of the bytes of `range`; an empty `range` inserts, an empty `text` cuts.
    ///
    /// Offsets are those of [`text`](Self::text), whatever was spliced before, so parts may be
    /// spliced in any order. The batch is an error if parts overlap or lie outside the record.
    pub fn splice(&mut self, range: Range<usize>, text: impl Into<Vec<u8>>) {
        // An offset that 32 bits do not hold lies outside every record, and stays so when capped.
        let offset = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        let (start, end) = (offset(range.start), offset(range.end));
        self.push(Change::Splice(Splice {
            start,
            end,
            text: text.into(),
        }));
    }

    /// Forwards one more record after this one and after those added before, with this one's stream,
    /// time and route.
    pub fn add(&mut self, text: impl Into<Vec<u8>>) {
        self.push(Change::Add(text.into()));
    }

    /// Gives the record another time: nanoseconds since the Unix epoch. The last call counts.
    pub fn set_time(&mut self, time: u64) {
        self.push(Change::SetTime(time));
    }

    /// Sends the record to another destination, by its name in the agent's configuration: one of
    /// those that the operator lets this filter choose. The last call counts.
    pub fn route(&mut self, destination: impl Into<String>) {
        self.push(Change::Route(destination.into()));
    }

    fn push(&mut self, change: Change) {
        self.edits.push(self.at, change);
    }
}
