//! Of how many parts an instance is linked: core instances, tables, memories.
//!
//! wasmtime counts them as it links, and refuses what passes a limit. Tables and memories it tells of a
//! component; its count of core instances is found by what it refuses.

use wasmtime::Store;

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

/// Notes how near to its limits an instance is that was linked in `store`.
pub fn note(
    store: &mut Store<State>,
    engine: &Engine,
    component: &wasmtime::component::Component,
    limits: &Limits,
    metrics: &FilterMetrics,
) {
    if let Some(all) = component.resources_required() {
        metrics.note(Limit::Tables, all.num_tables.into(), limits.tables.into());
        let memories = all.num_memories.into();
        metrics.note(Limit::Memories, memories, limits.memories.into());
    }
    let instances = core_instances(store, engine, limits.core_instances);
    let most = limits.core_instances;
    metrics.note(Limit::CoreInstances, instances.into(), most.into());
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
