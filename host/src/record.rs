//! The nouns that every stage shares. They import no stage, so that stages can do without knowing
//! each other.

pub mod budget;
pub mod cause;
pub mod columns;
pub mod container;
pub mod form;
pub mod globs;
pub mod hex;
pub mod ledger;
pub mod receipt;
pub mod sample;
pub mod status;

pub use budget::{Budget, Permit, Share};
pub use cause::Cause;
pub use columns::{Columns, Stream};
pub use container::{CONTAINER_ID, Container, Facts, STRAY_ANNOTATION};
pub use form::Form;
pub use globs::Globs;
pub use hex::hex;
pub use ledger::{Count, Ending, Ledger, Tally};
pub use receipt::{Fate, FileId, News, Range, Receipt};
pub use sample::Sample;

/// Records of one container moving together, with what is owed for them.
///
/// A batch is moved, never shared. Dropping it early, by a `return` or an error, reports its receipt
/// abandoned: its bytes are read again, so neither a record nor a checkpoint can leak.
#[derive(Debug)]
pub struct Batch {
    pub columns: Columns,
    pub receipt: Receipt,
}

impl Batch {
    /// Adds the records of a later batch, and what it answers for.
    pub fn append(&mut self, later: Batch) {
        let base = u32::try_from(self.receipt.bytes()).unwrap_or(u32::MAX);
        let Batch { columns, receipt } = later;
        self.columns.extend_from(&columns, 0, columns.len(), base);
        self.receipt.join(receipt);
    }

    /// Keeps the first `len` records; the rest is the new batch's, with the source bytes that any of
    /// it comes from: a record that was added to another shares the other's bytes, and they are
    /// not settled while it is held.
    #[must_use]
    pub fn split_off(&mut self, len: usize) -> Batch {
        let source = match len < self.columns.len() {
            true => self.columns.source_start(len),
            false => self.columns.source_bytes(),
        };
        let mut rest = Columns::default();
        let all = self.columns.len();
        rest.extend_from(&self.columns, len, all, 0_u32.wrapping_sub(source));
        self.columns.truncate(len);
        self.cap_source(source);
        Batch {
            columns: rest,
            receipt: self.receipt.split_off(u64::from(source)),
        }
    }

    /// Makes no record answer for more than `source` bytes.
    fn cap_source(&mut self, source: u32) {
        for end in self.columns.source_ends.iter_mut().rev() {
            if *end <= source {
                break;
            }
            *end = source;
        }
    }

    /// Puts other records in the place of its own; they answer for the same receipt.
    pub fn replace(&mut self, columns: Columns) {
        self.columns = columns;
        self.cap_source(u32::try_from(self.receipt.bytes()).unwrap_or(u32::MAX));
    }
}

/// Most text in a batch that is read, bytes. One record may be larger.
pub const BATCH_TEXT_MAX: usize = 256 * 1024;
/// Most records in a batch that is read.
pub const BATCH_RECORDS_MAX: usize = 4096;
