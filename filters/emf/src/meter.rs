//! One metric: which records it counts, or whose numbers it takes.
//! A record that it does not name, or that has no such number, has no part in it.

use common::field::field;
use common::{Rules, RulesOver};
use logsieve_filter::{Batch, Record};

use crate::settings::Metric;

pub(crate) struct Meter {
    pub(crate) name: String,
    pub(crate) unit: Option<String>,
    /// The field whose number is taken; without one, records are counted.
    pub(crate) field: Option<String>,
    /// Of these records; of all, if there are none.
    of: Option<Rules>,
}

/// A meter over one batch.
pub(crate) struct MeterOver<'a> {
    field: Option<&'a str>,
    of: Option<RulesOver<'a>>,
}

/// What was counted in one minute.
pub(crate) struct Minute {
    /// The record of the batch that was counted last.
    pub(crate) last: usize,
    /// By meter.
    pub(crate) values: Vec<Vec<f64>>,
}

impl Minute {
    pub(crate) fn new(meters: usize) -> Self {
        Self {
            last: 0,
            values: vec![Vec::new(); meters],
        }
    }
}

impl Meter {
    pub(crate) fn new(name: &str, metric: &Metric) -> Result<Self, String> {
        let setting = format!("metrics.{name}.of");
        let of = (!metric.of.is_empty()).then(|| Rules::new(&setting, &metric.of));
        Ok(Self {
            name: name.to_owned(),
            unit: metric.unit.clone(),
            field: metric.field.clone(),
            of: of.transpose()?,
        })
    }

    pub(crate) fn over(&self, batch: &Batch<'_>) -> MeterOver<'_> {
        MeterOver {
            field: self.field.as_deref(),
            of: self.of.as_ref().map(|of| of.over(batch)),
        }
    }
}

impl MeterOver<'_> {
    /// What the record adds to the metric: 1 where records are counted.
    pub(crate) fn value(&mut self, at: usize, record: &Record<'_>) -> Option<f64> {
        if self.of.as_mut().is_some_and(|of| !of.name(at, record)) {
            return None;
        }
        let Some(name) = self.field else {
            return Some(1.0);
        };
        let number = str::from_utf8(field(record.text(), name)?).ok()?;
        // `inf` and `nan` are numbers for Rust, and for nobody else.
        number.trim().parse().ok().filter(|n: &f64| n.is_finite())
    }
}
