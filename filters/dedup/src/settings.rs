//! What the operator may set; README.md shows it from the operator's side.
//! Settings that mean nothing are refused.

use serde::Deserialize;

/// The settings of `dedup`. All may be left out.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Repeats are counted for so long after the first.
    pub within_seconds: u32,
    /// How many other records may stand between two that say the same.
    pub between: usize,
    /// Patterns: what they match is not compared.
    pub ignore: Vec<String>,
    /// The field that a JSON object gets.
    pub field: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            within_seconds: 10,
            between: 0,
            ignore: Vec::new(),
            field: "times".into(),
        }
    }
}

impl Settings {
    /// Refuses settings that mean nothing.
    pub(crate) fn check(&self) -> Result<(), String> {
        // A record waits in the agent while it may be repeated, so neither is long.
        if !(1..=300).contains(&self.within_seconds) {
            let seconds = self.within_seconds;
            return Err(format!(
                "`within_seconds` is {seconds}, and must be from 1 to 300"
            ));
        }
        if self.between > 100 {
            return Err(format!(
                "`between` is {}, and must be at most 100",
                self.between
            ));
        }
        match self.field.is_empty() {
            true => Err("`field` is empty: it is the name of a field".into()),
            false => Ok(()),
        }
    }

    pub(crate) fn within_nanos(&self) -> u64 {
        u64::from(self.within_seconds) * 1_000_000_000
    }
}
