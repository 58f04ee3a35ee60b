//! What the operator may set; README.md shows it from the operator's side.
//! Settings that mean nothing are refused.

use serde::Deserialize;

use crate::trace::Language;

/// The settings of `multiline`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Whose stack traces are joined.
    pub traces: Vec<Language>,
    /// A line that matches begins an event, and every other one goes on with it.
    pub start: Option<String>,
    /// What stands between the lines of an event.
    pub separator: String,
    /// The most lines that become one record.
    pub lines_max: usize,
    /// The most bytes that become one record.
    pub bytes_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        use Language::{Dotnet, Go, Java, Node, Python};
        Self {
            traces: vec![Java, Python, Go, Node, Dotnet],
            start: None,
            separator: "\n".into(),
            lines_max: 500,
            // CloudWatch takes events of 1 MiB; one of a quarter is long enough to read.
            bytes_max: 256 * 1024,
        }
    }
}

impl Settings {
    /// Refuses settings that mean nothing.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.traces.is_empty() && self.start.is_none() {
            return Err(
                "`traces` is empty and there is no `start`: nothing would be joined".into(),
            );
        }
        // At 1,000 records or 1 MiB the agent holds no more, and shows the batch as the last.
        match (self.lines_max, self.bytes_max) {
            (2..=900, 1..=900_000) => Ok(()),
            (2..=900, bytes) => Err(format!(
                "`bytes_max` is {bytes}, and must be from 1 to 900000"
            )),
            (lines, _) => Err(format!("`lines_max` is {lines}, and must be from 2 to 900")),
        }
    }
}
