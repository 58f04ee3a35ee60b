//! The books of each container as metrics. They are written from what is posted whenever somebody asks, so
//! those of containers that are gone expire with their books; and one after the other, since a thousand
//! containers have sixteen thousand series, which take megabytes when all are held at once.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::record::Ledger;
use crate::record::ledger::{Count, Posted};

/// Registers the books of all containers.
pub(super) fn register(books: Vec<Posted>, r: &mut Registry) {
    if !books.is_empty() {
        r.register_collector(Box::new(Books(books)));
    }
}

#[derive(Debug)]
struct Books(Vec<Posted>);

/// A metric of all containers: its name, what it says, and its samples of one, by a label of their own.
type Metric = (&'static str, &'static str, MetricType, Samples);
type Samples = fn(&Ledger) -> (&'static str, Vec<(&'static str, u64)>);

const METRICS: [Metric; 4] = [
    (
        "container_bytes",
        "Bytes of a container's log files: seen = settled + lost + waiting (unsettled, unread)",
        MetricType::Counter,
        |l| {
            let bytes = [
                ("seen", l.seen_bytes),
                ("settled", l.settled_bytes),
                ("lost", l.lost_bytes),
            ];
            ("book", bytes.to_vec())
        },
    ),
    (
        "container_waiting_bytes",
        "Bytes of a container's log files not settled yet; pinned: kept on disk by the agent alone",
        MetricType::Gauge,
        |l| {
            let bytes = [
                ("unsettled", l.unsettled_bytes),
                ("unread", l.unread_bytes),
                ("pinned", l.pinned_bytes),
            ];
            ("book", bytes.to_vec())
        },
    ),
    (
        "container_records",
        "Records of a container by what became of them",
        MetricType::Counter,
        |l| {
            (
                "fate",
                fates(l).map(|(fate, count)| (fate, count.records)).to_vec(),
            )
        },
    ),
    (
        "container_record_bytes",
        "Bytes of text of a container's records by what became of them",
        MetricType::Counter,
        |l| {
            (
                "fate",
                fates(l).map(|(fate, count)| (fate, count.bytes)).to_vec(),
            )
        },
    ),
];

fn fates(l: &Ledger) -> [(&'static str, Count); 5] {
    let t = &l.records;
    [
        ("read", l.read),
        ("delivered", t.delivered),
        ("discarded", t.discarded),
        ("quarantined", t.quarantined),
        ("rejected", t.rejected),
    ]
}

impl Collector for Books {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        // Pods of one name may follow each other: what they share a series for adds up.
        let mut ledgers: BTreeMap<[&str; 3], Vec<&Ledger>> = BTreeMap::new();
        for posted in &self.0 {
            let c = &posted.container;
            let of = ledgers.entry([&c.namespace, &c.pod, &c.name]).or_default();
            of.push(&posted.ledger);
        }
        for (name, help, kind, samples) in METRICS {
            let help = format!("{help}.");
            let mut metric = encoder.encode_descriptor(name, &help, None, kind)?;
            for ([namespace, pod, container], ledgers) in &ledgers {
                let (label, mut sums) = samples(ledgers[0]);
                for ledger in &ledgers[1..] {
                    let more = samples(ledger).1.into_iter();
                    sums.iter_mut()
                        .zip(more)
                        .for_each(|(sum, (_, more))| sum.1 += more);
                }
                for (value, sum) in sums {
                    let labels = [
                        ("namespace", *namespace),
                        ("pod", *pod),
                        ("container", *container),
                        (label, value),
                    ];
                    let sample = metric.encode_family(&labels)?;
                    match kind {
                        MetricType::Counter => ConstCounter::new(sum).encode(sample)?,
                        _ => ConstGauge::new(i64::try_from(sum).unwrap_or(i64::MAX))
                            .encode(sample)?,
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::record::{Container, Facts, Ledger};
    use crate::telemetry::metrics::Metrics;

    #[test]
    fn metrics_of_a_container_expire_with_its_books() {
        let metrics = Metrics::default();
        let container = Arc::new(Container {
            namespace: "shop".into(),
            pod: "api-0".into(),
            pod_uid: "0f1c".into(),
            name: "api".into(),
            facts: Facts::new(),
        });
        let ledger = Ledger {
            lost_bytes: 4096,
            ..Ledger::default()
        };
        metrics
            .ledgers
            .post("shop_api-0_0f1c/api", &container, ledger);
        let labels = r#"namespace="shop",pod="api-0",container="api",book="lost""#;
        let sample = format!("logsieve_container_bytes_total{{{labels}}} 4096");
        assert!(metrics.text().contains(&sample), "{}", metrics.text());
        // Another pod of the same name.
        metrics
            .ledgers
            .post("shop_api-0_4e2d/api", &container, ledger);
        let sample = sample.replace("4096", "8192");
        assert!(metrics.text().contains(&sample), "{}", metrics.text());
        for uid in ["0f1c", "4e2d"] {
            metrics.ledgers.end(&format!("shop_api-0_{uid}/api"), 0);
        }
        metrics.ledgers.expire(u64::MAX);
        assert!(!metrics.text().contains("shop"));
    }
}
