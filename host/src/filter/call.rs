//! A filter as one lane runs it: its instances while they live, and what the operator says about it.
//!
//! An instance is made for the first batch, thrown away when it fails, and made anew. Where a pod
//! chose the filter itself, its namespace has an instance of its own: teams share no memory.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use super::OnError;
use super::edits::{self, Applied, Rules};
use super::hold::Held;
use super::instance::{Blueprint, Failure, Instance};
use super::quarantine::{Entry, Handed, Keeper};
use super::rest::Rest;
use crate::record::columns::RouteId;
use crate::record::{Columns, Container};

/// Namespaces with an instance of their own, for each filter and lane; past it one of them has to
/// start anew.
const NAMESPACES_MAX: usize = 32;
/// Batches of one filter that may be under isolation at once in a lane: each is memory that waits.
const ISOLATING_MAX: usize = 8;

/// A filter as one lane runs it.
pub struct Filter {
    pub(super) blueprint: Blueprint,
    pub(super) on_error: OnError,
    pub(super) rest: Rest,
    quarantine: Option<Keeper>,
    routes: Vec<(String, RouteId)>,
    /// For all whom the operator gave this filter.
    instance: Option<Box<Instance>>,
    /// For those who chose it themselves, by namespace.
    by_namespace: BTreeMap<String, Option<Box<Instance>>>,
    /// Held by every batch under isolation.
    isolating: Arc<()>,
}

/// What a chain works on.
pub struct Run<'a> {
    pub container: &'a Arc<Container>,
    pub held: &'a mut Held,
    /// Nothing may be held from here on.
    pub last: bool,
    /// Times that the container's destination takes.
    pub times: RangeInclusive<u64>,
    /// Since the agent started: for filters that rest.
    pub now: Duration,
    /// The first place in the chain that the pod chose: from there on its namespace has instances
    /// of its own.
    pub chosen_from: usize,
}

/// A call that failed.
pub(super) struct Failed {
    pub failure: Failure,
    /// There was an instance to call: the batch may be to blame.
    pub made: bool,
}

impl Filter {
    #[must_use]
    pub fn new(blueprint: Blueprint, on_error: OnError, routes: Vec<(String, RouteId)>) -> Self {
        Self {
            blueprint,
            on_error,
            quarantine: None,
            rest: Rest::default(),
            routes,
            instance: None,
            by_namespace: BTreeMap::new(),
            isolating: Arc::default(),
        }
    }

    /// Where records that it fails on are kept. Without one, `quarantine` is as `block`.
    #[must_use]
    pub fn with_quarantine(mut self, keeper: Keeper) -> Self {
        self.quarantine = Some(keeper);
        self
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.blueprint.name
    }

    /// SHA-256 of the module in charge here.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.blueprint.module.hash
    }

    /// Puts another module or other settings in its place, from the next batch on.
    pub fn swap(&mut self, blueprint: Blueprint) {
        self.blueprint = blueprint;
        self.instance = None;
        self.by_namespace.clear();
        self.rest = Rest::default();
    }

    /// Whether a batch more may turn out to need isolation.
    #[must_use]
    pub fn has_room(&self) -> bool {
        Arc::strong_count(&self.isolating) <= ISOLATING_MAX
    }

    pub(super) fn has_quarantine(&self) -> bool {
        self.quarantine.is_some()
    }

    /// Hands records over to be kept; gives them back while there is no room in the queue.
    pub(super) fn keep(&self, entry: Box<Entry>) -> Handed {
        match &self.quarantine {
            Some(keeper) => keeper.keep(entry),
            None => Err(entry),
        }
    }

    /// CPU time that a call for these records may take.
    pub(super) fn deadline(&self, columns: &Columns) -> Duration {
        let limits = &self.blueprint.limits;
        limits.deadline(columns.text.len(), columns.len())
    }

    pub(super) fn isolation_token(&self) -> Arc<()> {
        self.isolating.clone()
    }

    /// One batch through this filter; the instance of a failure is gone.
    pub(super) fn call(
        &mut self,
        columns: &mut Columns,
        last: bool,
        place: usize,
        run: &Run<'_>,
    ) -> Result<Applied, Failed> {
        let team = (place >= run.chosen_from).then_some(run.container.namespace.as_str());
        let mut instance = match self.slot(team).take() {
            Some(instance) => instance,
            None => {
                let made = Instance::new(&self.blueprint);
                Box::new(made.map_err(|failure| self.failed(failure, false))?)
            }
        };
        let rules = Rules {
            output_bytes_max: instance.limits().output_max(columns.text.len()),
            last,
            routes: &self.routes,
            times: run.times.clone(),
        };
        let applied = instance
            .process(run.container, columns, last)
            .and_then(|outcome| Ok(edits::apply(columns, &outcome, &rules)?));
        let applied = applied.map_err(|failure| self.failed(failure, true))?;
        *self.slot(team) = Some(instance);
        Ok(applied)
    }

    /// Where the instance for a namespace is kept, or that for all.
    fn slot(&mut self, team: Option<&str>) -> &mut Option<Box<Instance>> {
        let Some(team) = team else {
            return &mut self.instance;
        };
        let is_new = !self.by_namespace.contains_key(team);
        if is_new && self.by_namespace.len() >= NAMESPACES_MAX {
            self.by_namespace.pop_last();
        }
        self.by_namespace.entry(team.to_owned()).or_default()
    }

    /// Counts what it did with records that it was handed.
    pub(super) fn count(&self, records: usize, applied: &Applied) {
        let metrics = &self.blueprint.metrics;
        metrics.records.inc_by(records as u64);
        metrics.edited(
            applied.changed,
            applied.dropped,
            applied.added,
            applied.hold as u64,
        );
        if applied.times_refused > 0 {
            metrics.times_refused.inc_by(applied.times_refused);
        }
    }

    fn failed(&self, failure: Failure, made: bool) -> Failed {
        self.blueprint.metrics.failed(failure.kind());
        Failed { failure, made }
    }
}
