//! One running copy of a filter.
//!
//! A copy is made, configured, and handed batches until it fails; then it is thrown away, since
//! nobody knows what state a trap left behind.

use std::sync::Arc;

use wasmtime::Store;
use wasmtime::component::ResourceTable;

use super::bindings::LogFilter;
use super::bindings::exports::logsieve::filter::filter::{Batch, Outcome};
use super::engine::Engine;
use super::imports::{State, report::Report};
use super::limits::Limits;
use super::limits::deadline::{Deadline, Overran};
use super::limits::memory::{Memory, Refused};
use super::module::Module;
use super::parts::{self, Parts};
use crate::clock::CpuClock;
use crate::record::{Columns, Container, Stream};
use crate::telemetry::metrics::{FilterMetrics, Limit};

/// Why a call did not give an outcome.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Overran(#[from] Overran),
    #[error("it needs more memory than `limits.memory` allows, {limit}")]
    Memory { limit: bytesize::ByteSize },
    #[error("it needs a larger table than `limits.table_elements` allows, {limit}")]
    Table { limit: u32 },
    #[error("it is linked of more than `limits.{limit}` allows, {most}")]
    Parts { limit: &'static str, most: u32 },
    #[error("it trapped: {cause}")]
    Trap { cause: String },
    #[error("it could not judge the batch: {reason}")]
    Refused { reason: String },
    #[error("it refuses its settings: {reason}")]
    Settings { reason: String },
    #[error("its outcome breaks the contract: {0}")]
    Outcome(#[from] super::edits::BadOutcome),
    #[error("it rests for this container, after it failed on {batches} batches in a row: {why}")]
    Rests { batches: u32, why: String },
    #[error("{why}, and what it failed on cannot be put into quarantine: {cause}")]
    Quarantine { why: String, cause: &'static str },
}

impl Failure {
    /// For metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Overran(_) => "deadline",
            Self::Memory { .. } => "memory",
            Self::Table { .. } => "table",
            Self::Parts { .. } => "parts",
            Self::Trap { .. } => "trap",
            Self::Refused { .. } => "refused",
            Self::Settings { .. } => "settings",
            Self::Outcome(_) => "outcome",
            Self::Rests { .. } => "rests",
            Self::Quarantine { .. } => "quarantine",
        }
    }
}

/// What a filter is made from: shared by all its instances.
#[derive(Clone)]
pub struct Blueprint {
    pub name: String,
    pub engine: Engine,
    pub module: Module,
    /// The operator's settings, as JSON.
    pub settings: String,
    pub limits: Limits,
    pub cpu: CpuClock,
    pub metrics: Arc<FilterMetrics>,
}

/// What an instance has used.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// Linear memory; it never shrinks.
    pub memory_bytes: usize,
    /// Counted by an engine that is `metered`; else 0.
    pub fuel: u64,
}

impl Blueprint {
    /// Whether instances of both are alike.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.name == other.name
            && self.module.hash == other.module.hash
            && self.settings == other.settings
            && self.limits == other.limits
    }
}

pub struct Instance {
    store: Store<State>,
    bindings: LogFilter,
    limits: Limits,
    engine: Engine,
    /// The batch's column as the contract has it.
    streams: Vec<u8>,
    /// Batches that it was handed.
    batches: u64,
    /// Memory that it had when it was configured, bytes.
    at_first: usize,
}

impl Instance {
    /// Makes a copy and configures it.
    ///
    /// # Errors
    /// When it traps on the way, or refuses its settings.
    pub fn new(from: &Blueprint) -> Result<Self, Failure> {
        let bytes = |b: bytesize::ByteSize| usize::try_from(b.as_u64()).unwrap_or(usize::MAX);
        let state = State {
            memory: Memory::new(&from.limits, from.metrics.clone()),
            deadline: Deadline::new(from.cpu, &from.engine, from.metrics.clone()),
            table: ResourceTable::new(),
            pattern_bytes_max: bytes(from.limits.patterns),
            pattern_bytes: 0,
            container: None,
            batch: Arc::default(),
            report: Report::new(
                from.name.clone(),
                from.engine.clock,
                from.metrics.clone(),
                &from.limits,
            ),
            wasi_handles: 0,
        };
        let mut store = Store::new(from.engine.wasm(), state);
        store.limiter(|state| &mut state.memory);
        if from.engine.metered {
            // As good as endless: fuel is only counted here. An engine that counts none refuses it.
            let _ = store.set_fuel(u64::MAX);
        }
        store.epoch_deadline_callback(|mut store| store.data_mut().deadline.tick());
        store.set_epoch_deadline(1);
        store.data_mut().deadline.begin(from.limits.deadline(0, 0));
        let call = from.engine.call();
        let made = from.module.pre.instantiate(&mut store);
        let bindings = made.map_err(|e| unlinked(&store, from, &e))?;
        let component = from.module.pre.instance_pre().component();
        let count = || Parts::count(&mut store, &from.engine, component, &from.limits);
        let parts = from.module.parts.get_or_init(count);
        parts.note(&from.limits, &from.metrics);
        let configured = bindings
            .logsieve_filter_filter()
            .call_configure(&mut store, &from.settings)
            .map_err(|e| failure(&store, &from.limits, &e))?;
        drop(call);
        configured.map_err(|reason| Failure::Settings {
            reason: short(reason),
        })?;
        Ok(Self {
            at_first: store.data().memory.bytes(),
            batches: 0,
            store,
            bindings,
            limits: from.limits.clone(),
            engine: from.engine.clone(),
            streams: Vec::new(),
        })
    }

    /// Hands a batch over; the columns are there again afterwards, whatever came of it.
    ///
    /// # Errors
    /// When the call gives no outcome; the instance is of no use then.
    pub fn process(
        &mut self,
        container: &Arc<Container>,
        in_hand: &mut Columns,
        last: bool,
    ) -> Result<Outcome, Failure> {
        self.batches += 1;
        self.streams.clear();
        let number = |s: &Stream| match s {
            Stream::Stdout => 1,
            Stream::Stderr => 2,
        };
        self.streams.extend(in_hand.streams.iter().map(number));
        let limit = self.limits.deadline(in_hand.text.len(), in_hand.len());
        let state = self.store.data_mut();
        // Nearly always the same one again.
        if !state
            .container
            .as_ref()
            .is_some_and(|c| Arc::ptr_eq(c, container))
        {
            state.container = Some(container.clone());
        }
        exchange(&mut state.batch, in_hand);
        let columns = state.batch.clone();
        state.memory.refused = None;
        state.deadline.begin(limit);
        self.store.set_epoch_deadline(1);
        // What may be copied out: many small edits weigh more than their text.
        let most = self.limits.output_max(columns.text.len());
        let fuel = most.saturating_mul(2).saturating_add(EDIT_BYTES_FREE);
        self.store.set_hostcall_fuel(fuel);
        let batch = Batch {
            text: &columns.text,
            ends: &columns.ends,
            times: &columns.times,
            streams: &self.streams,
            last,
        };
        let call = self.engine.call();
        let called = self
            .bindings
            .logsieve_filter_filter()
            .call_process(&mut self.store, batch);
        drop(call);
        let outcome = match called {
            Ok(Ok(outcome)) => Ok(outcome),
            Ok(Err(reason)) => Err(Failure::Refused {
                reason: short(reason),
            }),
            Err(error) => Err(failure(&self.store, &self.limits, &error)),
        };
        drop(columns);
        let state = self.store.data_mut();
        exchange(&mut state.batch, in_hand);
        state.report.end_of_call();
        outcome
    }

    /// Whether it is time for a fresh one: it has had its batches, or its memory, which never
    /// shrinks, has grown by a quarter of its limit and past three quarters.
    #[must_use]
    pub fn is_worn(&self) -> bool {
        let bytes = self.store.data().memory.bytes();
        let quarter = usize::try_from(self.limits.memory.as_u64() / 4).unwrap_or(usize::MAX);
        let has_grown = bytes > quarter.saturating_mul(3) && bytes - self.at_first >= quarter;
        if self.limits.batches != u64::MAX {
            let metrics = self.store.data().report.metrics();
            metrics.note(Limit::Batches, self.batches, self.limits.batches);
        }
        has_grown || self.batches >= self.limits.batches
    }

    /// What it has used so far.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage {
            memory_bytes: self.store.data().memory.bytes(),
            fuel: self.store.get_fuel().map_or(0, |left| u64::MAX - left),
        }
    }

    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }
}

/// Bytes of edits, beside their texts, that any outcome may have.
const EDIT_BYTES_FREE: usize = 16 * 1024 * 1024;
/// Bytes of a filter's own words that are kept.
const REASON_BYTES_MAX: usize = 1024;

/// Puts the batch where the imports see it, or takes it back: between calls nobody shares it, so it
/// is never copied.
fn exchange(seen: &mut Arc<Columns>, in_hand: &mut Columns) {
    std::mem::swap(Arc::make_mut(seen), in_hand);
}

/// A filter's words, bounded: they go to logs and to status.
fn short(mut reason: String) -> String {
    reason.truncate(reason.floor_char_boundary(REASON_BYTES_MAX));
    reason
}

fn unlinked(store: &Store<State>, from: &Blueprint, error: &wasmtime::Error) -> Failure {
    match parts::refused(error, &from.limits) {
        Some((limit, most)) => {
            from.metrics.note(limit, 1, 1);
            let limit = limit.name();
            Failure::Parts { limit, most }
        }
        None => failure(store, &from.limits, error),
    }
}

fn failure(store: &Store<State>, limits: &Limits, error: &wasmtime::Error) -> Failure {
    if let Some(overran) = error.downcast_ref::<Overran>() {
        return Failure::Overran(*overran);
    }
    match store.data().memory.refused {
        Some(Refused::Memory) => {
            let limit = limits.memory;
            return Failure::Memory { limit };
        }
        Some(Refused::Table) => {
            let limit = limits.table_elements;
            return Failure::Table { limit };
        }
        None => {}
    }
    let cause = match error.downcast_ref::<wasmtime::Trap>() {
        Some(trap) => trap.to_string().replacen("wasm trap: ", "", 1),
        None => error.root_cause().to_string(),
    };
    Failure::Trap { cause }
}
