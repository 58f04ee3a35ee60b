//! What one destination takes and costs: how full its requests are, how long they take, how many are on
//! their way, whether it is throttled, and what it comes to in money. And why it takes none, by log group.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::failing::Failures;
use super::{Counters, Gauges, Labels};
use crate::record::status::Failing;

/// Seconds from a request to its answer: a region's round trip to a request's time-out.
const SECONDS: [f64; 10] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];
/// Parts of what a request may hold.
const FILL: [f64; 6] = [0.01, 0.1, 0.25, 0.5, 0.9, 1.0];

/// The metrics of one destination.
#[derive(Clone, Default)]
pub struct DestinationMetrics {
    pub taken_requests: Counter,
    pub taken_records: Counter,
    /// Bytes as they are billed: messages, and what the service adds for each event.
    pub billed_bytes: Counter,
    pub in_flight: Gauge<i64>,
    /// Requests that may be on their way at once, as the service lets them.
    pub at_once: Gauge<i64>,
    /// 1 while it is left alone after a throttle.
    pub throttled: Gauge<i64>,
    pub dollars_per_day: Gauge<f64, AtomicU64>,
    pub failures: Arc<Failures>,
    distributions: Option<Distributions>,
}

#[derive(Clone)]
struct Distributions {
    seconds: Histogram,
    fill: Histogram,
}

impl DestinationMetrics {
    /// A request was answered after this many seconds.
    pub fn answered(&self, seconds: f64) {
        if let Some(all) = &self.distributions {
            all.seconds.observe(seconds);
        }
    }

    /// A request was taken that holds this part of what it might.
    pub fn taken(&self, fill: f64, records: u64, billed_bytes: u64) {
        self.taken_requests.inc();
        self.taken_records.inc_by(records);
        self.billed_bytes.inc_by(billed_bytes);
        if let Some(all) = &self.distributions {
            all.fill.observe(fill);
        }
    }
}

/// Those of all destinations.
#[derive(Clone)]
pub struct Destinations {
    taken_requests: Counters,
    taken_records: Counters,
    billed_bytes: Counters,
    in_flight: Gauges,
    at_once: Gauges,
    throttled: Gauges,
    dollars_per_day: Family<Labels, Gauge<f64, AtomicU64>>,
    failing_groups: Gauges,
    /// Of what sends to each, while it does.
    failures: Arc<Mutex<BTreeMap<String, Weak<Failures>>>>,
    seconds: Family<Labels, Histogram, fn() -> Histogram>,
    fill: Family<Labels, Histogram, fn() -> Histogram>,
}

impl Default for Destinations {
    fn default() -> Self {
        Self {
            taken_requests: Counters::default(),
            taken_records: Counters::default(),
            billed_bytes: Counters::default(),
            in_flight: Gauges::default(),
            at_once: Gauges::default(),
            throttled: Gauges::default(),
            dollars_per_day: Family::default(),
            failing_groups: Gauges::default(),
            failures: Arc::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            fill: Family::new_with_constructor(|| Histogram::new(FILL)),
        }
    }
}

impl Destinations {
    /// The metrics of one destination, which is new or has changed: what failed before counts no more.
    #[must_use]
    pub fn of(&self, name: &str) -> DestinationMetrics {
        let label = vec![("destination", name.to_owned())];
        let gauge = self.failing_groups.get_or_create_owned(&label);
        let failures = Arc::new(Failures::new(gauge));
        let mut all = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, known| known.strong_count() > 0);
        all.insert(name.to_owned(), Arc::downgrade(&failures));
        DestinationMetrics {
            failures,
            taken_requests: self.taken_requests.get_or_create_owned(&label),
            taken_records: self.taken_records.get_or_create_owned(&label),
            billed_bytes: self.billed_bytes.get_or_create_owned(&label),
            in_flight: self.in_flight.get_or_create_owned(&label),
            at_once: self.at_once.get_or_create_owned(&label),
            throttled: self.throttled.get_or_create_owned(&label),
            dollars_per_day: self.dollars_per_day.get_or_create_owned(&label),
            distributions: Some(Distributions {
                seconds: self.seconds.get_or_create_owned(&label),
                fill: self.fill.get_or_create_owned(&label),
            }),
        }
    }

    /// The log groups of a destination that it takes nothing for, and why.
    #[must_use]
    pub fn failing(&self, name: &str) -> Vec<Failing> {
        let all = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = all.get(name).and_then(Weak::upgrade);
        failures.map_or_else(Vec::new, |failures| failures.all())
    }

    pub(super) fn register(&self, r: &mut Registry) {
        let d = self;
        let mut counters = |name: &str, help: &str, c: &Counters| r.register(name, help, c.clone());
        counters(
            "destination_requests",
            "Requests that a destination took",
            &d.taken_requests,
        );
        counters(
            "destination_records",
            "Records that a destination took",
            &d.taken_records,
        );
        counters(
            "destination_billed_bytes",
            "Bytes that a destination took, as they are billed",
            &d.billed_bytes,
        );
        let mut gauges = |name: &str, help: &str, g: &Gauges| r.register(name, help, g.clone());
        gauges(
            "destination_in_flight",
            "Requests on their way",
            &d.in_flight,
        );
        gauges(
            "destination_at_once",
            "Requests that may be on their way at once, as the service lets them",
            &d.at_once,
        );
        gauges(
            "destination_throttled",
            "1 while the service is left alone after a throttle",
            &d.throttled,
        );
        gauges(
            "destination_failing_groups",
            "Log groups whose last request failed; `logsieve status` says why",
            &d.failing_groups,
        );
        r.register(
            "destination_dollars_per_day",
            "What the last hour's rate comes to in a day, estimated",
            d.dollars_per_day.clone(),
        );
        r.register(
            "destination_request_seconds",
            "From a request to its answer",
            d.seconds.clone(),
        );
        r.register(
            "destination_fill_ratio",
            "How full the requests are that a destination took",
            d.fill.clone(),
        );
    }
}
