//! `filter_run/*`: `logsieve filter run` with the filter `redact` over a log file of 100 MB, JSON to a file: MB for
//! each second of CPU time, of the whole process from its start to its end (the module is compiled within),
//! and its peak of memory, MiB.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use support::agent::binary;

use crate::agent::{corpus, process};
use crate::boundary::built;
use crate::figure::{self, Wanted};

/// How often its memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Of `/proc/PID/stat`: ticks of user and system time, counted from behind the name; a tick is 10 ms.
const TICKS: [usize; 2] = [11, 12];
const TICKS_A_SECOND: f64 = 100.0;

pub fn run(wanted: &Wanted) {
    if !wanted.any("filter_run/") {
        return;
    }
    let (log, bytes) = corpus::one_file();
    let (mut speed, mut rss) = (Vec::new(), Vec::new());
    for _ in 0..figure::RUNS {
        let (cpu_seconds, peak) = once(&log);
        speed.push(bytes as f64 / 1e6 / cpu_seconds);
        rss.push(peak);
    }
    for (name, unit, runs) in [
        ("filter_run/mb_per_cpu_second", "MB/CPU-s", &mut speed),
        ("filter_run/rss", "MiB", &mut rss),
    ] {
        if wanted.has(name) {
            figure::print(name, unit, runs);
        }
    }
}

fn once(log: &Path) -> (f64, f64) {
    let out = tempfile::tempfile().expect("a file");
    let mut command = Command::new(binary());
    command
        .args(["filter", "run"])
        .arg(built("filters", "redact"));
    command.arg("--input").arg(log).args(["--format", "json"]);
    let mut child = command
        .stdout(Stdio::from(out))
        .stderr(Stdio::null())
        .spawn()
        .expect("the agent: run `cargo xtask bench`");
    let pid = Pid::from_child(&child);
    // What it used is told until it is waited for.
    let ask = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let mut peak = 0.0_f64;
    while waitid(WaitId::Pid(pid), ask).expect("a child").is_none() {
        peak = peak.max(process::peak_rss_mib(child.id()).unwrap_or(0.0));
        std::thread::sleep(LOOK_EVERY);
    }
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).expect("a process");
    assert!(
        child.wait().expect("a child").success(),
        "`filter run` failed"
    );
    let (_, fields) = stat.rsplit_once(") ").expect("a name");
    let fields: Vec<_> = fields.split(' ').collect();
    let ticks = TICKS.map(|at| fields[at].parse::<f64>().expect("ticks"));
    (ticks.iter().sum::<f64>() / TICKS_A_SECOND, peak)
}
