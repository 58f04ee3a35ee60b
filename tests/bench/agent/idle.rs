//! `idle/1000/*` and `idle/10000/*`: the agent with so many log files that do not grow: percent of a core
//! over some seconds, and the most memory it ever had, MiB.

use std::path::Path;
use std::time::Duration;

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

pub fn run(wanted: &Wanted) {
    for files in [1000, 10_000] {
        let group = format!("idle/{files}");
        if wanted.any(&group) {
            measure(files, &group);
        }
    }
}

fn measure(files: usize, group: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let corpus = corpus(files, folder.path());
    let server = null_server::start();
    let case = Case::new("idle", None, &cloudwatch("json"));
    let (mut percent, mut rss) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let used = case.run_and_watch(&corpus, server, &[SETTLES, WATCHED]);
        let seconds = used[2].cpu_seconds - used[1].cpu_seconds;
        percent.push(100.0 * seconds / WATCHED.as_secs_f64());
        rss.push(used[2].peak_rss_mib);
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
