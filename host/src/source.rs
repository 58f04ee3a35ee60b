//! Where records enter. One room per source, and `log_file` for what sources of files share. A source
//! finds, reads and decodes; when it reads is the lane's business.

pub mod container_log;
pub mod files;
pub mod journal;
pub mod log_file;

use serde::Deserialize;

/// What the agent reads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub container_log: container_log::Config,
    /// Not given: the node's journal is not read.
    pub journal: Option<journal::Config>,
    /// Plain files of the node, in groups by name.
    pub files: files::Config,
}
