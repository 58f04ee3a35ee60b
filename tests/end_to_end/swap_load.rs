//! Swaps while records stream in: none is lost, repeated or out of order within its container, and none
//! waits for a compilation.
//!
//! Some swaps here, a thousand under `cargo xtask soak`.

use std::time::{Duration, Instant};

use support::agent::Agent;
use support::kubelet::{Container, Stream, Written};
use support::modules::{grown, marked};
use support::wait::PATIENCE;

use crate::swap::{Swapping, guest};

/// Modules that differ; after the first round, their code is in the cache.
const VARIANTS: u32 = 25;
/// Bytes of code of modules that take longer and longer to compile.
const SIZES: [usize; 4] = [1 << 20, 2 << 20, 4 << 20, 8 << 20];
/// Containers that write all the time.
const CONTAINERS: usize = 6;
/// How often they write, and how many records each.
const ROUND: Duration = Duration::from_millis(10);
const RECORDS_A_ROUND: usize = 5;

fn swaps() -> u32 {
    match std::env::var_os("LOGSIEVE_SOAK") {
        Some(_) => 1000,
        None => 12,
    }
}

/// Containers that write, one of them a probe: how long each of its records takes is looked at.
struct Load {
    node: Swapping,
    agent: Agent,
    apps: Vec<Container>,
    /// The probe's latest record, and when it was printed.
    on_its_way: Option<(usize, Instant)>,
    arrived: usize,
    longest: Duration,
}

impl Load {
    fn start(module: &[u8]) -> Self {
        let mut node = Swapping::new();
        node.modules.set("f.wasm", module);
        let more = 2..=CONTAINERS;
        let mut apps: Vec<_> = more
            .map(|n| node.node.kubelet.start("web", &format!("shop-{n}"), "more"))
            .collect();
        let probe = node.node.kubelet.start("probe", "probe-1", "app");
        apps.push(std::mem::replace(&mut node.app, probe));
        let mut agent = node.node.start();
        // Log streams are made at a pace of their own.
        for app in apps.iter_mut().chain([&mut node.app]) {
            app.print_numbered(Stream::Stdout, "first");
            node.node.wait_for(&mut agent, app.written());
        }
        Self {
            node,
            agent,
            apps,
            on_its_way: None,
            arrived: 1,
            longest: Duration::ZERO,
        }
    }

    /// Prints some records of each, and a further one of the probe's when its former one is there.
    fn round(&mut self) {
        for app in &mut self.apps {
            for _ in 0..RECORDS_A_ROUND {
                app.print_numbered(Stream::Stdout, "some words");
            }
        }
        let fake = &self.node.node.fake;
        if let Some((number, printed)) = self.on_its_way
            && fake.stream_len("/eks/probe", "probe-1/app") >= number
        {
            self.longest = self.longest.max(printed.elapsed());
            (self.on_its_way, self.arrived) = (None, number);
        }
        if self.on_its_way.is_none() {
            self.node.app.print_numbered(Stream::Stdout, "probe");
            self.on_its_way = Some((self.arrived + 1, Instant::now()));
        }
        std::thread::sleep(ROUND);
    }

    /// Goes on until so many modules took over, this one the last.
    fn until_swapped(&mut self, times: u32) {
        let line = format!("logsieve_filter_swaps_total{{filter=\"f\"}} {times}");
        let began = Instant::now();
        while !self.shows(&line) {
            self.round();
            assert!(began.elapsed() < PATIENCE, "no `{line}`");
        }
    }

    fn shows(&self, line: &str) -> bool {
        let page = crate::node::metrics(self.node.admin);
        page.lines().any(|shown| shown == line)
    }

    /// Waits for all that was written: each record once, in order.
    fn ends(mut self) -> usize {
        let all = self.apps.iter().chain([&self.node.app]);
        let written: Vec<Written> = all.flat_map(|app| app.written().to_vec()).collect();
        self.node.node.drain_after(&mut self.agent, &written);
        self.node.node.tally(&written).assert_exactly_once();
        written.len()
    }
}

#[test]
fn swaps_under_load_lose_repeat_and_reorder_nothing() {
    let module = guest("noop");
    let mut load = Load::start(&module);
    let began = Instant::now();
    for swap in 1..=swaps() {
        load.node
            .modules
            .set("f.wasm", marked(&module, swap % VARIANTS));
        load.until_swapped(swap + 1);
    }
    let (took, longest, probes) = (began.elapsed(), load.longest, load.arrived);
    let records = load.ends();
    eprintln!(
        "soak: {} swaps in {took:.1?}, {records} records, {probes} of them timed; longest wait of a \
         record, from print to the service: {longest:?}",
        swaps()
    );
}

#[test]
fn no_record_waits_for_a_compilation() {
    let module = guest("noop");
    let mut load = Load::start(&module);
    // A machine may be so fast, or its tests so busy, that a compilation ends before anything arrives.
    for (swap, size) in (2..).zip(SIZES) {
        load.node.modules.set("f.wasm", grown(&module, size));
        let (before, began) = (load.arrived, Instant::now());
        load.longest = Duration::ZERO;
        load.until_swapped(swap);
        let (took, probes) = (began.elapsed(), load.arrived - before);
        // The first may have been on its way.
        if probes >= 2 {
            let longest = load.longest;
            let records = load.ends();
            eprintln!(
                "a compilation of {took:.1?}: {probes} of {records} records were timed meanwhile; \
                 longest wait: {longest:?}"
            );
            return;
        }
    }
    panic!("no record arrives while a module is compiled, however long that takes");
}
