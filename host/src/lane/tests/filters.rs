//! What a filter stops, and what lets it go on. The lane has a clock of its own, so no test waits for the
//! seconds and minutes that a container does.

use std::path::Path;

use super::bench::{Node, plan, run};
use crate::clock::{Clock, thread_cpu};
use crate::filter::OnError;
use crate::filter::call::Filter;
use crate::filter::engine::Engine;
use crate::filter::instance::Blueprint;
use crate::filter::limits::Limits;
use crate::filter::module;
use crate::lane::Event;
use crate::telemetry::metrics::Metrics;

/// Fails on every batch.
const FAILS: &str = include_str!("../../../../tests/guests/wat/grows_tables.wat");
/// Changes nothing, where it may be of as many parts as it is.
const PASSES: &str = include_str!("../../../../tests/guests/wat/many_parts.wat");

fn filter(engine: &Engine, wat: &str, on_error: OnError) -> Filter {
    let bytes = wat::parse_str(wat).unwrap();
    let blueprint = Blueprint {
        name: "f".into(),
        engine: engine.clone(),
        module: module::from_bytes(engine, Path::new("f.wasm"), &bytes).unwrap(),
        settings: "{}".into(),
        limits: Limits {
            core_instances: 100,
            tables: 100,
            memories: 100,
            ..Limits::default()
        },
        cpu: thread_cpu,
        metrics: Metrics::default().filter("f"),
    };
    Filter::new(blueprint, on_error, Vec::new())
}

#[test]
fn a_new_module_ends_a_block_at_once() {
    let engine = Engine::new(Clock::start()).unwrap();
    let mut node = Node::new();
    node.print("0.log", 10);
    let mut run = run(&node, None);
    let runs = |wat| {
        vec![Event::Plan(Box::new(plan(
            &node,
            vec![filter(&engine, wat, OnError::Block)],
        )))]
    };
    run.tell(runs(FAILS));
    // It is tried after 1 s, 2 s, 4 s and 8 s; the next time would be 16 s later.
    run.steps(17);
    assert_eq!(run.numbers(), [0; 0]);
    run.tell(runs(PASSES));
    run.steps(1);
    let all: Vec<u32> = (1..=10).collect();
    assert_eq!(run.numbers(), all);
}

#[test]
fn a_blocked_container_that_is_not_read_any_more_counts_as_blocked_no_longer() {
    let engine = Engine::new(Clock::start()).unwrap();
    let mut node = Node::new();
    node.print("0.log", 10);
    let mut run = run(&node, None);
    let blocks = || plan(&node, vec![filter(&engine, FAILS, OnError::Block)]);
    run.tell(vec![Event::Plan(Box::new(blocks()))]);
    run.steps(1);
    assert_eq!(run.blocked(), 1);
    let mut excludes = blocks();
    excludes.table.routes[0].destination = None;
    run.tell(vec![Event::Plan(Box::new(excludes))]);
    assert_eq!(run.blocked(), 0);
}

#[test]
fn while_it_is_found_out_what_a_filter_fails_on_others_have_their_turns() {
    let engine = Engine::new(Clock::start()).unwrap();
    let mut node = Node::new();
    node.print("0.log", 100);
    node.turn_to("shop_api-1_0f1d/api");
    node.print("0.log", 100);
    let mut run = run(&node, None);
    let pass = vec![filter(&engine, FAILS, OnError::Pass)];
    run.tell(vec![Event::Plan(Box::new(plan(&node, pass)))]);
    for _ in 0..10 {
        run.step();
        let both = run.lane().follows.values();
        assert_eq!(both.filter(|follow| follow.is_suspended()).count(), 2);
    }
    run.steps(20);
    let mut all = run.numbers();
    all.sort_unstable();
    assert_eq!(all, (1..=200).collect::<Vec<u32>>());
}
