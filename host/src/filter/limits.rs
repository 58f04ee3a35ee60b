//! What one filter may use, and the time that one call may take.
//!
//! A deadline counts the thread's CPU time: a CPU quota stops a lane for most of 100 ms, and a
//! deadline on the wall clock would punish healthy filters. The wall clock caps at ten times that,
//! for a guest that waits. Nothing is measured for a call that ends between two ticks.

use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;
use wasmtime::{ResourceLimiter, UpdateDeadline};

use crate::clock::{Clock, CpuClock};

/// The operator's limits for one filter.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Linear memory of one instance.
    pub memory: ByteSize,
    /// CPU time for a batch: for every 256 KiB or 1,000 records begun, whichever is more.
    #[serde(with = "humantime_serde")]
    pub cpu_per_batch: Duration,
    /// Bytes of output per byte of input; a batch may always grow to 1 MiB.
    pub output_ratio: u32,
    /// Compiled size of all patterns of one instance.
    pub patterns: ByteSize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: ByteSize::mib(32),
            cpu_per_batch: Duration::from_millis(100),
            output_ratio: 8,
            patterns: ByteSize::mib(4),
        }
    }
}

/// A batch may always grow to so many bytes.
const OUTPUT_BYTES_FREE: usize = 1024 * 1024;
/// The wall clock's cap, in deadlines.
const WALL_DEADLINES: u32 = 10;
/// Entries of all tables of an instance; indirect calls of a large Go module need some 10,000.
const TABLE_ELEMENTS_MAX: usize = 100_000;

impl Limits {
    /// CPU time that a batch of this size may take.
    #[must_use]
    pub fn deadline(&self, bytes: usize, records: usize) -> Duration {
        let begun = bytes
            .div_ceil(256 * 1024)
            .max(records.div_ceil(1000))
            .max(1);
        self.cpu_per_batch
            .saturating_mul(u32::try_from(begun).unwrap_or(u32::MAX))
    }

    /// Bytes of text that may come out of a batch with `bytes` of it.
    #[must_use]
    pub fn output_max(&self, bytes: usize) -> usize {
        bytes
            .saturating_mul(self.output_ratio as usize)
            .max(OUTPUT_BYTES_FREE)
    }
}

/// Watches one call.
#[derive(Debug)]
pub struct Deadline {
    cpu: CpuClock,
    clock: Clock,
    limit: Duration,
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
    pub fn new(cpu: CpuClock, clock: Clock) -> Self {
        Self {
            cpu,
            clock,
            limit: Duration::ZERO,
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
        let late = cpu.saturating_sub(cpu_since) > self.limit
            || wall.saturating_sub(wall_since) > self.limit.saturating_mul(WALL_DEADLINES);
        if late {
            return Err(Overran { limit: self.limit });
        }
        Ok(())
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

/// Watches one instance's memory.
#[derive(Debug)]
pub struct Memory {
    bytes_max: usize,
    /// An allocation was refused: what a trap that follows is due to.
    pub refused: bool,
}

impl Memory {
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            bytes_max: usize::try_from(limits.memory.as_u64()).unwrap_or(usize::MAX),
            refused: false,
        }
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let fits = desired <= self.bytes_max;
        self.refused |= !fits;
        Ok(fits)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let fits = desired <= TABLE_ELEMENTS_MAX;
        self.refused |= !fits;
        Ok(fits)
    }

    fn instances(&self) -> usize {
        16
    }

    fn tables(&self) -> usize {
        16
    }

    // One memory a core instance is what every guest language makes; the limit above is for each.
    fn memories(&self) -> usize {
        4
    }
}
