//! What the operator may set; README.md shows it from the operator's side.
//! Settings that mean nothing are refused.

use common::List;
use serde::Deserialize;

/// The settings of `sample`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How many of which one passes: 10 passes every tenth, on average.
    pub one_in: u32,
    /// A field: records with the same value pass together, or not at all.
    #[serde(default)]
    pub by: Option<String>,
    /// What says itself that it is an error passes.
    #[serde(default = "yes")]
    pub keep_errors: bool,
    /// These pass as well.
    #[serde(default)]
    pub keep: List,
}

fn yes() -> bool {
    true
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.one_in < 2 {
            return Err("`one_in` is below 2: every record would pass".into());
        }
        match self.by.as_deref() {
            Some("") => Err("`by` is empty: it is the name of a field".into()),
            _ => Ok(()),
        }
    }
}
