//! Which modules are in charge, what took over and what was refused: one label set a filter, and one
//! for the module that it runs.

use std::collections::BTreeMap;
use std::sync::Mutex;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

use super::{Counters, Gauges};

/// By filter, apart from the configuration's own.
#[derive(Default)]
pub struct SwapMetrics {
    pub config_reloads: Counter,
    pub config_refusals: Counter,
    accepted: Counters,
    refused: Counters,
    waiting: Gauges,
    in_charge: Gauges,
    /// Why the agent is not ready, in words.
    not_ready: Mutex<Vec<String>>,
    /// Why a filter's present files or settings are not in charge, by filter.
    why: Mutex<BTreeMap<String, String>>,
}

fn of(filter: &str) -> Vec<(&'static str, String)> {
    vec![("filter", filter.to_owned())]
}

fn by_hash(filter: &str, hash: &str) -> Vec<(&'static str, String)> {
    vec![("filter", filter.to_owned()), ("sha256", hash.to_owned())]
}

impl SwapMetrics {
    /// A module, or settings, took over.
    pub fn accepted(&self, filter: &str, former: Option<&str>, hash: &str) {
        if let Some(former) = former {
            self.in_charge.remove(&by_hash(filter, former));
        }
        self.in_charge.get_or_create(&by_hash(filter, hash)).set(1);
        self.accepted.get_or_create(&of(filter)).inc();
    }

    /// A module, or settings, did not take over.
    pub fn refused(&self, filter: &str) {
        self.refused.get_or_create(&of(filter)).inc();
    }

    /// Whether the filter has no module at all.
    pub fn waits(&self, filter: &str, waits: bool) {
        self.waiting
            .get_or_create(&of(filter))
            .set(i64::from(waits));
    }

    /// Why the filter's present files or settings are not in charge; nothing when they are.
    pub fn tell_why(&self, filter: &str, why: Option<&str>) {
        if let Ok(mut told) = self.why.lock() {
            told.remove(filter);
            told.extend(why.map(|why| (filter.to_owned(), why.to_owned())));
        }
    }

    #[must_use]
    pub fn why(&self, filter: &str) -> Option<String> {
        self.why.lock().ok()?.get(filter).cloned()
    }

    /// Why not every chain has its filters; nothing when all have.
    pub fn tell_not_ready(&self, reasons: Vec<String>) {
        if let Ok(mut not_ready) = self.not_ready.lock() {
            *not_ready = reasons;
        }
    }

    #[must_use]
    pub fn not_ready(&self) -> Vec<String> {
        let told = self.not_ready.lock();
        told.map(|reasons| reasons.clone()).unwrap_or_default()
    }

    /// The filter is no longer in the configuration.
    pub fn forget(&self, filter: &str, hash: Option<&str>) {
        if let Some(hash) = hash {
            self.in_charge.remove(&by_hash(filter, hash));
        }
        let all = of(filter);
        self.waiting.remove(&all);
        self.accepted.remove(&all);
        self.refused.remove(&all);
        self.tell_why(filter, None);
    }

    pub(super) fn register(&self, r: &mut Registry) {
        let mut counter = |name: &str, help: &str, c: &Counter| r.register(name, help, c.clone());
        counter(
            "config_reloads",
            "Changes of the configuration's file that took effect",
            &self.config_reloads,
        );
        counter(
            "config_refusals",
            "Changes of the configuration's file that were refused",
            &self.config_refusals,
        );
        let mut family = |name: &str, help: &str, c: &Counters| r.register(name, help, c.clone());
        family(
            "filter_swaps",
            "Modules and settings that took over, the first included",
            &self.accepted,
        );
        family(
            "filter_swaps_refused",
            "Modules and settings that were refused",
            &self.refused,
        );
        let mut gauge = |name: &str, help: &str, g: &Gauges| r.register(name, help, g.clone());
        gauge(
            "filter_waiting",
            "1 while a filter has no module that works, and its containers wait",
            &self.waiting,
        );
        gauge(
            "filter_module",
            "The module in charge of a filter",
            &self.in_charge,
        );
    }
}
