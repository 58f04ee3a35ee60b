//! Container logs as the kubelet lays them out: `discover` finds and opens files, `listing` lists one
//! container's folder, and `path` is what names tell. `log_file` reads what is found; nothing here decides
//! *when* to read: that is the lane's.

pub mod discover;
pub mod listing;
pub mod path;

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;

/// Who may read: said where the agent may not.
pub const READERS: &str = "container logs are readable for uid 0 and group 0";

/// Where reading starts when there is no checkpoint yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// All that is on the node.
    #[default]
    Beginning,
    /// What is written from now on; files that appear later are read whole.
    End,
}

/// Which container logs are read, and how.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The kubelet's folder of pod logs.
    pub path: PathBuf,
    /// The kubelet's folder of links, which name the container ids.
    pub links: PathBuf,
    pub start: Start,
    /// Longest record that pieces are joined to; what is longer is split into marked parts.
    pub record_bytes_max: ByteSize,
    /// How long a split line waits for its last piece once its file is read to the end.
    #[serde(with = "humantime_serde")]
    pub partial_idle: Duration,
    /// Most bytes of deleted files that are kept on the node's disk for being read; past it the
    /// oldest is read on in its compressed form, or given up where there is none: counted, and marked in its
    /// stream.
    pub pinned_bytes_max: ByteSize,
    /// Whether the agent reads its own pod's log too. Each line that it writes about what it reads would
    /// then be read again.
    pub own_log: bool,
    /// How often the folders are listed even if no change was announced.
    #[serde(with = "humantime_serde")]
    pub rescan_every: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: PathBuf::from("/var/log/pods"),
            links: PathBuf::from("/var/log/containers"),
            start: Start::default(),
            record_bytes_max: ByteSize::mib(1),
            partial_idle: Duration::from_secs(10),
            pinned_bytes_max: ByteSize::gib(1),
            own_log: false,
            rescan_every: Duration::from_secs(30),
        }
    }
}
