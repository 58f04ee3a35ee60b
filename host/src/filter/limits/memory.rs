//! What one instance may grow to: its linear memories together, and each of its tables; and of how many
//! parts it may be.
//!
//! Memory that an instance has taken is counted in a gauge until the instance is gone.

use std::sync::Arc;

use wasmtime::ResourceLimiter;

use super::Limits;
use crate::telemetry::metrics::{FilterMetrics, Limit};

/// What an instance was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    Memory,
    Table,
}

/// Watches one instance.
pub struct Memory {
    metrics: Arc<FilterMetrics>,
    bytes_max: usize,
    elements_max: usize,
    pub core_instances_max: u32,
    tables_max: u32,
    memories_max: u32,
    bytes: usize,
    /// What was refused in this call: what a trap that follows is due to.
    pub refused: Option<Refused>,
}

impl Memory {
    #[must_use]
    pub fn new(limits: &Limits, metrics: Arc<FilterMetrics>) -> Self {
        metrics.instances_started.inc();
        Self {
            metrics,
            bytes_max: usize::try_from(limits.memory.as_u64()).unwrap_or(usize::MAX),
            elements_max: limits.table_elements as usize,
            core_instances_max: limits.core_instances,
            tables_max: limits.tables,
            memories_max: limits.memories,
            bytes: 0,
            refused: None,
        }
    }

    /// Bytes that the instance has taken.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.metrics.memory_bytes.dec_by(gauge(self.bytes));
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        let all = self.bytes.saturating_add(more);
        if all > self.bytes_max {
            self.refused = Some(Refused::Memory);
            self.metrics.note(Limit::Memory, 1, 1);
            return Ok(false);
        }
        self.bytes = all;
        self.metrics.memory_bytes.inc_by(gauge(more));
        self.metrics
            .note(Limit::Memory, all as u64, self.bytes_max as u64);
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let fits = desired <= self.elements_max;
        if !fits {
            self.refused = Some(Refused::Table);
        }
        let used = desired.min(self.elements_max) as u64;
        self.metrics
            .note(Limit::TableElements, used, self.elements_max as u64);
        Ok(fits)
    }

    fn instances(&self) -> usize {
        self.core_instances_max as usize
    }

    fn tables(&self) -> usize {
        self.tables_max as usize
    }

    fn memories(&self) -> usize {
        self.memories_max as usize
    }
}

fn gauge(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
