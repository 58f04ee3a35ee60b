//! One record in so many.
//!
//! Which one is chosen by a hash of its text and time, not by counting: several instances run side
//! by side, and a batch may be shown again, and the same record must meet the same fate each time.
//! Records alike in text and time share it.

use common::hash::hash;
use common::{Rules, RulesOver};
use logsieve_filter::{Batch, Record};

use crate::settings::Sampling;

pub(crate) struct Sample {
    one_in: u32,
    /// Of these; of all, if there are none.
    of: Option<Rules>,
}

/// Over one batch.
pub(crate) struct SampleOver<'a> {
    one_in: u32,
    of: Option<RulesOver<'a>>,
}

impl Sample {
    pub(crate) fn new(sampling: &Sampling) -> Result<Self, String> {
        let of = (!sampling.of.is_empty())
            .then(|| Rules::new("sample.of", &sampling.of))
            .transpose()?;
        Ok(Self {
            one_in: sampling.one_in,
            of,
        })
    }

    pub(crate) fn over(&self, batch: &Batch<'_>) -> SampleOver<'_> {
        SampleOver {
            one_in: self.one_in,
            of: self.of.as_ref().map(|of| of.over(batch)),
        }
    }
}

impl SampleOver<'_> {
    /// Whether the record passes; nothing, if it is not among those that are thinned out.
    pub(crate) fn choose(&mut self, at: usize, record: &Record<'_>) -> Option<bool> {
        let is_meant = self.of.as_mut().is_none_or(|of| of.name(at, record));
        is_meant.then(|| hash(record.text(), record.time()).is_multiple_of(u64::from(self.one_in)))
    }
}
