//! What each filter did with the records that it was handed. Every filter has counters of its own in each
//! family, handed out once, so that no batch looks them up; when the filter is forgotten, all of them go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::limit::{Limit, Pace, Peak};
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
    known: Mutex<BTreeMap<String, Arc<FilterMetrics>>>,
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
    /// What it says in the agent's log, and what the agent says of its failures.
    pub said: Pace,
    pub told: Pace,
    /// None once the filter is forgotten: a lane that still runs it brings nothing back.
    own: Mutex<Option<Own>>,
}

/// What came up only as the filter ran.
#[derive(Default)]
struct Own {
    kinds: BTreeSet<&'static str>,
    names: BTreeSet<String>,
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
        self.peaks[limit as usize].note(used, most);
    }

    /// Counts a failed call.
    pub fn failed(&self, kind: &'static str) {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = own.as_mut() {
            own.kinds.insert(kind);
            self.failures.get_or_create(&self.of_kind(kind)).inc();
        }
    }

    /// Adds to a counter of the filter's own; says no once it has `most` names.
    pub fn count_custom(&self, name: &str, by: u64, most: usize) -> bool {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(own) = own.as_mut() else {
            return false;
        };
        if !own.names.contains(name) {
            if own.names.len() >= most {
                return false;
            }
            own.names.insert(name.to_owned());
        }
        self.note(Limit::Counters, own.names.len() as u64, most as u64);
        self.custom.get_or_create(&self.of_name(name)).inc_by(by);
        true
    }

    fn of_kind(&self, kind: &str) -> Labels {
        vec![("filter", self.filter.clone()), ("kind", kind.to_owned())]
    }

    fn of_name(&self, name: &str) -> Labels {
        vec![("filter", self.filter.clone()), ("name", name.to_owned())]
    }

    fn forget(&self) {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(gone) = own.take() else { return };
        for kind in gone.kinds {
            self.failures.remove(&self.of_kind(kind));
        }
        for name in gone.names {
            self.custom.remove(&self.of_name(&name));
        }
    }
}

fn of_filter(name: &str) -> Labels {
    vec![("filter", name.to_owned())]
}

fn of_limit(name: &str, limit: Limit) -> Labels {
    let limit = ("limit", limit.name().to_owned());
    vec![("filter", name.to_owned()), limit]
}

impl FilterFamilies {
    /// The metrics of one filter: the same for all who ask.
    pub(super) fn of(&self, name: &str) -> Arc<FilterMetrics> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let made = known
            .entry(name.to_owned())
            .or_insert_with(|| self.make(name));
        made.clone()
    }

    /// The same, if the filter has any.
    pub(super) fn known(&self, name: &str) -> Option<Arc<FilterMetrics>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(name).cloned()
    }

    /// Shows nothing of a filter any more.
    pub(super) fn forget(&self, name: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(gone) = known.remove(name) else {
            return;
        };
        let (f, labels) = (self, of_filter(name));
        for family in [
            &f.records,
            &f.changed,
            &f.dropped,
            &f.added,
            &f.held,
            &f.quarantined,
            &f.unfiltered,
            &f.times_refused,
            &f.batches,
            &f.bytes_in,
            &f.bytes_out,
            &f.instances,
            &f.log_lines_refused,
            &f.counters_refused,
        ] {
            family.remove(&labels);
        }
        f.cpu_seconds.remove(&labels);
        f.memory.remove(&labels);
        for limit in Limit::ALL {
            f.peaks.remove(&of_limit(name, limit));
        }
        gone.forget();
    }

    fn make(&self, name: &str) -> Arc<FilterMetrics> {
        let labels = of_filter(name);
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
                let gauge = f.peaks.get_or_create_owned(&of_limit(name, limit));
                Peak::new(gauge)
            }),
            log_lines_refused: of(&f.log_lines_refused),
            counters_refused: of(&f.counters_refused),
            failures: f.failures.clone(),
            custom: f.custom.clone(),
            said: Pace::default(),
            told: Pace::default(),
            own: Mutex::new(Some(Own::default())),
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
            "CPU time of a filter's calls; of small ones every 128th is timed and stands for all",
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
