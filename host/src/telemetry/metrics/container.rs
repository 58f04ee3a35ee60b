//! The books of each container as metrics. They are made from what is posted whenever somebody asks, so
//! those of containers that are gone expire with their books.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{Counters, Gauges, Labels};
use crate::record::ledger::{Count, Posted};

/// Registers the books of all containers.
pub(super) fn register(books: &[Posted], r: &mut Registry) {
    let (bytes, waiting) = (Counters::default(), Gauges::default());
    let (records, record_bytes) = (Counters::default(), Counters::default());
    for posted in books {
        let with = |name: &'static str, value: &'static str| -> Labels {
            let c = &posted.container;
            vec![
                ("namespace", c.namespace.clone()),
                ("pod", c.pod.clone()),
                ("container", c.name.clone()),
                (name, value.to_owned()),
            ]
        };
        let l = &posted.ledger;
        // Pods of one name may follow each other: what they share a series for adds up.
        let add = |family: &Counters, labels: &Labels, by: u64| {
            let counter: Counter = family.get_or_create_owned(labels);
            counter.inc_by(by);
        };
        for (book, value) in [
            ("seen", l.seen_bytes),
            ("settled", l.settled_bytes),
            ("lost", l.lost_bytes),
        ] {
            add(&bytes, &with("book", book), value);
        }
        for (book, value) in [
            ("unsettled", l.unsettled_bytes),
            ("unread", l.unread_bytes),
            ("pinned", l.pinned_bytes),
        ] {
            let gauge: Gauge = waiting.get_or_create_owned(&with("book", book));
            gauge.inc_by(i64::try_from(value).unwrap_or(i64::MAX));
        }
        let t = &l.records;
        let fates: [(&'static str, Count); 5] = [
            ("read", l.read),
            ("delivered", t.delivered),
            ("discarded", t.discarded),
            ("quarantined", t.quarantined),
            ("rejected", t.rejected),
        ];
        for (fate, count) in fates {
            let labels = with("fate", fate);
            add(&records, &labels, count.records);
            add(&record_bytes, &labels, count.bytes);
        }
    }
    r.register(
        "container_bytes",
        "Bytes of a container's log files: seen = settled + lost + waiting (unsettled, unread)",
        bytes,
    );
    r.register(
        "container_waiting_bytes",
        "Bytes of a container's log files not settled yet; pinned: kept on disk by the agent alone",
        waiting,
    );
    r.register(
        "container_records",
        "Records of a container by what became of them",
        records,
    );
    r.register(
        "container_record_bytes",
        "Bytes of text of a container's records by what became of them",
        record_bytes,
    );
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
        metrics.ledgers.end("shop_api-0_0f1c/api", 0);
        metrics.ledgers.expire(u64::MAX);
        assert!(!metrics.text().contains("shop"));
    }
}
