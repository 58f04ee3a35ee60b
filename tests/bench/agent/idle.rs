//! `idle/1000/*` and `idle/10000/*`: the agent with so many log files that do not grow: percent of a core
//! over some seconds, and the most memory it ever had, MiB. `idle/journal/cpu_percent` and
//! `idle/files/cpu_percent`: what a journal and plain files that nobody writes to add to that.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use support::journal::{Entry, Layout, Writer};
use support::logs::{self, Options};

use super::corpus::Corpus;
use super::process::Case;
use super::{cloudwatch, null_server};
use crate::figure::{self, Wanted};

/// Files have settled down by then: looks at them are as rare as they get.
const SETTLES: Duration = Duration::from_secs(15);
/// How long it is watched.
const WATCHED: Duration = Duration::from_secs(20);
const RUNS: usize = 3;
/// Plain files that are written to; three rotated ones stand beside each.
const PLAIN_FILES: usize = 20;

pub fn run(wanted: &Wanted) {
    for files in [1000, 10_000] {
        let group = format!("idle/{files}");
        if wanted.any(&group) {
            measure(files, &group);
        }
    }
    if wanted.any("idle/journal/cpu_percent") {
        journal();
    }
    if wanted.any("idle/files/cpu_percent") {
        files();
    }
}

/// Percent of a core over some seconds, and the most memory so far.
fn watch(case: &Case, corpus: &Corpus, server: SocketAddr) -> (f64, f64) {
    let used = case.run_and_watch(corpus, server, &[SETTLES, WATCHED]);
    let seconds = used[2].cpu_seconds - used[1].cpu_seconds;
    (
        100.0 * seconds / WATCHED.as_secs_f64(),
        used[2].peak_rss_mib,
    )
}

fn journal() {
    let folder = tempfile::tempdir().expect("a folder");
    let machine = folder.path().join("3d1219c7c4c5404aaa1f6d2a48adfda4");
    fs::create_dir_all(&machine).expect("a folder");
    for name in ["system", "user-1000"] {
        let path = machine.join(format!("{name}.journal"));
        let mut writer = Writer::start(&path, Layout::default()).expect("a writer");
        let entry = |at: u64| Entry::new(1_764_000_000_000_000 + at, format!("entry {at}"));
        let entries: Vec<Entry> = (0..1000).map(entry).collect();
        writer.write(&entries).expect("a writer");
        writer.finish().expect("a writer");
    }
    let source = format!("journal: {{ paths: [{:?}] }}", folder.path());
    measure_more("idle/journal/cpu_percent", &source);
}

/// As many as a node of Amazon Linux 2023 has, with their rotated ones.
fn files() {
    let folder = tempfile::tempdir().expect("a folder");
    let lines: String = (0..100)
        .map(|n| format!("Jan  5 10:00:00 node-1 sshd[{n}]: line {n}\n"))
        .collect();
    for number in 0..PLAIN_FILES {
        for rotated in ["", ".1", ".2", ".3"] {
            let name = format!("service-{number}.log{rotated}");
            let text = format!("{name}\n{lines}");
            fs::write(folder.path().join(name), text).expect("a file");
        }
    }
    let include = folder.path().join("*.log");
    let source = format!("files: {{ node: {{ include: [{include:?}] }} }}");
    measure_more("idle/files/cpu_percent", &source);
}

/// What another source adds.
fn measure_more(name: &str, source: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let corpus = corpus(10, folder.path());
    let server = null_server::start();
    let without = Case::new("idle", None, &cloudwatch("json"));
    let with = Case::new("idle", None, &cloudwatch("json")).with(source.to_owned());
    let mut more = Vec::new();
    for _ in 0..RUNS {
        let (before, _) = watch(&without, &corpus, server);
        more.push(watch(&with, &corpus, server).0 - before);
    }
    figure::print(name, "%", &mut more);
}

fn measure(files: usize, group: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let corpus = corpus(files, folder.path());
    let server = null_server::start();
    let case = Case::new("idle", None, &cloudwatch("json"));
    let (mut percent, mut rss) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let (cpu, peak) = watch(&case, &corpus, server);
        percent.push(cpu);
        rss.push(peak);
    }
    figure::print(&format!("{group}/cpu_percent"), "%", &mut percent);
    figure::print(&format!("{group}/rss"), "MiB", &mut rss);
}

fn corpus(files: usize, root: &Path) -> Corpus {
    let options = Options {
        seed: 1,
        bytes: 2000 * files as u64,
        containers: files,
        start_ns: 1_790_000_000_000_000_000,
    };
    let made = logs::make(root, &options).expect("log files");
    Corpus {
        root: root.to_owned(),
        bytes: made.bytes,
    }
}
