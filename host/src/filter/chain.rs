//! Runs a container's filters in order.
//!
//! Each filter is handed what the former let through, in front of it what it held back itself. What a
//! filter holds stays in its receipt, unsettled, until it comes out: so a restart reads it again.

use std::ops::RangeInclusive;
use std::sync::Arc;

use super::OnError;
use super::edits::{self, Applied, Rules};
use super::instance::{Blueprint, Failure, Instance};
use crate::record::columns::RouteId;
use crate::record::{Batch, Columns, Container, Count, Ending};

/// What one filter may hold for one container; a batch of which it would hold more is handed over
/// again, as the last of its event.
const HELD_RECORDS_MAX: usize = 1000;
const HELD_BYTES_MAX: usize = 1024 * 1024;

/// A filter as one lane runs it.
pub struct Filter {
    blueprint: Blueprint,
    on_error: OnError,
    routes: Vec<(String, RouteId)>,
    /// None until the first batch, and after a failure.
    instance: Option<Box<Instance>>,
}

impl Filter {
    #[must_use]
    pub fn new(blueprint: Blueprint, on_error: OnError, routes: Vec<(String, RouteId)>) -> Self {
        Self {
            blueprint,
            on_error,
            routes,
            instance: None,
        }
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.blueprint.name
    }

    /// One batch through this filter, at most on two instances: the second is a fresh one.
    fn call(
        &mut self,
        columns: &mut Columns,
        last: bool,
        run: &Run<'_>,
    ) -> Result<Applied, Failure> {
        let failure = match self.try_once(columns, last, run) {
            // A fresh instance would be asked for the same settings.
            Err(failure) if !matches!(failure, Failure::Settings { .. }) => failure,
            done => return done,
        };
        tracing::warn!(
            filter = self.name(),
            container = run.container.label(),
            error = %failure,
            "filter failed on a batch, which is tried again on a fresh instance"
        );
        self.try_once(columns, last, run)
    }

    fn try_once(
        &mut self,
        columns: &mut Columns,
        last: bool,
        run: &Run<'_>,
    ) -> Result<Applied, Failure> {
        let mut instance = match self.instance.take() {
            Some(instance) => instance,
            None => Box::new(Instance::new(&self.blueprint).map_err(|f| self.failed(f))?),
        };
        let rules = Rules {
            output_bytes_max: instance.limits().output_max(columns.text.len()),
            last,
            routes: &self.routes,
            times: run.times.clone(),
        };
        let applied = instance
            .process(run.container, columns, last)
            .and_then(|outcome| Ok(edits::apply(columns, &outcome, &rules)?))
            .map_err(|f| self.failed(f))?;
        self.instance = Some(instance);
        Ok(applied)
    }

    fn failed(&self, failure: Failure) -> Failure {
        self.blueprint.metrics.failed(failure.kind());
        failure
    }
}

/// What the filters of one container hold back, in the order of its chain.
#[derive(Debug, Default)]
pub struct Held(Vec<Option<Batch>>);

impl Held {
    /// Bytes of text that are held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.iter().flatten().map(|b| b.columns.text.len()).sum()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// Source bytes that the held records answer for.
    #[must_use]
    pub fn source_bytes(&self) -> u64 {
        self.0.iter().flatten().map(|b| b.receipt.bytes()).sum()
    }

    /// Forgets what is held, without news: the container is read again. Says how many source bytes.
    pub fn forget(&mut self) -> u64 {
        let mut bytes = 0;
        for batch in self.0.drain(..).flatten() {
            bytes += batch.receipt.bytes();
            batch.receipt.forget();
        }
        bytes
    }

    fn take(&mut self, place: usize) -> Option<Batch> {
        self.0.get_mut(place)?.take()
    }

    fn put(&mut self, place: usize, batch: Batch) {
        if self.0.len() <= place {
            self.0.resize_with(place + 1, || None);
        }
        self.0[place] = Some(batch);
    }
}

/// Why a container's reading stops.
#[derive(Debug, thiserror::Error)]
#[error("filter `{filter}`: {failure}")]
pub struct Blocked {
    pub filter: String,
    pub failure: Failure,
}

/// What a chain works on.
pub struct Run<'a> {
    pub container: &'a Arc<Container>,
    pub held: &'a mut Held,
    /// Nothing may be held from here on.
    pub last: bool,
    /// Times that the container's destination takes.
    pub times: RangeInclusive<u64>,
}

/// Runs `batch` through the filters of `chain`, which index `filters`.
///
/// # Errors
/// When a filter fails whose policy is `block`. The batch is dropped, so its receipt is abandoned.
pub fn run(
    filters: &mut [Filter],
    chain: &[usize],
    mut batch: Batch,
    run: &mut Run<'_>,
) -> Result<Batch, Blocked> {
    for (place, filter) in chain.iter().enumerate() {
        if let Some(mut held) = run.held.take(place) {
            held.append(batch);
            batch = held;
        }
        if batch.columns.is_empty() {
            continue;
        }
        batch = one(&mut filters[*filter], place, batch, run)?;
    }
    Ok(batch)
}

fn one(
    filter: &mut Filter,
    place: usize,
    mut batch: Batch,
    run: &mut Run<'_>,
) -> Result<Batch, Blocked> {
    let records = batch.columns.len();
    let mut applied = filter.call(&mut batch.columns, run.last, run);
    if applied
        .as_ref()
        .is_ok_and(|a| too_much(&batch.columns, a.hold))
    {
        // It would hold more than is allowed, so this is the last of its event.
        applied = filter.call(&mut batch.columns, true, run);
    }
    let metrics = &filter.blueprint.metrics;
    metrics.records.inc_by(records as u64);
    let applied = match applied {
        Ok(applied) => applied,
        Err(failure) => return policy(filter, batch, failure),
    };
    metrics.edited(
        applied.changed,
        applied.dropped,
        applied.added,
        applied.hold as u64,
    );
    if applied.times_refused > 0 {
        metrics.times_refused.inc_by(applied.times_refused);
    }
    if applied.dropped > 0 {
        let count = Count::new(applied.dropped, applied.dropped_bytes);
        batch.receipt.count(Ending::Discarded, count);
    }
    if applied.hold > 0 {
        let held = batch.split_off(records - applied.hold);
        run.held.put(place, held);
    }
    if let Some(columns) = applied.columns {
        batch.replace(columns);
    }
    Ok(batch)
}

/// Whether the records at the end are more than may be held.
fn too_much(columns: &Columns, hold: usize) -> bool {
    let first = columns.len().saturating_sub(hold);
    hold > HELD_RECORDS_MAX
        || (hold > 0 && columns.text.len() - columns.start(first) > HELD_BYTES_MAX)
}

fn policy(filter: &Filter, mut batch: Batch, failure: Failure) -> Result<Batch, Blocked> {
    match filter.on_error {
        OnError::Block => Err(Blocked {
            filter: filter.name().to_owned(),
            failure,
        }),
        OnError::Pass => Ok(batch),
        OnError::Drop => {
            let metrics = &filter.blueprint.metrics;
            let records = batch.columns.len() as u64;
            metrics.records_dropped.inc_by(records);
            let count = Count::new(records, batch.columns.text.len() as u64);
            batch.receipt.count(Ending::Discarded, count);
            batch.columns.clear();
            Ok(batch)
        }
    }
}
