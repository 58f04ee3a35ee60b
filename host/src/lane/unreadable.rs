//! Files and folders that could not be read lately. A container none of whose files can be opened has no
//! row in the status, so that they are shown by themselves.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::Setup;
use crate::record::status::UnreadableStatus;

/// Paths that are remembered; the log tells of all.
const PATHS_MAX: usize = 100;
/// How many scans a path is remembered for that none of them failed on.
const SCANS: u32 = 3;
/// What may be done where the agent may not read.
const HINT: &str = "container logs are readable for uid 0 and group 0";

/// What could not be read, when that was last, and why.
#[derive(Default)]
pub struct Unreadable {
    paths: BTreeMap<PathBuf, (Duration, String)>,
    shown: i64,
}

impl Unreadable {
    pub fn failed(&mut self, path: PathBuf, source: &io::Error, now: Duration, setup: &Setup) {
        setup.metrics.source.read_failures.inc();
        let why = match source.kind() {
            io::ErrorKind::PermissionDenied => format!("{source}; {HINT}"),
            _ => source.to_string(),
        };
        if !self.paths.contains_key(&path) {
            let path = path.display();
            tracing::warn!(%path, error = why, "cannot be read, and is tried again");
        }
        if self.paths.len() < PATHS_MAX || self.paths.contains_key(&path) {
            self.paths.insert(path, (now, why));
        }
        self.show(setup);
    }

    /// Forgets what the last scans could read, or did not find.
    pub fn tidy(&mut self, now: Duration, setup: &Setup) {
        let keep = setup.source.rescan_every * SCANS;
        self.paths
            .retain(|_, (at, _)| now.saturating_sub(*at) < keep);
        self.show(setup);
    }

    pub fn all(&self) -> impl Iterator<Item = UnreadableStatus> {
        self.paths.iter().map(|(path, (_, why))| UnreadableStatus {
            path: path.display().to_string(),
            why: why.clone(),
        })
    }

    fn show(&mut self, setup: &Setup) {
        let count = i64::try_from(self.paths.len()).unwrap_or(i64::MAX);
        let more = count - std::mem::replace(&mut self.shown, count);
        setup.metrics.source.unreadable_files.inc_by(more);
    }
}
