//! `isolation/ratio`: the rate that nine containers with a backlog and a no-op filter keep together on
//! one lane while a tenth runs a guest that misbehaves, over the rate without the tenth; the least
//! over all guests, each of which is printed too (`isolation/GUEST`).
//!
//! A rate is the records that the nine had by a second of the agent's CPU time, all threads: on a lane that
//! always has work that is its wall time, without what else runs on the machine. It is looked at while
//! all nine have a backlog: a look behind that is late on a busy machine would count work of the tenth
//! alone. What else runs only ever slows a run (caches and memory are shared: by half and more), so each
//! rate is the best of runs in turns, as many as it takes until no further one is better. Medians of three
//! runs told 0.68 to 1.40 of a tenth that is a no-op filter, too, where 0.9 is true and this tells 0.88.

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
/// How often the agent is asked how far it is, until the last quarter and in it: to be asked is work, too.
const ASK_SELDOM: Duration = Duration::from_millis(50);
const ASK_OFTEN: Duration = Duration::from_millis(5);
/// Runs of either kind: at least and at most so many, until so many in a row were no better by a hundredth.
const RUNS_MIN: usize = 5;
const RUNS_MAX: usize = 20;
const NO_BETTER: usize = 4;
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
        let ratio = ratio(&corpus.root, guest, records);
        figure::print(&name, "ratio", &mut [ratio]);
        least.push(ratio);
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
fn ratio(corpus: &Path, guest: &str, records: u64) -> f64 {
    let (mut without, mut with, mut no_better) = (0.0_f64, 0.0_f64, 0);
    for run in 0..RUNS_MAX {
        if run >= RUNS_MIN && no_better >= NO_BETTER {
            break;
        }
        let rates = (
            rate(corpus, None, records),
            rate(corpus, Some(guest), records),
        );
        let better = rates.0 > without * 1.01 || rates.1 > with * 1.01;
        no_better = if better { 0 } else { no_better + 1 };
        (without, with) = (without.max(rates.0), with.max(rates.1));
    }
    with / without
}

/// Records of the nine for each second of CPU time, in the last quarter of their backlog: the most that any
/// look tells, since one that is late tells less.
fn rate(corpus: &Path, evil: Option<&str>, records: u64) -> f64 {
    let mut agent = Agent::start(corpus, evil);
    let (id, mut most) = (agent.process.id(), 0.0_f64);
    agent.wait(|metrics| {
        let had = handed(metrics);
        let used = process::used(id).cpu_seconds;
        let (last_quarter, over) = (had >= records / 4 * 3, had >= records);
        if last_quarter && !over {
            most = most.max(had as f64 / used);
        }
        if over {
            return Look::Done;
        }
        Look::Again(if last_quarter { ASK_OFTEN } else { ASK_SELDOM })
    });
    assert!(most > 0.0, "{evil:?}: no look fell into the last quarter");
    most
}

/// Records that the nine have.
fn records_of_nine(corpus: &Path) -> u64 {
    let bytes = bytes_of_nine(&corpus.join("pods"));
    let settled = |metrics: &str| match sample(metrics, "tail_settled_bytes_total") >= bytes {
        true => Look::Done,
        false => Look::Again(ASK_SELDOM),
    };
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

/// What a look at the metrics comes to.
enum Look {
    Done,
    Again(Duration),
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

    /// Looks at its metrics until they say that it is done, and tells what they said.
    fn wait(&mut self, mut look: impl FnMut(&str) -> Look) -> String {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let mut rest = ASK_OFTEN;
            if let Some(metrics) = process::metrics(self.admin) {
                match look(&metrics) {
                    Look::Done => return metrics,
                    Look::Again(later) => rest = later,
                }
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
            std::thread::sleep(rest);
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
