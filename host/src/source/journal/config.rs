//! What is written about the journal in `logsieve.yaml`: where it is, where reading starts, and what is
//! chosen of it.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::select::Select;
use crate::record::Globs;

/// Where reading starts of a journal that the checkpoint knows nothing of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Start {
    /// All that is on the node.
    #[default]
    Beginning,
    /// What is written from now on.
    End,
    /// So far back.
    Back(Duration),
}

impl FromStr for Start {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "beginning" => Ok(Self::Beginning),
            "end" => Ok(Self::End),
            other => humantime_serde::re::humantime::parse_duration(other)
                .map(Self::Back)
                .map_err(|_| {
                    format!("`{other}` is neither `beginning`, `end` nor a time like `6h`")
                }),
        }
    }
}

impl<'de> Deserialize<'de> for Start {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Which entries of the node's journal are read, and what is told of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Folders of journald's folders.
    pub paths: Vec<PathBuf>,
    pub start: Start,
    pub select: Select,
    /// Further fields that are told, by journald's names or patterns.
    pub fields: Globs,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            paths: ["/var/log/journal", "/run/log/journal"]
                .map(PathBuf::from)
                .to_vec(),
            start: Start::default(),
            select: Select::default(),
            fields: Globs::Many(Vec::new()),
        }
    }
}
