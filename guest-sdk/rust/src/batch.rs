//! The batch in hand.
//!
//! It borrows the columns as they came over the boundary, and keeps beside them only what the filter
//! changes. So a batch that is left alone allocates nothing.

use crate::edits::Edits;
use crate::wire::logsieve::filter::records::Outcome;
use crate::{Columns, Record};

/// Records of one container, in the order of its log.
pub struct Batch<'a> {
    columns: &'a Columns,
    edits: Edits,
    hold: usize,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(columns: &'a Columns) -> Self {
        Self {
            columns,
            edits: Edits::default(),
            hold: 0,
        }
    }

    /// How many records there are: at least one.
    #[allow(clippy::len_without_is_empty, reason = "a batch is never empty")]
    pub fn len(&self) -> usize {
        self.columns.ends.len()
    }

    /// Record `at`, counted from 0, to look at and to change.
    ///
    /// # Panics
    /// When the batch has no such record.
    pub fn record(&mut self, at: usize) -> Record<'_> {
        assert!(at < self.len(), "record {at} of a batch of {}", self.len());
        Record::new(self.columns, at, &mut self.edits)
    }

    /// The text of record `at`. It may be kept while records are changed.
    ///
    /// # Panics
    /// When the batch has no such record.
    pub fn text(&self, at: usize) -> &'a [u8] {
        text(self.columns, at)
    }

    /// True when nothing may be held back: the container is quiet or has ended, or a limit on held
    /// records is reached.
    pub fn is_last(&self) -> bool {
        self.columns.last
    }

    /// Holds back the last `count` records, because their event is not complete yet. They come
    /// again, unchanged, in front of the next batch of this container.
    ///
    /// The batch is an error if it [`is_last`](Self::is_last), if it has fewer records, or if a held
    /// record is also changed. The last call counts.
    pub fn hold(&mut self, count: usize) {
        self.hold = count;
    }

    /// The columns themselves, as they came from the agent.
    pub fn columns(&self) -> &'a Columns {
        self.columns
    }

    pub(crate) fn finish(self) -> Result<Outcome, String> {
        let (records, hold) = (self.len(), self.hold);
        if hold > records {
            return Err(format!(
                "filter holds {hold} records of a batch of {records}"
            ));
        }
        if hold > 0 && self.columns.last {
            return Err(format!(
                "filter holds {hold} records of a batch that is the last"
            ));
        }
        let edits = self.edits.finish(self.columns, records - hold)?;
        // `hold` is at most the number of records, which the contract counts in 32 bits.
        Ok(Outcome {
            edits,
            hold: hold as u32,
        })
    }
}

/// The text of one record of the columns.
pub(crate) fn text(columns: &Columns, at: usize) -> &[u8] {
    let start = if at == 0 { 0 } else { columns.ends[at - 1] };
    &columns.text[start as usize..columns.ends[at] as usize]
}
