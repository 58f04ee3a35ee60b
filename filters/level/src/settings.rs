//! What the operator may set; README.md shows it from the operator's side.
//! Settings that mean nothing are refused.

use common::Level;
use serde::Deserialize;

/// What becomes of records that do not say how important they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "their names say it")]
pub enum Unknown {
    #[default]
    Keep,
    Drop,
}

/// The settings of `level`. All may be left out.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The least that is kept.
    pub least: Level,
    /// What becomes of the rest.
    pub unknown: Unknown,
}
