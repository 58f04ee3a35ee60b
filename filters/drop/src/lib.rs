//! Drops records that nobody reads: by a text in them, by a regular expression, or all but one in so many.
//!
//! The lists are asked in order: what `keep` names passes, then what `drop` names goes, then what
//! `sample` names is thinned out; `otherwise` says what becomes of the rest.

mod sample;
mod settings;

use common::Rules;
use logsieve_filter::{Batch, Filter, Unjudged, export_filter};

use sample::Sample;
use settings::Otherwise;
pub use settings::Settings;

/// The filter.
pub struct Drop {
    keep: Rules,
    drop: Rules,
    sample: Option<Sample>,
    otherwise: Otherwise,
}

impl Drop {
    /// Takes the operator's settings.
    ///
    /// # Errors
    /// Names the setting that cannot be followed.
    pub fn new(settings: Settings) -> Result<Self, String> {
        settings.check()?;
        Ok(Self {
            keep: Rules::new("keep", &settings.keep)?,
            drop: Rules::new("drop", &settings.drop)?,
            sample: settings.sample.as_ref().map(Sample::new).transpose()?,
            otherwise: settings.otherwise,
        })
    }
}

impl Filter for Drop {
    fn batch(&mut self, batch: &mut Batch<'_>) -> Result<(), Unjudged> {
        let (mut keep, mut drop) = (self.keep.over(batch), self.drop.over(batch));
        let mut sample = self.sample.as_ref().map(|sample| sample.over(batch));
        for at in 0..batch.len() {
            let mut record = batch.record(at);
            let passes = if keep.name(at, &record) {
                true
            } else if drop.name(at, &record) {
                false
            } else if let Some(chosen) = sample
                .as_mut()
                .and_then(|sample| sample.choose(at, &record))
            {
                chosen
            } else {
                self.otherwise == Otherwise::Pass
            };
            if !passes {
                record.discard();
            }
        }
        Ok(())
    }
}

export_filter!(Drop, Drop::new);

#[cfg(test)]
mod tests;
