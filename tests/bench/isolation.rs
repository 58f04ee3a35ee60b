//! `isolation/ratio`: the rate that nine containers with a backlog and a no-op filter keep together on
//! one lane while a tenth runs a guest that misbehaves, over the rate without the tenth; the least
//! over all guests, each of which is printed too (`isolation/GUEST`).
//!
//! A rate is the records that the nine had by a second of the agent's CPU time, all threads, from a look in the
//! first half of their backlog to one in its last tenth: on a lane that always has work that is its
//! wall time, without what else runs on the machine. The two agents take turns of a few milliseconds, one stopped
//! while the other runs: on a shared machine the same work costs half or twice as much from one second to the
//! next, and so it does for both. Agents that ran one after the other told 0.77 to 1.13 of one and the same.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use tempfile::TempDir;

use crate::agent::corpus;
use crate::agent::process;
use crate::figure::{self, Wanted};

/// Guests that misbehave in a way that costs time, each under its failure policy.
const GUESTS: [&str; 30] = [
    "bad_edits",
    "cannot_judge",
    "copes_without_memory",
    "evil_patterns",
    "exits",
    "fails_on_large_batches",
    "floods_log",
    "grows_memory",
    "grows_tables",
    "holds_forever",
    "huge_output",
    "joins_and_traps",
    "keeps_memory",
    "loops_forever",
    "loops_on_one_record",
    "many_counters",
    "many_parts",
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
/// Those that do what a filter is for, and one that is refused before it runs.
const OTHERS: [&str; 9] = [
    "does_as_told",
    "every_change",
    "finds_patterns",
    "holds_stack_traces",
    "noop",
    "prefixes",
    "prints",
    "tells_origin",
    "wrong_wit_version",
];
/// How long an agent runs before it is the other's turn.
const TURN: Duration = Duration::from_millis(4);
/// Every so many turns it is asked how far it is: to be asked is work, too.
const ASKED_EVERY: u32 = 8;
/// A run that takes longer has gone wrong.
const PATIENCE: Duration = Duration::from_secs(120);

pub fn run(wanted: &Wanted) {
    if !wanted.any("isolation/") {
        return;
    }
    all_are_known();
    let corpus = corpus::ten_containers();
    let records = records_of_nine(&corpus.root);
    let mut least: Vec<f64> = Vec::new();
    for guest in GUESTS {
        let name = format!("isolation/{guest}");
        if !wanted.has(&name) && !wanted.has("isolation/ratio") {
            continue;
        }
        let mut runs: Vec<f64> = (0..figure::RUNS)
            .map(|_| kept(&corpus.root, guest, records))
            .collect();
        figure::print(&name, "ratio", &mut runs);
        least.push(runs[figure::RUNS / 2]);
    }
    if wanted.has("isolation/ratio") {
        figure::print(
            "isolation/ratio",
            "ratio",
            &mut [least.into_iter().fold(1.0, f64::min)],
        );
    }
}

/// A guest that is in neither list would never be measured.
fn all_are_known() {
    for folder in ["examples", "wat"] {
        let folder = guests().join(folder);
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            let known = GUESTS.iter().chain(&OTHERS).any(|known| *known == name);
            assert!(known, "say in tests/bench/isolation.rs what `{name}` does");
        }
    }
}

fn guests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("guests")
}

/// A guest's module; of one in Wasm's own text, made in `folder`.
fn module(name: &str, folder: &Path) -> PathBuf {
    let text = guests().join(format!("wat/{name}.wat"));
    if !text.exists() {
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/guests");
        return target.join(format!("{name}.wasm"));
    }
    let module = folder.join(format!("{name}.wasm"));
    fs::write(&module, wat::parse_file(&text).expect("Wasm's text")).expect("a file");
    module
}

/// What the nine keep of their rate.
fn kept(corpus: &Path, guest: &str, records: u64) -> f64 {
    let start = |evil| Racer::start(Agent::start(corpus, evil));
    let (mut without, mut with) = (start(None), start(Some(guest)));
    while !(without.is_done && with.is_done) {
        without.turn(records);
        with.turn(records);
    }
    with.rate() / without.rate()
}

/// An agent that runs in turns with another.
struct Racer {
    agent: Agent,
    /// CPU seconds and records of the nine, at the first look and at the last.
    first: Option<(f64, u64)>,
    last: (f64, u64),
    turns: u32,
    is_done: bool,
}

impl Racer {
    fn start(agent: Agent) -> Self {
        agent.signal(Signal::STOP);
        Self {
            agent,
            first: None,
            last: (0.0, 0),
            turns: 0,
            is_done: false,
        }
    }

    fn turn(&mut self, records: u64) {
        if self.is_done {
            return;
        }
        self.agent.signal(Signal::CONT);
        std::thread::sleep(TURN);
        self.turns += 1;
        let is_asked = self.turns.is_multiple_of(ASKED_EVERY);
        let metrics = is_asked.then(|| self.agent.metrics()).flatten();
        self.agent.signal(Signal::STOP);
        let Some(had) = metrics.map(|m| handed(&m)).filter(|had| *had > 0) else {
            return;
        };
        // All nine have a backlog still.
        self.is_done = had >= records / 10 * 9;
        if had < records {
            let used = process::used(self.agent.process.id()).cpu_seconds;
            self.last = (used, had);
            self.first.get_or_insert(self.last);
        }
    }

    /// Records of the nine for each second of CPU time.
    fn rate(&self) -> f64 {
        let evil = &self.agent.evil;
        let first = self.first.expect("a look before the end");
        let had = self.last.1 - first.1;
        assert!(
            had >= first.1,
            "{evil:?}: looked too late for half of the backlog"
        );
        had as f64 / (self.last.0 - first.0)
    }
}

/// Records that the nine have.
fn records_of_nine(corpus: &Path) -> u64 {
    let bytes = bytes_of_nine(&corpus.join("pods"));
    let mut agent = Agent::start(corpus, None);
    loop {
        if let Some(metrics) = agent.metrics()
            && sample(&metrics, "tail_settled_bytes_total") >= bytes
        {
            return handed(&metrics);
        }
        std::thread::sleep(TURN);
    }
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
    give_up: Instant,
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
            give_up: Instant::now() + PATIENCE,
            _folder: folder,
        }
    }

    /// Its metrics, once it answers.
    fn metrics(&mut self) -> Option<String> {
        let evil = &self.evil;
        assert!(
            Instant::now() < self.give_up,
            "{evil:?}: the nine did not get through"
        );
        assert!(
            self.process.try_wait().expect("a child").is_none(),
            "{evil:?}: the agent has ended"
        );
        process::metrics(self.admin)
    }

    fn signal(&self, signal: Signal) {
        let id = Pid::from_child(&self.process);
        rustix::process::kill_process(id, signal).expect("a child");
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn yaml(corpus: &Path, folder: &Path, admin: SocketAddr, evil: Option<&str>) -> String {
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
        noop = module("noop", folder).display(),
        evil = module(evil.unwrap_or("noop"), folder).display(),
    )
}
