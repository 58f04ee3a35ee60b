//! What the agent tells of itself on `/status`, as one snapshot: what becomes of each container, how
//! far behind its records are, its books, which modules are in charge, where records go. Whoever
//! serves or prints it knows nothing else of the agent.

use serde::{Deserialize, Serialize};

use super::Ledger;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub version: String,
    pub node: String,
    /// Every chain has its filters.
    pub ready: bool,
    /// Lanes that did not answer in time: what they own is missing here.
    pub silent_lanes: usize,
    pub budget: BudgetStatus,
    pub pods: PodsStatus,
    pub containers: Vec<ContainerStatus>,
    /// What could not be opened or listed lately.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<UnreadableStatus>,
    pub filters: Vec<FilterStatus>,
    pub destinations: Vec<DestinationStatus>,
}

/// Bytes held between reading and the sinks' answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetStatus {
    pub limit_bytes: u64,
    pub used_bytes: u64,
}

/// What is known of this node's pods.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodsStatus {
    /// Somebody tells of them.
    pub watched: bool,
    /// The first list is there.
    pub listed: bool,
    pub known: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    #[default]
    Reads,
    /// Excluded, as its pod is now.
    Skips,
    /// Not read yet; `why` says what for.
    Waits,
    /// A filter fails on its records, and may not be left out.
    Blocked,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerStatus {
    pub namespace: String,
    pub pod: String,
    pub container: String,
    pub state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Filters by name, in order.
    pub filters: Vec<String>,
    /// Destinations by name.
    pub destinations: Vec<String>,
    pub files: Vec<FileStatus>,
    /// Bytes that stand in its files and are not settled, and how old the newest record is that was
    /// read before them.
    pub lag_bytes: u64,
    /// None where nothing was read yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ledger: Option<Ledger>,
}

impl ContainerStatus {
    /// What its files come to; `newest` is the time of the newest record that was read, and `now` the
    /// wall clock, both in nanoseconds since the Unix epoch.
    #[must_use]
    pub fn of_files(files: Vec<FileStatus>, newest: u64, now: u64) -> Self {
        let behind = |f: &FileStatus| f.length.saturating_sub(f.committed_offset);
        let lag_bytes = files.iter().map(behind).sum();
        Self {
            files,
            lag_bytes,
            lag_seconds: match lag_bytes {
                0 => Some(0),
                _ if newest == 0 => None,
                _ => Some(now.saturating_sub(newest) / 1_000_000_000),
            },
            ..Self::default()
        }
    }

    /// As people write it: `namespace/pod/container`, or what stands for no container of a pod.
    #[must_use]
    pub fn label(&self) -> String {
        if self.pod.is_empty() {
            return self.container.clone();
        }
        format!("{}/{}/{}", self.namespace, self.pod, self.container)
    }
}

/// One open file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStatus {
    /// How often the container was restarted before it wrote this file.
    pub restart: u32,
    pub length: u64,
    /// How far it is read, and how far it is settled.
    pub offset: u64,
    pub committed_offset: u64,
    /// Nothing but the agent holds it any more.
    pub unlinked: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterStatus {
    pub name: String,
    /// SHA-256 of the module in charge; none where the filter waits for one.
    pub sha256: Option<String>,
    /// SHA-256 of the settings that it was configured with, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings_sha256: Option<String>,
    /// Why the files and settings that are there now are not in charge, where they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    pub records: u64,
    pub quarantined: u64,
    /// Passed as they were, after a failure.
    pub unfiltered: u64,
}

/// Module and settings of a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InCharge {
    pub sha256: String,
    pub settings_sha256: String,
}

/// What one lane tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LaneStatus {
    pub containers: Vec<ContainerStatus>,
    /// Its filters by name, and what is in charge there; nothing of those that wait.
    pub filters: Vec<(String, Option<InCharge>)>,
    pub unreadable: Vec<UnreadableStatus>,
}

/// A file or folder that cannot be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadableStatus {
    pub path: String,
    pub why: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationStatus {
    pub name: String,
    /// What it is: `cloudwatch`, `stdout`, `null`.
    pub kind: String,
    /// Log groups whose last request failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failing: Vec<Failing>,
}

/// A log group that a destination takes nothing for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failing {
    pub log_group: String,
    pub why: String,
}
