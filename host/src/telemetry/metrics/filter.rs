//! What each filter did with the records that it was handed. Every filter has counters of its own in each
//! family, handed out once, so that no batch looks them up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{Counters, Gauges, Labels};

/// The families that every filter has its own counters of.
#[derive(Default)]
pub(super) struct FilterFamilies {
    records: Counters,
    changed: Counters,
    dropped: Counters,
    added: Counters,
    held: Counters,
    quarantined: Counters,
    unfiltered: Counters,
    times_refused: Counters,
    batches: Counters,
    bytes_in: Counters,
    bytes_out: Counters,
    cpu_seconds: Family<Labels, Counter<f64, AtomicU64>>,
    instances: Counters,
    memory: Gauges,
    peaks: Family<Labels, Gauge<f64, AtomicU64>>,
    failures: Counters,
    log_lines_refused: Counters,
    counters_refused: Counters,
    custom: Counters,
}

/// What quarantine keeps, of all filters.
#[derive(Debug, Clone, Default)]
pub struct QuarantineMetrics {
    pub bytes: Gauge<i64>,
    pub files: Gauge<i64>,
    pub failures: Counter,
}

impl QuarantineMetrics {
    pub(super) fn register(&self, r: &mut Registry) {
        r.register(
            "quarantine_bytes",
            "Bytes kept in quarantine",
            self.bytes.clone(),
        );
        r.register(
            "quarantine_files",
            "Files in quarantine",
            self.files.clone(),
        );
        r.register(
            "quarantine_failures",
            "Writes to quarantine that failed",
            self.failures.clone(),
        );
    }
}

/// What a filter is limited in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    Memory,
    Tables,
    Cpu,
    Output,
    Edits,
    Patterns,
    LogLines,
    Counters,
}

impl Limit {
    const ALL: [Self; 8] = [
        Self::Memory,
        Self::Tables,
        Self::Cpu,
        Self::Output,
        Self::Edits,
        Self::Patterns,
        Self::LogLines,
        Self::Counters,
    ];

    /// Its name in the configuration.
    fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Tables => "table_elements",
            Self::Cpu => "cpu_per_batch",
            Self::Output => "output_ratio",
            Self::Edits => "edits",
            Self::Patterns => "patterns",
            Self::LogLines => "log_lines",
            Self::Counters => "counters",
        }
    }
}

/// The most of one limit that was ever used.
struct Peak {
    gauge: Gauge<f64, AtomicU64>,
    permille: AtomicU64,
}

/// One filter's metrics.
pub struct FilterMetrics {
    filter: String,
    pub records: Counter,
    pub records_changed: Counter,
    pub records_dropped: Counter,
    pub records_added: Counter,
    pub records_held: Counter,
    pub records_quarantined: Counter,
    /// Passed as they were, after a failure.
    pub records_unfiltered: Counter,
    pub times_refused: Counter,
    pub batches: Counter,
    pub bytes_in: Counter,
    pub bytes_out: Counter,
    pub cpu_seconds: Counter<f64, AtomicU64>,
    pub instances_started: Counter,
    pub memory_bytes: Gauge<i64>,
    peaks: [Peak; Limit::ALL.len()],
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

    /// Notes how much of a limit was used; the most is shown.
    pub fn note(&self, limit: Limit, used: u64, most: u64) {
        let permille = used.saturating_mul(1000) / most.max(1);
        let peak = &self.peaks[limit as usize];
        if permille > peak.permille.load(Ordering::Relaxed) {
            peak.permille.store(permille, Ordering::Relaxed);
            // Shown with three digits, which a float has.
            let permille = u32::try_from(permille).unwrap_or(u32::MAX);
            peak.gauge.set(f64::from(permille) / 1000.0);
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
        let used = names.len() as u64;
        drop(names);
        self.note(Limit::Counters, used, most as u64);
        let labels = vec![("filter", self.filter.clone()), ("name", name.to_owned())];
        self.custom.get_or_create(&labels).inc_by(by);
        true
    }
}

impl FilterFamilies {
    /// The metrics of one filter.
    pub(super) fn of(&self, name: &str) -> Arc<FilterMetrics> {
        let labels = vec![("filter", name.to_owned())];
        let of = |family: &Counters| family.get_or_create_owned(&labels);
        let f = self;
        Arc::new(FilterMetrics {
            filter: name.to_owned(),
            records: of(&f.records),
            records_changed: of(&f.changed),
            records_dropped: of(&f.dropped),
            records_added: of(&f.added),
            records_held: of(&f.held),
            records_quarantined: of(&f.quarantined),
            records_unfiltered: of(&f.unfiltered),
            times_refused: of(&f.times_refused),
            batches: of(&f.batches),
            bytes_in: of(&f.bytes_in),
            bytes_out: of(&f.bytes_out),
            cpu_seconds: f.cpu_seconds.get_or_create_owned(&labels),
            instances_started: of(&f.instances),
            memory_bytes: f.memory.get_or_create_owned(&labels),
            peaks: Limit::ALL.map(|limit| {
                let limit = ("limit", limit.name().to_owned());
                let labels = vec![labels[0].clone(), limit];
                Peak {
                    gauge: f.peaks.get_or_create_owned(&labels),
                    permille: AtomicU64::new(0),
                }
            }),
            log_lines_refused: of(&f.log_lines_refused),
            counters_refused: of(&f.counters_refused),
            failures: f.failures.clone(),
            custom: f.custom.clone(),
            names: std::sync::Mutex::default(),
        })
    }

    pub(super) fn register(&self, r: &mut Registry) {
        let f = self;
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
            "filter_quarantined_records",
            "Records kept on the node because a filter failed on them",
            &f.quarantined,
        );
        family(
            "filter_unfiltered_records",
            "Records passed as they were because a filter failed on them",
            &f.unfiltered,
        );
        family(
            "filter_refused_times",
            "Times set that no destination takes",
            &f.times_refused,
        );
        self.register_use(r);
    }

    fn register_use(&self, r: &mut Registry) {
        let f = self;
        let mut family = |name: &str, help: &str, c: &Counters| r.register(name, help, c.clone());
        family("filter_batches", "Batches handed to a filter", &f.batches);
        family(
            "filter_in_bytes",
            "Bytes of text handed to a filter",
            &f.bytes_in,
        );
        family(
            "filter_out_bytes",
            "Bytes of text that a filter let through",
            &f.bytes_out,
        );
        family(
            "filter_instances_started",
            "Instances made of a filter: one each time it starts anew",
            &f.instances,
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
            "filter_cpu_seconds",
            "CPU time of a filter's calls; of small ones every 16th is timed and stands for all",
            f.cpu_seconds.clone(),
        );
        r.register(
            "filter_memory_bytes",
            "Memory that a filter's instances have taken",
            f.memory.clone(),
        );
        r.register(
            "filter_limit_peak_ratio",
            "The most that a filter ever used of a limit: at 1 it was reached",
            f.peaks.clone(),
        );
    }
}
