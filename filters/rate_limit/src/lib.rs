//! Limits what one container may write: so many records or bytes a second, and a burst on top.
//!
//! Time is that of the records, so what is read late is judged as what was read at once. This is the one
//! ready filter that remembers: how much each container has left. What it remembers is gone with its
//! instance (a new module, a failure, a restart), and every container begins with a full burst then: it
//! errs towards letting pass, and each record that it leaves out is counted.

mod bucket;
mod containers;
mod settings;

use common::Rules;
use logsieve_filter::{Batch, Filter, Unjudged, export_filter, origin, report};

use bucket::Allowance;
use containers::Containers;
pub use settings::Settings;

/// The filter.
pub struct RateLimit {
    keep: Rules,
    tell: bool,
    containers: Containers,
}

impl RateLimit {
    /// Takes the operator's settings.
    ///
    /// # Errors
    /// Names the setting that cannot be followed.
    pub fn new(settings: Settings) -> Result<Self, String> {
        settings.check()?;
        Ok(Self {
            keep: Rules::new("keep", &settings.keep)?,
            tell: settings.tell,
            containers: Containers::new(Allowance::of(&settings)),
        })
    }
}

impl Filter for RateLimit {
    fn batch(&mut self, batch: &mut Batch<'_>) -> Result<(), Unjudged> {
        let fact = |name: &str| origin::get(name).unwrap_or_default();
        // A container that was restarted has no more left than before.
        let name = format!("{}/{}", fact("k8s.pod.uid"), fact("k8s.container.name"));
        let container = self.containers.get(name, batch.columns().times[0]);
        let mut keep = self.keep.over(batch);
        let mut left_out = 0;
        for at in 0..batch.len() {
            let mut record = batch.record(at);
            let time = record.time();
            let passes = container.buckets.take(record.text().len(), time);
            if !passes && !keep.name(at, &record) {
                record.discard();
                container.leave_out(time);
                left_out += 1;
            }
            if let Some(records) = container.told(time).filter(|_| self.tell) {
                record.add(format!(
                    "logsieve: records left out by rate_limit: {records}"
                ));
            }
        }
        if left_out > 0 {
            report::count("left_out", left_out);
        }
        Ok(())
    }
}

export_filter!(RateLimit, RateLimit::new);

#[cfg(test)]
mod tests;
