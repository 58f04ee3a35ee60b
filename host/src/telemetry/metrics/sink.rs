//! What went out, and what the service said. Lanes and senders share these counters, and move them a
//! batch or an answer at a time.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

use super::Counters;
use super::destination::Destinations;

/// What went out.
#[derive(Default, Clone)]
pub struct SinkMetrics {
    pub records: Counter,
    pub message_bytes: Counter,
    pub not_utf8_records: Counter,
    pub split_records: Counter,
    /// By `result`.
    pub requests: Counters,
    /// By `reason`.
    pub rejected_records: Counters,
    /// Requests that were taken without their entity, by `reason`.
    pub rejected_entities: Counters,
    /// By `what` was created.
    pub creations: Counters,
    /// Requests that may have been taken and were sent again.
    pub possible_repeats: Counter,
    pub destinations: Destinations,
}

impl SinkMetrics {
    pub(super) fn register(&self, r: &mut Registry) {
        let s = self;
        s.destinations.register(r);
        r.register(
            "sink_records",
            "Records handed to a request",
            s.records.clone(),
        );
        r.register(
            "sink_message_bytes",
            "Bytes of messages handed to a request",
            s.message_bytes.clone(),
        );
        r.register(
            "sink_not_utf8_records",
            "Records with bytes that became U+FFFD",
            s.not_utf8_records.clone(),
        );
        r.register(
            "sink_split_records",
            "Records split for the sink's limit",
            s.split_records.clone(),
        );
        r.register("sink_requests", "Requests by result", s.requests.clone());
        r.register(
            "sink_rejected_records",
            "Records that the service refused for good",
            s.rejected_records.clone(),
        );
        r.register(
            "sink_rejected_entities",
            "Requests that the service took without their entity",
            s.rejected_entities.clone(),
        );
        r.register(
            "sink_creations",
            "Log groups and streams created",
            s.creations.clone(),
        );
        r.register(
            "sink_possible_repeats",
            "Requests sent again though they may have been taken",
            s.possible_repeats.clone(),
        );
    }
}
