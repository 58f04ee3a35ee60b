//! Lets one record in so many pass, and every error.
//!
//! Which one is chosen by a hash and not by counting: several instances run side by side, and a batch
//! may be shown again, and the same record must meet the same fate each time. The hash is of a field,
//! where the operator names one: so all records of a request pass, or none.

mod settings;

use common::field::field;
use common::hash::hash;
use common::{Level, List, Rules};
use logsieve_filter::{Batch, Filter, Record, Unjudged, export_filter, report};

pub use settings::Settings;

/// The filter.
pub struct Sample {
    one_in: u64,
    by: Option<String>,
    keep: Rules,
    errors: Rules,
}

impl Sample {
    /// Takes the operator's settings.
    ///
    /// # Errors
    /// Names the setting that cannot be followed.
    pub fn new(settings: Settings) -> Result<Self, String> {
        settings.check()?;
        let errors = List {
            least: settings.keep_errors.then_some(Level::Error),
            ..List::default()
        };
        Ok(Self {
            one_in: settings.one_in.into(),
            keep: Rules::new("keep", &settings.keep)?,
            errors: Rules::new("keep_errors", &errors)?,
            by: settings.by,
        })
    }

    /// Whether the record is the one of so many.
    fn chooses(&self, record: &Record<'_>) -> bool {
        let text = record.text();
        let value = self.by.as_ref().and_then(|by| field(text, by));
        let hash = match value {
            Some(value) => hash(value, 0),
            None => hash(text, record.time()),
        };
        hash.is_multiple_of(self.one_in)
    }
}

impl Filter for Sample {
    fn batch(&mut self, batch: &mut Batch<'_>) -> Result<(), Unjudged> {
        let (mut keep, mut errors) = (self.keep.over(batch), self.errors.over(batch));
        let mut left_out = 0;
        for at in 0..batch.len() {
            let mut record = batch.record(at);
            // In the order of what they cost.
            if self.chooses(&record) || keep.name(at, &record) || errors.name(at, &record) {
                continue;
            }
            record.discard();
            left_out += 1;
        }
        if left_out > 0 {
            report::count("left_out", left_out);
        }
        Ok(())
    }
}

export_filter!(Sample, Sample::new);

#[cfg(test)]
mod tests;
