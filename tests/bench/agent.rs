//! `agent/*`: the whole agent over 1 GiB of log files, MB of log (10^6 bytes, heads included) for each
//! second of its CPU time, from its start to the last answer; `.../rss` is its peak, MiB.
//!
//! `null` reads and decodes, `noop` hands every record to a filter that changes none, `redact` to
//! the real one, `cloudwatch` is `noop` sent to a server on this machine that answers `{}`.

pub mod corpus;
mod idle;
mod latency;
mod node;
pub mod null_server;
pub mod process;

use crate::figure::{self, Wanted};
use process::Case;

pub fn run(wanted: &Wanted) {
    idle::run(wanted);
    node::run(wanted);
    latency::run(wanted);
    let all = [
        Case::new("agent/null", None, "{ 'null': {} }"),
        Case::new("agent/noop", Some("guests/noop.wasm"), "{ 'null': {} }"),
        Case::new(
            "agent/redact",
            Some("filters/redact.wasm"),
            "{ 'null': {} }",
        ),
        Case::new(
            "agent/cloudwatch",
            Some("guests/noop.wasm"),
            &cloudwatch("text"),
        ),
        Case::new(
            "agent/cloudwatch-envelope",
            Some("guests/noop.wasm"),
            &cloudwatch("json"),
        ),
    ];
    let cases: Vec<_> = all
        .into_iter()
        .filter(|case| wanted.any(case.name))
        .collect();
    if cases.is_empty() {
        return;
    }
    let corpus = corpus::one_gib();
    let server = null_server::start();
    let mut runs = vec![(Vec::new(), Vec::new()); cases.len()];
    for _ in 0..figure::RUNS {
        for (case, (speed, rss)) in cases.iter().zip(&mut runs) {
            let used = case.run(&corpus, server);
            speed.push(corpus.bytes as f64 / 1e6 / used.cpu_seconds);
            rss.push(used.peak_rss_mib);
        }
    }
    for (case, (speed, rss)) in cases.iter().zip(&mut runs) {
        figure::print(case.name, "MB/CPU-s", speed);
        figure::print(&format!("{}/rss", case.name), "MiB", rss);
    }
}

fn cloudwatch(format: &str) -> String {
    format!(
        "{{ cloudwatch: {{ region: eu-central-1, endpoint: 'http://SERVER', format: {format} }} }}"
    )
}
