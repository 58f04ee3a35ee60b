//! `isolation/ratio`: the rate that nine containers with a backlog and a no-op filter keep together on
//! one lane while a tenth runs a guest that misbehaves, over the rate without the tenth; the least
//! over all guests, each of which is printed too (`isolation/GUEST`).
//!
//! Rates are by the agent's CPU time, all threads: on a lane that always has work that is its wall
//! time, without what else runs on the machine. A run is a second of work, beside which start-up is
//! little.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::agent::corpus;
use crate::agent::process;
use crate::figure::{self, Wanted};

/// Guests that misbehave in a way that costs time, each under its failure policy.
const GUESTS: [&str; 27] = [
    "bad_edits",
    "cannot_judge",
    "copes_without_memory",
    "evil_patterns",
    "exits",
    "fails_on_large_batches",
    "floods_log",
    "grows_memory",
    "holds_forever",
    "huge_output",
    "keeps_memory",
    "loops_forever",
    "loops_on_one_record",
    "many_counters",
    "non_deterministic",
    "opens_sockets",
    "panics",
    "reads_env",
    "reads_files",
    "recursion",
    "refuses_settings",
    "repeats_memory",
    "searches",
    "sleeps",
    "slow_configure",
    "traps",
    "traps_on_one_record",
];
/// How often the agent is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(5);
/// A run that takes longer has gone wrong.
const PATIENCE: Duration = Duration::from_secs(120);

pub fn run(wanted: &Wanted) {
    if !wanted.any("isolation/") {
        return;
    }
    let corpus = corpus::ten_containers();
    let records = records_of_nine(&corpus.root);
    let mut least: Vec<f64> = Vec::new();
    for guest in GUESTS {
        let name = format!("isolation/{guest}");
        if !wanted.has(&name) && !wanted.has("isolation/ratio") {
            continue;
        }
        let mut ratios = Vec::new();
        for _ in 0..3 {
            let without = seconds(&corpus.root, None, records);
            let with = seconds(&corpus.root, Some(guest), records);
            ratios.push(without / with);
        }
        figure::print(&name, "ratio", &mut ratios);
        least.push(ratios[ratios.len() / 2]);
    }
    if wanted.has("isolation/ratio") {
        figure::print(
            "isolation/ratio",
            "ratio",
            &mut [least.into_iter().fold(1.0, f64::min)],
        );
    }
}

/// CPU seconds that the agent takes until the nine are through.
fn seconds(corpus: &Path, evil: Option<&str>, records: u64) -> f64 {
    let mut agent = Agent::start(corpus, evil);
    agent.wait(|metrics| handed(metrics) >= records);
    process::used(agent.process.id()).cpu_seconds
}

/// Records that the nine have.
fn records_of_nine(corpus: &Path) -> u64 {
    let bytes = bytes_of_nine(&corpus.join("pods"));
    let settled = |metrics: &str| sample(metrics, "tail_settled_bytes_total") >= bytes;
    handed(&Agent::start(corpus, None).wait(settled))
}

fn bytes_of_nine(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    let nine = entries.filter(|entry| !entry.path().to_string_lossy().contains("bench-0"));
    let bytes = nine.map(|entry| match entry.path().is_dir() {
        true => bytes_of_nine(&entry.path()),
        false => entry.metadata().expect("a file").len(),
    });
    bytes.sum()
}

/// Records that the no-op filter of the nine was handed.
fn handed(metrics: &str) -> u64 {
    sample(metrics, "filter_records_total{filter=\"noop\"}")
}

fn sample(metrics: &str, name: &str) -> u64 {
    let start = format!("logsieve_{name} ");
    let value = metrics.lines().find_map(|l| l.strip_prefix(&start));
    value.and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// An agent that runs; killed with this.
struct Agent {
    process: Child,
    admin: SocketAddr,
    evil: Option<String>,
    _folder: TempDir,
}

impl Agent {
    fn start(corpus: &Path, evil: Option<&str>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let admin = TcpListener::bind("127.0.0.1:0")
            .and_then(|l| l.local_addr())
            .expect("a port");
        let config = folder.path().join("logsieve.yaml");
        fs::write(&config, yaml(corpus, folder.path(), admin, evil)).expect("a file");
        Self {
            process: process::start(&config),
            admin,
            evil: evil.map(str::to_owned),
            _folder: folder,
        }
    }

    /// Waits until its metrics say so, and tells what they said.
    fn wait(&mut self, done: impl Fn(&str) -> bool) -> String {
        let give_up = Instant::now() + PATIENCE;
        loop {
            if let Some(metrics) = process::metrics(self.admin).filter(|metrics| done(metrics)) {
                return metrics;
            }
            let evil = &self.evil;
            assert!(
                Instant::now() < give_up,
                "{evil:?}: the nine did not get through"
            );
            assert!(
                self.process.try_wait().expect("a child").is_none(),
                "{evil:?}: the agent has ended"
            );
            std::thread::sleep(ASK_EVERY);
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn yaml(corpus: &Path, folder: &Path, admin: SocketAddr, evil: Option<&str>) -> String {
    let guest = |name: &str| -> PathBuf {
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/guests");
        target.join(format!("{name}.wasm"))
    };
    let tenth = match evil {
        Some(_) => "filters: [evil], destination: out",
        None => "exclude: true",
    };
    let settings = match evil {
        Some("bad_edits") => "{ rule: out_of_range }",
        // Every state at every byte.
        Some("searches") => "{ pattern: '(?s-u:.*.{3000}Q)' }",
        Some("slow_configure") => "{ slow: true }",
        _ => "{}",
    };
    format!(
        "state: {state}\nlanes: 1\n\
         source: {{ container_log: {{ path: {root}/pods, links: {root}/containers }} }}\n\
         filters: {{ modules: {{ noop: {{ module: {noop} }}, \
         evil: {{ module: {evil}, settings: {settings} }} }} }}\n\
         destinations: {{ out: {{ 'null': {{}} }} }}\n\
         routes: [ {{ match: {{ pod: bench-0 }}, {tenth} }}, {{ filters: [noop], destination: out }} ]\n\
         telemetry: {{ listen: '{admin}' }}\n",
        state = folder.join("state").display(),
        root = corpus.display(),
        noop = guest("noop").display(),
        evil = guest(evil.unwrap_or("noop")).display(),
    )
}
