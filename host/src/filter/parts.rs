//! Of how many parts an instance is linked: core instances, tables, memories.
//!
//! wasmtime counts them as it links, and refuses what passes a limit. It tells how many tables and
//! memories a component has; how many core instances, is found by trying which limit it refuses.

use wasmtime::Store;
use wasmtime::component::Component;

use super::engine::Engine;
use super::imports::State;
use super::limits::Limits;
use crate::telemetry::metrics::{FilterMetrics, Limit};

/// Which of them wasmtime refuses to link, and how many of them a filter may have. It has no type for
/// that, only words.
#[must_use]
pub fn refused(error: &wasmtime::Error, limits: &Limits) -> Option<(Limit, u32)> {
    let cause = error.root_cause().to_string();
    let what = cause.strip_prefix("resource limit exceeded: ")?;
    match what.split(' ').next()? {
        "instance" => Some((Limit::CoreInstances, limits.core_instances)),
        "table" => Some((Limit::Tables, limits.tables)),
        "memory" => Some((Limit::Memories, limits.memories)),
        _ => None,
    }
}

/// The parts of each instance of a module, which are the same for all: counted with the first one.
#[derive(Debug, Clone, Copy)]
pub struct Parts {
    core_instances: u32,
    /// Tables and memories, where wasmtime tells.
    others: Option<(u32, u32)>,
}

impl Parts {
    /// Those of an instance that was linked in `store`, under these limits.
    pub fn count(
        store: &mut Store<State>,
        engine: &Engine,
        component: &Component,
        limits: &Limits,
    ) -> Self {
        let all = component.resources_required();
        Self {
            core_instances: core_instances(store, engine, limits.core_instances),
            others: all.map(|all| (all.num_tables, all.num_memories)),
        }
    }

    /// Notes how near to its limits such an instance is.
    pub fn note(self, limits: &Limits, metrics: &FilterMetrics) {
        let note = |limit, used: u32, most: u32| metrics.note(limit, used.into(), most.into());
        note(
            Limit::CoreInstances,
            self.core_instances,
            limits.core_instances,
        );
        if let Some((tables, memories)) = self.others {
            note(Limit::Tables, tables, limits.tables);
            note(Limit::Memories, memories, limits.memories);
        }
    }
}

/// How many core instances a store has, `most` at most. One more is tried under one limit after the other:
/// wasmtime takes it where there is room.
fn core_instances(store: &mut Store<State>, engine: &Engine, most: u32) -> u32 {
    let (mut least, mut most, mut added) = (0, most, 0);
    while least < most {
        let middle = least.midpoint(most);
        limit(store, middle + added + 1);
        match wasmtime::Instance::new(&mut *store, engine.empty(), &[]) {
            Ok(_) => (most, added) = (middle, added + 1),
            Err(_) => least = middle + 1,
        }
    }
    least
}

fn limit(store: &mut Store<State>, core_instances: u32) {
    store.data_mut().memory.core_instances_max = core_instances;
    store.limiter(|state| &mut state.memory);
}
