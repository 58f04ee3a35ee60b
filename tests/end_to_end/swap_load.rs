//! Swaps while records stream in: none is lost, repeated or out of order within its container, and none
//! waits for a compilation.
//!
//! Some swaps here, a thousand under `cargo xtask soak`.

use std::time::{Duration, Instant};

use support::kubelet::{Stream, Written};

use crate::swap::{Swapping, guest, variant};

/// Modules that differ; after the first round, their code is in the cache.
const VARIANTS: u32 = 25;
/// Containers that write all the time.
const CONTAINERS: usize = 6;

fn swaps() -> u32 {
    match std::env::var_os("LOGSIEVE_SOAK") {
        Some(_) => 1000,
        None => 12,
    }
}

#[test]
fn swaps_under_load_lose_repeat_and_reorder_nothing() {
    let mut node = Swapping::with("noop");
    let module = guest("noop");
    let mut apps = vec![node.app];
    for number in 1..CONTAINERS {
        apps.push(
            node.node
                .kubelet
                .start("web", &format!("shop-{number}"), "more"),
        );
    }
    node.app = node.node.kubelet.start("probe", "probe-1", "app");
    let mut agent = node.node.start();
    // Log streams are made at a pace of their own.
    for app in apps.iter_mut().chain([&mut node.app]) {
        app.print_numbered(Stream::Stdout, "first");
        node.node.wait_for(&mut agent, app.written());
    }
    let mut longest = Duration::ZERO;
    for swap in 1..=swaps() {
        node.modules
            .set("f.wasm", variant(&module, swap % VARIANTS));
        let began = Instant::now();
        let line = format!("logsieve_filter_swaps_total{{filter=\"f\"}} {}", swap + 1);
        let mut shown = false;
        let mut round = 0;
        while !shown {
            for app in &mut apps {
                let lines = 0..50;
                lines.for_each(|_| drop(app.print_numbered(Stream::Stdout, "some words")));
            }
            // How long a record takes while modules are compiled and changed.
            let probe = node.app.print_numbered(Stream::Stdout, "probe");
            let printed = Instant::now();
            let fake = &node.node.fake;
            agent.wait_until("the probe arrives", |_| {
                let probes = fake.read("/eks/probe", "probe-1/app");
                probes.iter().any(|event| event.message.starts_with(&probe))
            });
            longest = longest.max(printed.elapsed());
            shown = crate::node::metrics(node.admin).lines().any(|l| l == line);
            round += 1;
            assert!(
                began.elapsed() < support::wait::PATIENCE,
                "round {round}: no `{line}`"
            );
        }
    }
    let all = apps.iter().chain([&node.app]);
    let written: Vec<Written> = all.flat_map(|app| app.written().to_vec()).collect();
    eprintln!(
        "{} swaps, {} records; longest wait of a record, from print to the service: {longest:?}",
        swaps(),
        written.len()
    );
    node.node.drain_after(&mut agent, &written);
    node.node.tally(&written).assert_exactly_once();
}
