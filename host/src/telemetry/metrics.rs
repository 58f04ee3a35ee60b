//! Every metric, under its one name.
//!
//! Counters are handed to whoever moves them, so no hot path looks one up by its labels.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

type Labels = Vec<(&'static str, String)>;
type Counters = Family<Labels, Counter>;
type Gauges = Family<Labels, Gauge<i64>>;

/// All metrics of the agent.
#[derive(Default)]
pub struct Metrics {
    pub source: SourceMetrics,
    pub sink: SinkMetrics,
    pub checkpoint_saves: Counter,
    pub checkpoint_failures: Counter,
    pub budget_used_bytes: Gauge<i64>,
    pub ready: Gauge<i64>,
    filters: FilterFamilies,
}

/// What came in.
#[derive(Default, Clone)]
pub struct SourceMetrics {
    pub read_bytes: Counter,
    pub records: Counter,
    pub undecoded_lines: Counter,
    pub split_records: Counter,
    pub open_files: Gauge<i64>,
    pub lost_bytes: Counter,
    pub settled_bytes: Counter,
    pub read_again_bytes: Counter,
    pub blocked_containers: Gauge<i64>,
    pub read_failures: Counter,
}

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
    /// By `what` was created.
    pub creations: Counters,
    /// Requests that may have been taken and were sent again.
    pub possible_repeats: Counter,
}

#[derive(Default)]
struct FilterFamilies {
    records: Counters,
    changed: Counters,
    dropped: Counters,
    added: Counters,
    held: Counters,
    times_refused: Counters,
    failures: Counters,
    log_lines_refused: Counters,
    counters_refused: Counters,
    custom: Counters,
    info: Gauges,
}

/// One filter's metrics.
pub struct FilterMetrics {
    filter: String,
    pub records: Counter,
    pub records_changed: Counter,
    pub records_dropped: Counter,
    pub records_added: Counter,
    pub records_held: Counter,
    pub times_refused: Counter,
    pub log_lines_refused: Counter,
    pub counters_refused: Counter,
    failures: Counters,
    custom: Counters,
    names: std::sync::Mutex<std::collections::BTreeSet<String>>,
}

impl FilterMetrics {
    /// Counts what one batch came to.
    pub fn edited(&self, changed: u64, dropped: u64, added: u64, held: u64) {
        for (counter, by) in [
            (&self.records_changed, changed),
            (&self.records_dropped, dropped),
            (&self.records_added, added),
            (&self.records_held, held),
        ] {
            if by > 0 {
                counter.inc_by(by);
            }
        }
    }

    /// Counts a failed call.
    pub fn failed(&self, kind: &'static str) {
        let labels = vec![("filter", self.filter.clone()), ("kind", kind.to_owned())];
        self.failures.get_or_create(&labels).inc();
    }

    /// Adds to a counter of the filter's own; says no once it has `most` names.
    pub fn count_custom(&self, name: &str, by: u64, most: usize) -> bool {
        let Ok(mut names) = self.names.lock() else {
            return false;
        };
        if !names.contains(name) {
            if names.len() >= most {
                return false;
            }
            names.insert(name.to_owned());
        }
        drop(names);
        let labels = vec![("filter", self.filter.clone()), ("name", name.to_owned())];
        self.custom.get_or_create(&labels).inc_by(by);
        true
    }
}

impl Metrics {
    /// The metrics of one filter.
    #[must_use]
    pub fn filter(&self, name: &str) -> Arc<FilterMetrics> {
        let labels = vec![("filter", name.to_owned())];
        let of = |family: &Counters| family.get_or_create_owned(&labels);
        let f = &self.filters;
        Arc::new(FilterMetrics {
            filter: name.to_owned(),
            records: of(&f.records),
            records_changed: of(&f.changed),
            records_dropped: of(&f.dropped),
            records_added: of(&f.added),
            records_held: of(&f.held),
            times_refused: of(&f.times_refused),
            log_lines_refused: of(&f.log_lines_refused),
            counters_refused: of(&f.counters_refused),
            failures: f.failures.clone(),
            custom: f.custom.clone(),
            names: std::sync::Mutex::default(),
        })
    }

    /// Says which module is in charge of a filter.
    pub fn in_charge(&self, filter: &str, hash: &str) {
        let labels = vec![("filter", filter.to_owned()), ("sha256", hash.to_owned())];
        self.filters.info.get_or_create(&labels).set(1);
    }

    /// All metrics in Prometheus' text format.
    #[must_use]
    pub fn text(&self) -> String {
        let mut registry = Registry::with_prefix("logsieve");
        self.register_source(&mut registry);
        self.register_sink(&mut registry);
        self.register_filters(&mut registry);
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &registry);
        text
    }

    fn register_source(&self, r: &mut Registry) {
        let s = &self.source;
        let mut counter = |name: &str, help: &str, c: &Counter<u64, AtomicU64>| {
            r.register(name, help, c.clone());
        };
        counter(
            "tail_read_bytes",
            "Bytes of log files taken, bytes read again included",
            &s.read_bytes,
        );
        counter("tail_records", "Records decoded", &s.records);
        counter(
            "tail_undecoded_lines",
            "Lines in no known format, forwarded as they are",
            &s.undecoded_lines,
        );
        counter(
            "tail_split_records",
            "Parts of records too long to be joined",
            &s.split_records,
        );
        counter(
            "tail_lost_bytes",
            "Bytes seen in a log file and gone before they were settled",
            &s.lost_bytes,
        );
        counter(
            "tail_settled_bytes",
            "Bytes delivered, discarded, rejected or quarantined",
            &s.settled_bytes,
        );
        counter(
            "tail_read_again_bytes",
            "Bytes abandoned, to be read again",
            &s.read_again_bytes,
        );
        counter(
            "tail_read_failures",
            "Log files or folders that could not be read",
            &s.read_failures,
        );
        counter(
            "checkpoint_saves",
            "Checkpoints written",
            &self.checkpoint_saves,
        );
        counter(
            "checkpoint_failures",
            "Checkpoints that could not be written",
            &self.checkpoint_failures,
        );
        let mut gauge = |name: &str, help: &str, g: &Gauge<i64>| r.register(name, help, g.clone());
        gauge("tail_open_files", "Log files held open", &s.open_files);
        gauge(
            "tail_blocked_containers",
            "Containers whose reading a failing filter stops",
            &s.blocked_containers,
        );
        gauge(
            "budget_used_bytes",
            "Bytes held between reading and the sink's answer",
            &self.budget_used_bytes,
        );
        gauge("ready", "1 while every chain has its filters", &self.ready);
    }

    fn register_sink(&self, r: &mut Registry) {
        let s = &self.sink;
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

    fn register_filters(&self, r: &mut Registry) {
        let f = &self.filters;
        let mut family = |name: &str, help: &str, c: &Counters| r.register(name, help, c.clone());
        family("filter_records", "Records handed to a filter", &f.records);
        family(
            "filter_changed_records",
            "Records that a filter changed",
            &f.changed,
        );
        family(
            "filter_dropped_records",
            "Records that a filter dropped",
            &f.dropped,
        );
        family(
            "filter_added_records",
            "Records that a filter added",
            &f.added,
        );
        family(
            "filter_held_records",
            "Records that a filter held back, each time",
            &f.held,
        );
        family(
            "filter_refused_times",
            "Times set that no destination takes",
            &f.times_refused,
        );
        family("filter_failures", "Failed calls by kind", &f.failures);
        family(
            "filter_refused_log_lines",
            "Log lines past a filter's limit",
            &f.log_lines_refused,
        );
        family(
            "filter_refused_counters",
            "Counter names past a filter's limit",
            &f.counters_refused,
        );
        family("filter_custom", "Counters of the filters' own", &f.custom);
        r.register(
            "filter_module",
            "The module in charge of a filter",
            f.info.clone(),
        );
    }
}
