//! What a filter is limited in, the most of each that it used, and how many lines a second the agent's log
//! takes about it and from it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;

/// What a filter is limited in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    Memory,
    TableElements,
    CoreInstances,
    Tables,
    Memories,
    Cpu,
    Output,
    Edits,
    Patterns,
    LogLines,
    Counters,
    Instances,
    Batches,
}

impl Limit {
    /// Each limit of the configuration is one.
    pub const ALL: [Self; 13] = [
        Self::Memory,
        Self::TableElements,
        Self::CoreInstances,
        Self::Tables,
        Self::Memories,
        Self::Cpu,
        Self::Output,
        Self::Edits,
        Self::Patterns,
        Self::LogLines,
        Self::Counters,
        Self::Instances,
        Self::Batches,
    ];

    /// Its name in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::TableElements => "table_elements",
            Self::CoreInstances => "core_instances",
            Self::Tables => "tables",
            Self::Memories => "memories",
            Self::Cpu => "cpu_per_batch",
            Self::Output => "output_ratio",
            Self::Edits => "edits",
            Self::Patterns => "patterns",
            Self::LogLines => "log_lines",
            Self::Counters => "counters",
            Self::Instances => "instances",
            Self::Batches => "batches",
        }
    }
}

/// The most of one limit that was ever used.
pub(super) struct Peak {
    gauge: Gauge<f64, AtomicU64>,
    permille: AtomicU64,
}

impl Peak {
    pub(super) fn new(gauge: Gauge<f64, AtomicU64>) -> Self {
        let permille = AtomicU64::new(0);
        Self { gauge, permille }
    }

    pub(super) fn note(&self, used: u64, most: u64) {
        let permille = used.saturating_mul(1000) / most.max(1);
        if permille > self.permille.load(Ordering::Relaxed) {
            self.permille.store(permille, Ordering::Relaxed);
            // Shown with three digits, which a float has.
            let permille = u32::try_from(permille).unwrap_or(u32::MAX);
            self.gauge.set(f64::from(permille) / 1000.0);
        }
    }
}

/// Lines of the log a second, of all instances together: one that fails comes back with nothing said.
#[derive(Default)]
pub struct Pace(Mutex<(Duration, u32)>);

impl Pace {
    /// Takes one more line of `most`, at `now` since any fixed moment. Gives how many that makes, or
    /// none when there were enough.
    pub fn take(&self, now: Duration, most: u32) -> Option<u32> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, written) = &mut *lines;
        if now.saturating_sub(*since) >= Duration::from_secs(1) {
            (*since, *written) = (now, 0);
        }
        if *written >= most {
            return None;
        }
        *written += 1;
        Some(*written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_anew_each_second() {
        let pace = Pace::default();
        let taken = |millis: u64| pace.take(Duration::from_millis(millis), 2);
        assert_eq!(
            [taken(5000), taken(5400), taken(5999)],
            [Some(1), Some(2), None]
        );
        assert_eq!(taken(6000), Some(1));
    }
}
