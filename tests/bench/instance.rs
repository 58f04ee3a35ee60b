//! `instance/start/MODULE`: a fresh instance, made, configured and thrown away, as after each failure:
//! microseconds of CPU time.
//!
//! `deadline/overrun/CASE`: what a call that hits its deadline costs beyond it, milliseconds of CPU time, the
//! fresh instance included; `most` is what counts. Either the guest never returns, or the agent's search for
//! its patterns does not.

use std::path::Path;

use logsieve::clock::{Clock, thread_cpu};
use logsieve::filter::engine::Engine;
use logsieve::filter::instance::{Blueprint, Instance};
use logsieve::filter::limits::Limits;
use logsieve::filter::module;
use logsieve::telemetry::metrics::Metrics;

use crate::boundary::{Bench, built, guest};
use crate::figure::{self, Wanted};

pub fn run(wanted: &Wanted) {
    for (kind, module) in [("guests", "noop"), ("filters", "redact")] {
        let name = format!("instance/start/{module}");
        if wanted.has(&name) {
            start(&name, &built(kind, module));
        }
    }
    let evil = "A".repeat(256 * 1024);
    let states = r#"{ "pattern": "[ab]*a[ab]{4000}c" }"#;
    let mut random = fastrand::Rng::with_seed(1);
    let abab: String = (0..256 * 1024)
        .map(|_| random.choice(['a', 'b']).unwrap_or('a'))
        .collect();
    let cases = [
        ("loop", "loops_forever", "{}", "a"),
        ("many_matches", "evil_patterns", "{}", evil.as_str()),
        ("many_states", "searches", states, abab.as_str()),
    ];
    for (case, module, settings, text) in cases {
        let name = format!("deadline/overrun/{case}");
        if wanted.has(&name) {
            overrun(&name, &guest(module), settings, text);
        }
    }
}

fn start(name: &str, path: &Path) {
    let engine = Engine::new(Clock::start()).expect("an engine");
    let module = module::load(&engine, path).expect("a module: run `cargo xtask bench`");
    let blueprint = Blueprint {
        name: "bench".into(),
        engine,
        module,
        settings: "{}".into(),
        limits: Limits::default(),
        cpu: thread_cpu,
        metrics: Metrics::default().filter("bench"),
    };
    let made = || drop(Instance::new(&blueprint).expect("it starts"));
    let run = |_| figure::ns_per_unit(1, made) / 1e3;
    let mut runs: Vec<f64> = (0..figure::RUNS).map(run).collect();
    figure::print(name, "us", &mut runs);
}

fn overrun(name: &str, path: &Path, settings: &str, text: &str) {
    let texts = [text.as_bytes().to_vec()];
    let deadline = Limits::default().deadline(text.len(), 1);
    let mut bench = Bench::new(path, settings, &texts);
    let mut runs = Vec::new();
    for _ in 0..figure::RUNS {
        let began = thread_cpu();
        bench.fail();
        let took = thread_cpu().saturating_sub(began + deadline);
        runs.push(took.as_secs_f64() * 1e3);
    }
    figure::print(name, "ms", &mut runs);
}
