//! What the filters of one container hold back, and how much of it they may.
//!
//! Held records stay in their receipt, unsettled, until they come out: a restart reads them again. What
//! all containers hold together is bounded by their lane, in bytes of the budget.

use crate::record::{Batch, Columns};

/// What one filter may hold for one container; a batch of which it would hold more is handed over
/// again, as the last of its event.
const HELD_RECORDS_MAX: usize = 1000;
const HELD_BYTES_MAX: usize = 1024 * 1024;

/// What the filters of one container hold back, in the order of its chain.
#[derive(Debug, Default)]
pub struct Held(Vec<Option<Batch>>);

impl Held {
    /// Memory that held records take, bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.iter().flatten().map(|b| b.columns.bytes()).sum()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// Source bytes that the held records answer for.
    #[must_use]
    pub fn source_bytes(&self) -> u64 {
        self.0.iter().flatten().map(|b| b.receipt.bytes()).sum()
    }

    /// Forgets what is held, without news: the container is read again. Says how many source bytes.
    pub fn forget(&mut self) -> u64 {
        let mut bytes = 0;
        for batch in self.0.drain(..).flatten() {
            bytes += batch.receipt.bytes();
            batch.receipt.forget();
        }
        bytes
    }

    pub(super) fn take(&mut self, place: usize) -> Option<Batch> {
        self.0.get_mut(place)?.take()
    }

    pub(super) fn put(&mut self, place: usize, batch: Batch) {
        if self.0.len() <= place {
            self.0.resize_with(place + 1, || None);
        }
        self.0[place] = Some(batch);
    }
}

/// Whether the records at the end are more than may be held.
pub(super) fn too_much(columns: &Columns, hold: usize) -> bool {
    let first = columns.len().saturating_sub(hold);
    hold > HELD_RECORDS_MAX
        || (hold > 0 && columns.text.len() - columns.start(first) > HELD_BYTES_MAX)
}
