//! The time that one call may take.
//!
//! A deadline counts the thread's CPU time: a CPU quota stops a lane for most of 100 ms, and a
//! deadline on the wall clock would punish healthy filters. The wall clock caps at ten times that,
//! for a guest that waits. Nothing is measured for a call that ends between two ticks: the first tick
//! starts the count, so a call may take a tick (2 ms) more than its deadline.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use wasmtime::UpdateDeadline;

use super::super::engine::Engine;
use crate::clock::{Clock, CpuClock};
use crate::telemetry::metrics::{FilterMetrics, Limit};

/// The wall clock's cap, in deadlines.
const WALL_DEADLINES: u32 = 10;

/// Watches one call.
pub struct Deadline {
    cpu: CpuClock,
    clock: Clock,
    metrics: Arc<FilterMetrics>,
    limit: Duration,
    ticks: Arc<AtomicU64>,
    /// The tick at which the latest look was.
    seen: u64,
    /// CPU and wall time at the first tick of this call.
    since: Option<(Duration, Duration)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the call took more than {limit:?} of CPU time; `limits.cpu_per_batch` allows more")]
pub struct Overran {
    pub limit: Duration,
}

impl Deadline {
    #[must_use]
    pub fn new(cpu: CpuClock, engine: &Engine, metrics: Arc<FilterMetrics>) -> Self {
        Self {
            cpu,
            clock: engine.clock,
            metrics,
            limit: Duration::ZERO,
            ticks: engine.ticks(),
            seen: 0,
            since: None,
        }
    }

    #[must_use]
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// A call begins, and may take `limit`.
    pub fn begin(&mut self, limit: Duration) {
        self.limit = limit;
        self.since = None;
    }

    /// Whether the call may go on. The first look starts the count: it comes at the first tick, so
    /// a short call costs no clock.
    ///
    /// # Errors
    /// When the call has had its time.
    pub fn check(&mut self) -> Result<(), Overran> {
        let (cpu, wall) = ((self.cpu)(), self.clock.now().mono);
        let (cpu_since, wall_since) = *self.since.get_or_insert((cpu, wall));
        let waited = wall.saturating_sub(wall_since) / WALL_DEADLINES;
        // Whichever is nearer to its end.
        let used = cpu.saturating_sub(cpu_since).max(waited);
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.metrics
            .note(Limit::Cpu, micros(used), micros(self.limit));
        if used > self.limit {
            return Err(Overran { limit: self.limit });
        }
        Ok(())
    }

    /// The same for native code, as often as it likes: nothing is read between two ticks.
    ///
    /// # Errors
    /// When the call has had its time.
    pub fn look(&mut self) -> Result<(), Overran> {
        let ticks = self.ticks.load(Ordering::Relaxed);
        if ticks == self.seen {
            return Ok(());
        }
        self.seen = ticks;
        self.check()
    }

    /// The same, as an epoch callback has it.
    ///
    /// # Errors
    /// When the call has had its time.
    pub fn tick(&mut self) -> wasmtime::Result<UpdateDeadline> {
        self.check()?;
        Ok(UpdateDeadline::Continue(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::metrics::Metrics;

    #[test]
    fn a_call_that_waits_ends_when_ten_times_its_limit_has_passed() {
        let engine = Engine::new(Clock::start()).unwrap();
        let metrics = Metrics::default().filter("f");
        let mut deadline = Deadline::new(|| Duration::ZERO, &engine, metrics);
        let limit = Duration::from_millis(1);
        deadline.begin(limit);
        assert_eq!(deadline.check(), Ok(()), "the first look starts the count");
        std::thread::sleep(limit * 12);
        assert_eq!(deadline.check(), Err(Overran { limit }));
        deadline.begin(Duration::from_secs(60));
        assert_eq!(deadline.check(), Ok(()));
        std::thread::sleep(limit * 12);
        assert_eq!(deadline.check(), Ok(()), "another call has its own time");
    }
}
