//! CloudWatch's embedded metric format: one JSON object that says which of its members are metrics.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::Settings;
use crate::meter::{Meter, Minute};

/// Numbers of one metric in one record.
const VALUES_MAX: usize = 100;
const NANOS_IN_MILLI: u64 = 1_000_000;

/// What is the same in every record.
pub(crate) struct Format {
    namespace: String,
    /// Name, and the fact that it is.
    dimensions: BTreeMap<String, String>,
}

impl Format {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            namespace: settings.namespace,
            dimensions: settings.dimensions,
        }
    }

    /// The dimensions of a container; one whose fact is not known is left out.
    pub(crate) fn dimensions(&self, fact: impl Fn(&str) -> Option<String>) -> Map<String, Value> {
        let known = |(name, of): (&String, &String)| {
            let value = fact(of).filter(|value| !value.is_empty())?;
            Some((name.clone(), value.into()))
        };
        self.dimensions.iter().filter_map(known).collect()
    }

    /// The records of one minute: one, or several where a metric has many numbers.
    pub(crate) fn records(
        &self,
        meters: &[Meter],
        dimensions: &Map<String, Value>,
        time: u64,
        minute: Minute,
    ) -> Vec<String> {
        let names: Vec<&String> = dimensions.keys().collect();
        let parts = meters.iter().zip(&minute.values).map(parts);
        let mut parts: Vec<_> = parts.map(Vec::into_iter).collect();
        let mut records = Vec::new();
        loop {
            let mut object = dimensions.clone();
            let mut metrics = Vec::new();
            for (meter, part) in meters.iter().zip(&mut parts) {
                let Some(value) = part.next() else { continue };
                object.insert(meter.name.clone(), value);
                metrics.push(declared(meter));
            }
            if metrics.is_empty() {
                return records;
            }
            let declared = json!({
                "Timestamp": time / NANOS_IN_MILLI,
                "CloudWatchMetrics": [{
                    "Namespace": self.namespace,
                    "Dimensions": [names],
                    "Metrics": metrics,
                }],
            });
            object.insert("_aws".into(), declared);
            records.push(Value::Object(object).to_string());
        }
    }
}

/// What a metric has in each record: its count, or some of its numbers.
fn parts((meter, values): (&Meter, &Vec<f64>)) -> Vec<Value> {
    match meter.field {
        None if values.is_empty() => Vec::new(),
        None => vec![values.len().into()],
        Some(_) => values
            .chunks(VALUES_MAX)
            .map(|values| values.iter().map(|&value| number(value)).collect())
            .collect(),
    }
}

/// A whole number without a point.
fn number(value: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value.fract() == 0.0 && value.abs() < EXACT {
        true => (value as i64).into(),
        false => value.into(),
    }
}

fn declared(meter: &Meter) -> Value {
    let by_default = match meter.field {
        None => Some("Count"),
        Some(_) => None,
    };
    match meter.unit.as_deref().or(by_default) {
        Some(unit) => json!({ "Name": meter.name, "Unit": unit }),
        None => json!({ "Name": meter.name }),
    }
}
