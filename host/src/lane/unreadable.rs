//! Files and folders that could not be read lately. A container none of whose files can be opened has no
//! row in the status, so that they are shown by themselves.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::Setup;
use crate::record::status::UnreadableStatus;
use crate::source::container_log::READERS;
use crate::telemetry::metrics::Raised;

/// Paths that are remembered; the log tells of all.
const PATHS_MAX: usize = 100;
/// How many scans a path is remembered for that none of them failed on.
const SCANS: u32 = 3;
/// What could not be read, when that was last, and why.
#[derive(Default)]
pub struct Unreadable {
    paths: BTreeMap<PathBuf, Failed>,
}

struct Failed {
    at: Duration,
    why: String,
    _counted: Raised,
}

impl Unreadable {
    pub fn failed(&mut self, path: PathBuf, source: &io::Error, now: Duration, setup: &Setup) {
        setup.metrics.source.read_failures.inc();
        let why = match source.kind() {
            io::ErrorKind::PermissionDenied => format!("{source}; {READERS}"),
            _ => source.to_string(),
        };
        let is_known = self.paths.contains_key(&path);
        if !is_known {
            let path = path.display();
            tracing::warn!(%path, error = why, "cannot be read, and is tried again");
        }
        if is_known || self.paths.len() < PATHS_MAX {
            let _counted = Raised::new(&setup.metrics.source.unreadable_files);
            let at = now;
            self.paths.insert(path, Failed { at, why, _counted });
        }
    }

    /// Forgets what the last scans could read, or did not find.
    pub fn tidy(&mut self, now: Duration, setup: &Setup) {
        let keep = setup.source.rescan_every * SCANS;
        self.paths
            .retain(|_, failed| now.saturating_sub(failed.at) < keep);
    }

    pub fn all(&self) -> impl Iterator<Item = UnreadableStatus> {
        self.paths.iter().map(|(path, failed)| UnreadableStatus {
            path: path.display().to_string(),
            why: failed.why.clone(),
        })
    }
}
