//! What the operator may set; README.md shows it from the operator's side.
//! Settings that mean nothing are refused.

use common::List;
use serde::Deserialize;

/// The settings of `rate_limit`, for each container.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Records a second, over time.
    pub records_per_second: Option<u32>,
    /// Bytes of text a second, over time.
    pub bytes_per_second: Option<u32>,
    /// How many seconds' worth may come at once.
    pub burst_seconds: u32,
    /// These records pass whatever is left.
    pub keep: List,
    /// The log says, at most once a second, how many records are left out of it.
    pub tell: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            records_per_second: None,
            bytes_per_second: None,
            burst_seconds: 10,
            keep: List::default(),
            tell: true,
        }
    }
}

impl Settings {
    /// Refuses settings that mean nothing.
    pub(crate) fn check(&self) -> Result<(), String> {
        let rates = [self.records_per_second, self.bytes_per_second];
        if rates == [None, None] {
            return Err(
                "no `records_per_second` or `bytes_per_second`: everything would pass".into(),
            );
        }
        if rates.contains(&Some(0)) {
            return Err("a rate is 0: nothing would pass; that is `drop`".into());
        }
        match self.burst_seconds {
            1..=3600 => Ok(()),
            seconds => Err(format!(
                "`burst_seconds` is {seconds}, and must be from 1 to 3600"
            )),
        }
    }
}
