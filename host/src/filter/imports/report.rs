//! `report`, and what a filter prints: all that it may tell the outside, bounded, so that no filter
//! floods the agent's log or its metrics.
//!
//! One message is one line of the log, whatever the filter writes: control characters are escaped,
//! or a filter could forge lines of the agent's own. What one call prints is gathered into messages,
//! so that a stack trace stays together and uses up few of those that are allowed.

use std::sync::Arc;

use super::State;
use crate::clock::Clock;
use crate::filter::bindings::logsieve::filter::report::{Host, Level};
use crate::filter::limits::Limits;
use crate::telemetry::metrics::{FilterMetrics, Limit};

/// Bytes of a message that are kept.
const MESSAGE_BYTES_MAX: usize = 1024;
/// Bytes of a counter's name.
const NAME_BYTES_MAX: usize = 64;

/// What one instance may still say.
pub struct Report {
    filter: String,
    clock: Clock,
    metrics: Arc<FilterMetrics>,
    lines_max: u32,
    counters_max: usize,
    /// What was printed and is not written yet.
    printed: Vec<u8>,
    printed_on: Printed,
}

/// Where a filter prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Printed {
    Stdout,
    Stderr,
}

impl Report {
    #[must_use]
    pub fn new(filter: String, clock: Clock, metrics: Arc<FilterMetrics>, limits: &Limits) -> Self {
        Self {
            filter,
            clock,
            metrics,
            lines_max: limits.log_lines,
            counters_max: limits.counters as usize,
            printed: Vec::new(),
            printed_on: Printed::Stdout,
        }
    }

    #[must_use]
    pub fn metrics(&self) -> &FilterMetrics {
        &self.metrics
    }

    fn write(&mut self, level: Level, message: &str) {
        if !self.may_write() {
            self.metrics.log_lines_refused.inc();
            return;
        }
        let message = one_line(message);
        let filter = self.filter.as_str();
        match level {
            Level::Debug => tracing::debug!(filter, "{message}"),
            Level::Info => tracing::info!(filter, "{message}"),
            Level::Warn => tracing::warn!(filter, "{message}"),
            Level::Error => tracing::error!(filter, "{message}"),
        }
    }

    /// Takes what a filter prints; it is written when it is enough for a message, or the call ends.
    pub fn print(&mut self, on: Printed, bytes: &[u8]) {
        if on != self.printed_on {
            self.end_of_call();
            self.printed_on = on;
        }
        for part in bytes.chunks(MESSAGE_BYTES_MAX) {
            if self.printed.len() + part.len() > MESSAGE_BYTES_MAX {
                self.end_of_call();
            }
            self.printed.extend_from_slice(part);
        }
    }

    /// Writes what was printed.
    pub fn end_of_call(&mut self) {
        if self.printed.is_empty() {
            return;
        }
        let printed = std::mem::take(&mut self.printed);
        let text = String::from_utf8_lossy(printed.trim_ascii_end());
        let level = match self.printed_on {
            Printed::Stdout => Level::Info,
            Printed::Stderr => Level::Warn,
        };
        self.write(level, &text);
    }

    fn may_write(&self) -> bool {
        let taken = self
            .metrics
            .said
            .take(self.clock.now().mono, self.lines_max);
        let used = taken.unwrap_or(self.lines_max);
        self.metrics
            .note(Limit::LogLines, u64::from(used), u64::from(self.lines_max));
        taken.is_some()
    }
}

/// What was printed before a failure says more than the failure.
impl Drop for Report {
    fn drop(&mut self) {
        self.end_of_call();
    }
}

impl Host for State {
    fn log(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        self.report.write(level, &message);
        Ok(())
    }

    fn count(&mut self, name: String, by: u64) -> wasmtime::Result<()> {
        let metrics = &self.report.metrics;
        if !(is_name(&name) && metrics.count_custom(&name, by, self.report.counters_max)) {
            metrics.counters_refused.inc();
        }
        Ok(())
    }
}

/// A message as it may stand in a line of the log: cut, and without control characters.
fn one_line(message: &str) -> String {
    let kept = &message[..message.floor_char_boundary(MESSAGE_BYTES_MAX)];
    let mut line = String::with_capacity(kept.len());
    for c in kept.chars() {
        match c {
            '\t' => line.push(c),
            c if c.is_control() => line.extend(c.escape_default()),
            c => line.push(c),
        }
    }
    line
}

/// `[a-z][a-z0-9_]{0,63}`
fn is_name(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_of_the_log() {
        let forged = "done\n2026-11-24 ERROR logsieve: all is lost\u{1b}[31m\tя";
        let expected = "done\\n2026-11-24 ERROR logsieve: all is lost\\u{1b}[31m\tя";
        assert_eq!(one_line(forged), expected);
        assert_eq!(one_line(&"я".repeat(1000)).len(), MESSAGE_BYTES_MAX);
    }
}
