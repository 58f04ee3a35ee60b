//! `report`: what a filter may tell the outside, bounded, so that no filter floods the agent's log
//! or its metrics.

use std::sync::Arc;
use std::time::Duration;

use super::State;
use crate::clock::Clock;
use crate::filter::bindings::logsieve::filter::report::{Host, Level};
use crate::telemetry::metrics::FilterMetrics;

/// Bytes of a message that are kept.
const MESSAGE_BYTES_MAX: usize = 1024;
/// Messages a second that are written, for each instance.
const MESSAGES_PER_SECOND_MAX: u32 = 10;
/// Counters that a filter may have.
const COUNTERS_MAX: usize = 32;
/// Bytes of a counter's name.
const NAME_BYTES_MAX: usize = 64;

/// What one instance may still say.
pub struct Report {
    filter: String,
    clock: Clock,
    metrics: Arc<FilterMetrics>,
    second: Duration,
    written: u32,
}

impl Report {
    #[must_use]
    pub fn new(filter: String, clock: Clock, metrics: Arc<FilterMetrics>) -> Self {
        Self {
            filter,
            clock,
            metrics,
            second: Duration::ZERO,
            written: 0,
        }
    }

    fn may_write(&mut self) -> bool {
        let now = self.clock.now().mono;
        if now.saturating_sub(self.second) >= Duration::from_secs(1) {
            (self.second, self.written) = (now, 0);
        }
        self.written += 1;
        self.written <= MESSAGES_PER_SECOND_MAX
    }
}

impl Host for State {
    fn log(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        let report = &mut self.report;
        if !report.may_write() {
            report.metrics.log_lines_refused.inc();
            return Ok(());
        }
        let mut message = message;
        message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
        let filter = report.filter.as_str();
        match level {
            Level::Debug => tracing::debug!(filter, "{message}"),
            Level::Info => tracing::info!(filter, "{message}"),
            Level::Warn => tracing::warn!(filter, "{message}"),
            Level::Error => tracing::error!(filter, "{message}"),
        }
        Ok(())
    }

    fn count(&mut self, name: String, by: u64) -> wasmtime::Result<()> {
        let metrics = &self.report.metrics;
        if !(is_name(&name) && metrics.count_custom(&name, by, COUNTERS_MAX)) {
            metrics.counters_refused.inc();
        }
        Ok(())
    }
}

/// `[a-z][a-z0-9_]{0,63}`
fn is_name(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}
