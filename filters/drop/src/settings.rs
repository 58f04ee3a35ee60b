//! What the operator may set; README.md shows it from the operator's side. Settings that would do
//! nothing, or something else than they seem to, are refused.

use common::List;
use serde::Deserialize;

/// The settings of `drop`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// These records pass, whatever the other lists say.
    pub keep: List,
    /// These records are dropped.
    pub drop: List,
    /// These records are thinned out.
    pub sample: Option<Sampling>,
    /// What becomes of records that no list names.
    pub otherwise: Otherwise,
}

/// One record in so many passes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sampling {
    /// How many: 10 passes every tenth, on average.
    pub one_in: u32,
    /// Of these records; of all that `keep` and `drop` do not name, if it is left out.
    #[serde(default)]
    pub of: List,
}

/// What becomes of records that no list names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Otherwise {
    /// They pass.
    #[default]
    Pass,
    /// They are dropped: `keep` is then the list of what passes.
    Drop,
}

impl Settings {
    /// Refuses settings that would drop nothing, or mean something else than they seem to.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.drop.is_empty() && self.sample.is_none() && self.otherwise == Otherwise::Pass {
            return Err(
                "nothing would be dropped: give `drop`, `sample`, or `otherwise: drop`".into(),
            );
        }
        match &self.sample {
            Some(sample) if sample.one_in < 2 => {
                Err("`sample.one_in` is below 2: every record would pass".into())
            }
            Some(sample) if sample.of.is_empty() && self.otherwise == Otherwise::Drop => Err(
                "`sample` without `of` names every record: nothing is left for `otherwise`".into(),
            ),
            _ => Ok(()),
        }
    }
}
