//! Makes metrics of records: counts those that rules name, or takes the numbers that stand in a field, and
//! adds a record in CloudWatch's embedded metric format, of which CloudWatch makes metrics.
//!
//! It adds one for each minute of records in a batch, behind the last that was counted, and remembers
//! nothing: what is read late counts in the minute in which it was written.

mod format;
mod meter;
mod settings;

use std::collections::BTreeMap;

use logsieve_filter::{Batch, Filter, Unjudged, export_filter, origin};

use format::Format;
use meter::{Meter, Minute};
pub use settings::Settings;

/// The filter.
pub struct Emf {
    meters: Vec<Meter>,
    format: Format,
    drop: bool,
}

const MINUTE_NANOS: u64 = 60 * 1_000_000_000;

impl Emf {
    /// Takes the operator's settings.
    ///
    /// # Errors
    /// Names the setting that cannot be followed.
    pub fn new(settings: Settings) -> Result<Self, String> {
        settings.check()?;
        let meters = settings.metrics.iter();
        Ok(Self {
            meters: meters
                .map(|(name, metric)| Meter::new(name, metric))
                .collect::<Result<_, _>>()?,
            drop: settings.drop,
            format: Format::new(settings),
        })
    }
}

impl Filter for Emf {
    fn batch(&mut self, batch: &mut Batch<'_>) -> Result<(), Unjudged> {
        let mut meters: Vec<_> = self.meters.iter().map(|meter| meter.over(batch)).collect();
        let mut minutes = BTreeMap::<u64, Minute>::new();
        for at in 0..batch.len() {
            let mut record = batch.record(at);
            let mut counted = false;
            for (n, meter) in meters.iter_mut().enumerate() {
                let Some(value) = meter.value(at, &record) else {
                    continue;
                };
                counted = true;
                let minute = minutes.entry(record.time() / MINUTE_NANOS);
                let minute = minute.or_insert_with(|| Minute::new(self.meters.len()));
                minute.last = at;
                minute.values[n].push(value);
            }
            if counted && self.drop {
                record.discard();
            }
        }
        if minutes.is_empty() {
            return Ok(());
        }
        let dimensions = self.format.dimensions(origin::get);
        for minute in minutes.into_values() {
            let mut record = batch.record(minute.last);
            for text in self
                .format
                .records(&self.meters, &dimensions, record.time(), minute)
            {
                record.add(text);
            }
        }
        Ok(())
    }
}

export_filter!(Emf, Emf::new);

#[cfg(test)]
mod tests;
