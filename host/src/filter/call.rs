//! A filter as one lane runs it: its instances while they live, and what the operator says about it.
//!
//! An instance is made for the first batch, thrown away when it fails, and made anew. Where a pod
//! chose the filter itself, its namespace has an instance of its own: teams share no memory.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use super::OnError;
use super::bindings::exports::logsieve::filter::filter::Outcome;
use super::edits::{self, Applied, BadOutcome, Rules};
use super::hold::Held;
use super::instance::{Blueprint, Failure, Instance};
use super::module::sha256_hex;
use super::quarantine::notice::Notices;
use super::quarantine::{Entry, Handed, Keeper};
use super::rest::Rest;
use crate::clock::CpuClock;
use crate::record::columns::RouteId;
use crate::record::status::InCharge;
use crate::record::{Columns, Container};
use crate::telemetry::metrics::{FilterMetrics, Limit};

/// Batches of one filter that may be under isolation at once in a lane: each is memory that waits.
const ISOLATING_MAX: usize = 8;

/// What the agent's log says of one filter's failures, lines a second: the metrics count them all.
const TOLD_MAX: u32 = 10;

/// A filter as one lane runs it.
pub struct Filter {
    pub(super) blueprint: Blueprint,
    pub(super) on_error: OnError,
    pub(super) rest: Rest,
    quarantine: Option<Keeper>,
    notices: Option<Notices>,
    routes: Vec<(String, RouteId)>,
    /// For all whom the operator gave this filter.
    instance: Option<Box<Instance>>,
    /// For those who chose it themselves, by namespace.
    by_namespace: BTreeMap<String, Option<Box<Instance>>>,
    /// Calls so far: not each is timed.
    calls: u64,
    /// Held by every batch under isolation.
    isolating: Arc<()>,
    /// Failures are what it is to show, and no news for the agent's log.
    is_quiet: bool,
}

/// Where a filter stands in its chain.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub at: usize,
    /// Another filter stands behind it.
    pub more: bool,
}

impl Place {
    pub fn of(at: usize, chain: &[usize]) -> Self {
        let more = at + 1 < chain.len();
        Self { at, more }
    }
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
            notices: None,
            rest: Rest::default(),
            routes,
            instance: None,
            by_namespace: BTreeMap::new(),
            calls: 0,
            isolating: Arc::default(),
            is_quiet: false,
        }
    }

    /// Nothing is logged of its failures: they are expected of it.
    #[must_use]
    pub fn quiet(mut self, is_quiet: bool) -> Self {
        self.is_quiet = is_quiet;
        self
    }

    /// Where records that it fails on are kept. Without one, `quarantine` is as `block`.
    #[must_use]
    pub fn with_quarantine(mut self, keeper: Keeper) -> Self {
        self.quarantine = Some(keeper);
        self
    }

    /// Who is told of what is kept there.
    #[must_use]
    pub fn with_notices(mut self, notices: Option<Notices>) -> Self {
        self.notices = notices;
        self
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.blueprint.name
    }

    /// What it is made of.
    #[must_use]
    pub fn in_charge(&self) -> InCharge {
        InCharge {
            sha256: self.blueprint.module.hash.clone(),
            settings_sha256: sha256_hex(self.blueprint.settings.as_bytes()),
        }
    }

    /// Makes an instance now, so that no batch waits for one. One that fails is made again, and its
    /// failure told, by the first batch.
    pub fn prepare(&mut self) {
        self.instance = Instance::new(&self.blueprint).ok().map(Box::new);
    }

    /// Goes on as its former self, unless it is made otherwise: then it starts anew, and out of rest.
    pub fn continue_from(&mut self, former: Self) {
        self.isolating = former.isolating;
        if self.blueprint.is_same(&former.blueprint) {
            self.instance = former.instance;
            self.by_namespace = former.by_namespace;
            self.rest = former.rest;
        }
    }

    /// Whether a batch more may turn out to need isolation.
    #[must_use]
    pub fn has_room(&self) -> bool {
        Arc::strong_count(&self.isolating) <= ISOLATING_MAX
    }

    /// Says that a batch is tried once more.
    pub(super) fn tell_failed(&self, failure: &Failure, run: &Run<'_>) {
        if self.may_be_told(run.now) {
            tracing::warn!(
                filter = self.name(),
                container = run.container.label(),
                error = %failure,
                "filter failed on a batch, which is tried again on a fresh instance"
            );
        }
    }

    /// Whether the agent's log takes a further line on a failure of it.
    pub(super) fn may_be_told(&self, now: Duration) -> bool {
        let told = &self.blueprint.metrics.told;
        !self.is_quiet && told.take(now, TOLD_MAX).is_some()
    }

    pub(super) fn has_quarantine(&self) -> bool {
        self.quarantine.is_some()
    }

    /// What is told of records that are kept.
    pub(super) fn notices_of(&self, entry: &Entry) -> Option<Columns> {
        self.notices.map(|n| n.of(entry))
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
        place: Place,
        run: &Run<'_>,
    ) -> Result<Applied, Failed> {
        let team = (place.at >= run.chosen_from).then_some(run.container.namespace.as_str());
        let mut instance = match self.slot(team).take() {
            Some(instance) => instance,
            None => {
                let made = Instance::new(&self.blueprint);
                Box::new(made.map_err(|failure| self.failed(failure, false))?)
            }
        };
        let rules = Rules {
            output_bytes_max: instance.limits().output_max(columns.text.len()),
            edits_max: instance.limits().edits as usize,
            last,
            more: place.more,
            routes: &self.routes,
            times: run.times.clone(),
        };
        let timer = Timer::start(&mut self.calls, columns.text.len(), self.blueprint.cpu);
        let outcome = instance.process(run.container, columns, last);
        timer.end(&self.blueprint.metrics);
        let applied = outcome.and_then(|outcome| {
            let applied = edits::apply(columns, &outcome, &rules);
            note_output(&self.blueprint.metrics, &outcome, &applied, &rules);
            Ok(applied?)
        });
        let applied = applied.map_err(|failure| self.failed(failure, true))?;
        if !instance.is_worn() {
            *self.slot(team) = Some(instance);
        }
        Ok(applied)
    }

    /// Where the instance for a namespace is kept, or that for all.
    fn slot(&mut self, team: Option<&str>) -> &mut Option<Box<Instance>> {
        let Some(team) = team else {
            return &mut self.instance;
        };
        if !self.by_namespace.contains_key(team) {
            let most = self.blueprint.limits.instances.max(1);
            while self.by_namespace.len() >= most as usize {
                self.by_namespace.pop_last();
            }
            let used = self.by_namespace.len() as u64 + 1;
            let metrics = &self.blueprint.metrics;
            metrics.note(Limit::Instances, used, u64::from(most));
        }
        self.by_namespace.entry(team.to_owned()).or_default()
    }

    /// Counts what it did with the records that it was handed.
    pub(super) fn count(&self, handed: &Columns, applied: &Applied) {
        let metrics = &self.blueprint.metrics;
        metrics.batches.inc();
        metrics.records.inc_by(handed.len() as u64);
        metrics.bytes_in.inc_by(handed.text.len() as u64);
        let whole = handed.start(handed.len() - applied.hold);
        let out = applied.columns.as_ref().map_or(whole, |out| out.text.len());
        metrics.bytes_out.inc_by(out as u64);
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

/// A call for less text than this is timed now and then only: a look at the clock takes as long as
/// a small batch.
const TIMED_BYTES: usize = 16 * 1024;
/// Of this many small calls one is timed, and stands for all.
const TIMED_EVERY: u32 = 128;

/// Takes the CPU time of a call, or of one that stands for others.
struct Timer(Option<(Duration, CpuClock, u32)>);

impl Timer {
    fn start(calls: &mut u64, bytes: usize, cpu: CpuClock) -> Self {
        *calls += 1;
        let stands_for = match bytes >= TIMED_BYTES {
            true => 1,
            false if calls.is_multiple_of(u64::from(TIMED_EVERY)) => TIMED_EVERY,
            false => return Self(None),
        };
        Self(Some((cpu(), cpu, stands_for)))
    }

    fn end(self, metrics: &FilterMetrics) {
        if let Self(Some((started, cpu, stands_for))) = self {
            let used = cpu().saturating_sub(started) * stands_for;
            metrics.cpu_seconds.inc_by(used.as_secs_f64());
        }
    }
}

/// Notes how near an outcome came to its limits; one without edits has no need of it.
fn note_output(
    metrics: &FilterMetrics,
    outcome: &Outcome,
    applied: &Result<Applied, BadOutcome>,
    rules: &Rules<'_>,
) {
    let note = |limit, used: usize, most: usize| metrics.note(limit, used as u64, most as u64);
    match applied {
        Ok(Applied {
            columns: Some(out), ..
        }) => {
            note(Limit::Output, out.text.len(), rules.output_bytes_max);
            note(Limit::Edits, outcome.edits.len(), rules.edits_max);
        }
        Err(BadOutcome::Output { .. }) => note(Limit::Output, 1, 1),
        Err(BadOutcome::Edits { .. }) => note(Limit::Edits, 1, 1),
        _ => {}
    }
}
