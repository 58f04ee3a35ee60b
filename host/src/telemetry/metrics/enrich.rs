//! What is known of pods, what waits for it, and how often the API server could not be asked. Nothing here
//! counts records: those are counted where they are read.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// What is known of pods.
#[derive(Default, Clone)]
pub struct EnrichMetrics {
    pub pods: Gauge<i64>,
    pub listed: Gauge<i64>,
    pub changes: Counter,
    pub watch_failures: Counter,
    pub events: Counter,
    pub touches: Counter,
    pub waiting_containers: Gauge<i64>,
    pub excluded_bytes: Counter,
}

impl EnrichMetrics {
    pub(super) fn register(&self, r: &mut Registry) {
        let mut gauge = |name: &str, help: &str, g: &Gauge<i64>| r.register(name, help, g.clone());
        gauge(
            "enrich_pods",
            "Pods of this node that are known",
            &self.pods,
        );
        gauge(
            "enrich_listed",
            "1 once the API server has listed this node's pods",
            &self.listed,
        );
        gauge(
            "enrich_waiting_containers",
            "Containers that are not read until their pod is known or its annotations are right",
            &self.waiting_containers,
        );
        let mut counter = |name: &str, help: &str, c: &Counter| r.register(name, help, c.clone());
        counter(
            "enrich_changes",
            "Changes of pods that concern their records",
            &self.changes,
        );
        counter(
            "enrich_watch_failures",
            "Times that the API server could not be listed or watched",
            &self.watch_failures,
        );
        counter(
            "enrich_events",
            "Kubernetes Events written about wrong annotations",
            &self.events,
        );
        counter(
            "enrich_touches",
            "Times that the agent touched its own pod, for the kubelet to bring changed filters",
            &self.touches,
        );
        counter(
            "enrich_excluded_bytes",
            "Bytes passed over, unread, because a label or annotation excludes their container",
            &self.excluded_bytes,
        );
    }
}
