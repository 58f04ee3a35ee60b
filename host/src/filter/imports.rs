//! What a filter may ask the agent for: one file per interface of the contract, and WASI with nothing
//! behind it. All work on the `State` of one instance, and reach nothing beyond it.

pub mod origin;
pub mod patterns;
pub mod report;
pub mod wasi;

use std::sync::Arc;

use wasmtime::component::ResourceTable;

use super::limits::deadline::Deadline;
use super::limits::memory::Memory;
use crate::record::{Columns, Container};

/// What an instance's imports work on.
pub struct State {
    pub memory: Memory,
    pub deadline: Deadline,
    pub table: ResourceTable,
    /// Compiled size that all patterns of this instance may have, bytes.
    pub pattern_bytes_max: usize,
    pub pattern_bytes: usize,
    /// Whose batch is in hand; none before the first.
    pub container: Option<Arc<Container>>,
    /// The batch in hand, empty outside `process`. Shared with what hands it to the guest.
    pub batch: Arc<Columns>,
    pub report: report::Report,
    /// Handles of WASI's that the instance owns.
    pub wasi_handles: u32,
}

// The interface holds types only.
impl super::bindings::logsieve::filter::records::Host for State {}
