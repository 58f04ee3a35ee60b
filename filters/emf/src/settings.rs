//! What the operator may set; README.md shows it from the operator's side.
//! Settings that mean nothing, or that CloudWatch would not take, are refused.

use std::collections::{BTreeMap, BTreeSet};

use common::List;
use serde::Deserialize;

/// The settings of `emf`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The metrics' namespace in CloudWatch.
    pub namespace: String,
    /// Metrics by name.
    pub metrics: BTreeMap<String, Metric>,
    /// Dimensions by name: the fact about the container that each one is.
    #[serde(default)]
    pub dimensions: BTreeMap<String, String>,
    /// Records that are counted are not forwarded.
    #[serde(default)]
    pub drop: bool,
}

/// One metric.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Metric {
    /// Of these records; of all, if it is left out.
    pub of: List,
    /// A field of a JSON object or of logfmt, whose number is taken. Left out, records are counted.
    pub field: Option<String>,
    /// CloudWatch's name for the unit; `Count` where records are counted.
    pub unit: Option<String>,
}

/// As the specification has them.
const UNITS: &str = "Seconds Microseconds Milliseconds Bytes Kilobytes Megabytes Gigabytes Terabytes \
    Bits Kilobits Megabits Gigabits Terabits Percent Count Bytes/Second Kilobytes/Second \
    Megabytes/Second Gigabytes/Second Terabytes/Second Bits/Second Kilobits/Second Megabits/Second \
    Gigabits/Second Terabits/Second Count/Second None";
const METRICS_MAX: usize = 100;
const DIMENSIONS_MAX: usize = 30;
const NAMESPACE_BYTES_MAX: usize = 255;

impl Settings {
    pub(crate) fn check(&self) -> Result<(), String> {
        let namespace = &self.namespace;
        if !(1..=NAMESPACE_BYTES_MAX).contains(&namespace.len()) || namespace.starts_with("AWS/") {
            return Err(format!(
                "`namespace` is `{namespace}`: it has 1 to {NAMESPACE_BYTES_MAX} bytes, and `AWS/` is Amazon's"
            ));
        }
        if !(1..=METRICS_MAX).contains(&self.metrics.len()) {
            let count = self.metrics.len();
            return Err(format!(
                "`metrics` has {count}, and must have 1 to {METRICS_MAX}"
            ));
        }
        if self.dimensions.len() > DIMENSIONS_MAX {
            let count = self.dimensions.len();
            return Err(format!(
                "`dimensions` has {count}, and must have at most {DIMENSIONS_MAX}"
            ));
        }
        let taken: BTreeSet<_> = self.dimensions.keys().collect();
        let mut names = self.metrics.keys().chain(self.dimensions.keys());
        if let Some(name) = names.find(|name| name.is_empty() || *name == "_aws") {
            return Err(format!("`{name}` is no name for a metric or a dimension"));
        }
        for (name, metric) in &self.metrics {
            if taken.contains(name) {
                return Err(format!("`{name}` is in `metrics` and in `dimensions`"));
            }
            let unit = metric.unit.as_deref().unwrap_or("None");
            if !UNITS.split(' ').any(|known| known == unit) {
                return Err(format!(
                    "`metrics.{name}.unit`: CloudWatch has no `{unit}`; it has {UNITS}"
                ));
            }
        }
        Ok(())
    }
}
