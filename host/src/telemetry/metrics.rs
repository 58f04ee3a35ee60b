//! Every metric, under its one name; each stage has a file.
//!
//! Counters are handed to whoever moves them, so no hot path looks one up by its labels.

mod container;
mod destination;
mod enrich;
mod failing;
mod filter;
mod limit;
mod sink;
mod source;
mod swap;

use std::sync::Arc;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::record::ledger::Ledgers;

pub use destination::{DestinationMetrics, Destinations};
pub use enrich::EnrichMetrics;
pub use filter::{FilterMetrics, QuarantineMetrics};
pub use limit::{Limit, Pace};
pub use sink::SinkMetrics;
pub use source::SourceMetrics;
pub use swap::SwapMetrics;

type Labels = Vec<(&'static str, String)>;
type Counters = Family<Labels, Counter>;
type Gauges = Family<Labels, Gauge<i64>>;

/// One of those that a gauge counts, until it is dropped.
#[derive(Debug)]
pub struct Raised(Gauge<i64>);

impl Raised {
    #[must_use]
    pub fn new(gauge: &Gauge<i64>) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Raised {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// All metrics of the agent.
#[derive(Default)]
pub struct Metrics {
    pub source: SourceMetrics,
    pub enrich: EnrichMetrics,
    pub sink: SinkMetrics,
    pub quarantine: QuarantineMetrics,
    pub swaps: SwapMetrics,
    pub checkpoint_saves: Counter,
    pub checkpoint_failures: Counter,
    pub budget_used_bytes: Gauge<i64>,
    pub ready: Gauge<i64>,
    /// The books of all containers.
    pub ledgers: Ledgers,
    filters: filter::FilterFamilies,
}

impl Metrics {
    /// The metrics of one filter.
    #[must_use]
    pub fn filter(&self, name: &str) -> Arc<FilterMetrics> {
        self.filters.of(name)
    }

    /// The same, if the filter is known.
    #[must_use]
    pub fn known_filter(&self, name: &str) -> Option<Arc<FilterMetrics>> {
        self.filters.known(name)
    }

    /// Shows nothing of a filter any more; `hash` is of the module that was in charge of it.
    pub fn forget_filter(&self, name: &str, hash: Option<&str>) {
        self.swaps.forget(name, hash);
        self.filters.forget(name);
    }

    /// All metrics in Prometheus' text format.
    #[must_use]
    pub fn text(&self) -> String {
        let mut registry = Registry::with_prefix("logsieve");
        self.source.register(&mut registry);
        self.enrich.register(&mut registry);
        self.sink.register(&mut registry);
        self.filters.register(&mut registry);
        self.quarantine.register(&mut registry);
        self.swaps.register(&mut registry);
        self.register(&mut registry);
        container::register(self.ledgers.snapshot(), &mut registry);
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &registry);
        text
    }

    fn register(&self, r: &mut Registry) {
        let mut counter = |name: &str, help: &str, c: &Counter| r.register(name, help, c.clone());
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
        gauge(
            "budget_used_bytes",
            "Bytes held between reading and the sink's answer, unfinished lines and records that filters hold included",
            &self.budget_used_bytes,
        );
        gauge("ready", "1 while every chain has its filters", &self.ready);
    }
}

#[cfg(test)]
mod tests;
