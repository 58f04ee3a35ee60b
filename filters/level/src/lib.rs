//! Finds out how important a record is, and drops what is less than the operator wants to keep.
//!
//! Loggers say it in a handful of ways: a field of a JSON object or of logfmt, a word near the beginning,
//! klog's first letter. What says nothing is kept, unless the operator wants otherwise: a stack trace
//! has no level, and nobody wants to lose one.

mod settings;

use common::Level;
use common::level::find;
use logsieve_filter::{Filter, Record, export_filter, report};

pub use settings::{Settings, Unknown};

/// The filter.
pub struct LevelFilter(Settings);

impl LevelFilter {
    /// Takes the operator's settings.
    ///
    /// # Errors
    /// When they would drop everything, or nothing.
    pub fn new(settings: Settings) -> Result<Self, String> {
        if settings.least == Level::Trace && settings.unknown == Unknown::Keep {
            return Err("`least` is `trace`: nothing would be dropped".into());
        }
        Ok(Self(settings))
    }
}

impl Filter for LevelFilter {
    fn record(&mut self, record: &mut Record<'_>) {
        let drops = match find(record.text()) {
            Some(level) => level < self.0.least,
            None => self.0.unknown == Unknown::Drop,
        };
        if drops {
            record.discard();
            report::count("below", 1);
        }
    }
}

export_filter!(LevelFilter, LevelFilter::new);

#[cfg(test)]
mod tests;
