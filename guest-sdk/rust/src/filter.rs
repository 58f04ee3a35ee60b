//! The trait that an author implements.
//!
//! One of its two functions is enough: `record` for a filter that judges one record at a time, which
//! nearly all do; `batch` for one that looks at neighbours, holds records back, or uses patterns.

use std::fmt::Display;

use crate::wire::logsieve::filter::records::Outcome;
use crate::{Batch, Columns, Record};

/// Looks at records and says what to change.
///
/// Several instances of a filter run side by side, batches of different containers come in any
/// order, and a batch may be shown again: what a filter keeps from one call to the next (a cache, a
/// buffer) must not matter for what comes out.
pub trait Filter {
    /// Looks at one record. What it does not change passes as it is, and costs nothing.
    fn record(&mut self, record: &mut Record<'_>) {
        let _ = record;
    }

    /// Looks at a whole batch: records of one container in the order of its log.
    ///
    /// # Errors
    /// When this batch cannot be judged. None of its changes are made then, and the operator's
    /// `on_error` says what becomes of the records. An error is for the impossible, not for a
    /// record that is merely odd: let that one pass.
    fn batch(&mut self, batch: &mut Batch<'_>) -> Result<(), Unjudged> {
        for at in 0..batch.len() {
            self.record(&mut batch.record(at));
        }
        Ok(())
    }
}

/// A filter that is lent: a test may show it to one container after another.
impl<F: Filter> Filter for &mut F {
    fn record(&mut self, record: &mut Record<'_>) {
        (**self).record(record);
    }

    fn batch(&mut self, batch: &mut Batch<'_>) -> Result<(), Unjudged> {
        (**self).batch(batch)
    }
}

/// Why a batch could not be judged. Made from anything that can be displayed, so `?` works on every
/// error, and `Err("no such table".into())` does as well.
#[derive(Debug)]
pub struct Unjudged(String);

impl<E: Display> From<E> for Unjudged {
    fn from(reason: E) -> Self {
        Self(reason.to_string())
    }
}

/// One call: shows the filter its batch and takes down what it wants. Agent and tests come here.
pub(crate) fn judge(filter: &mut impl Filter, columns: &Columns) -> Result<Outcome, String> {
    let mut batch = Batch::new(columns);
    filter.batch(&mut batch).map_err(|unjudged| unjudged.0)?;
    batch.finish()
}
