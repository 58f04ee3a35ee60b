//! Runs a container's filters in order.
//!
//! Each filter is handed what the former let through, in front of it what it held back itself. What a
//! filter holds stays in its receipt, unsettled, until it comes out: so a restart reads it again. A
//! batch that a filter fails on is suspended: it is isolated call by call, between other containers'
//! turns, and then goes on its way behind that filter.

use std::sync::Arc;

use super::failure::{Isolation, Step};
use super::hold::too_much;
use crate::record::{Batch, Container, Count, Ending};

pub use super::call::{Filter, Run};
pub use super::failure::Blocked;
pub use super::hold::Held;

/// How far a batch came.
#[expect(
    clippy::large_enum_variant,
    reason = "the large one is what nearly every batch comes to"
)]
#[derive(Debug)]
pub enum Progress {
    /// Through the whole chain.
    Done(Batch),
    /// A filter failed on it. [`resume`] it in the container's next turn; dropped, it is abandoned.
    Suspended(Suspended),
}

/// A batch on its way that a filter failed on.
#[derive(Debug)]
pub struct Suspended {
    place: usize,
    last: bool,
    container: Arc<Container>,
    isolation: Box<Isolation>,
}

impl Suspended {
    #[must_use]
    pub fn container(&self) -> &Arc<Container> {
        &self.container
    }

    /// Whether resuming it would come to anything: what is being written to the disk is waited for.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.isolation.is_due()
    }

    /// Whether it waits for something, and another turn at once would be of no use.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.isolation.waits()
    }
}

/// Sets a batch on its way through the filters of `chain`, which index `filters`.
///
/// # Errors
/// When a filter's records may not pass, as under `block`. The batch is dropped, so its receipt is
/// abandoned.
pub fn start(
    filters: &mut [Filter],
    chain: &[usize],
    batch: Batch,
    run: &mut Run<'_>,
) -> Result<Progress, Blocked> {
    from(filters, chain, 0, batch, run)
}

/// Goes on with a suspended batch, at most one call of the filter that failed on it.
///
/// # Errors
/// As [`start`].
pub fn resume(
    filters: &mut [Filter],
    chain: &[usize],
    suspended: Suspended,
    run: &mut Run<'_>,
) -> Result<Progress, Blocked> {
    let Suspended {
        place,
        last,
        container,
        isolation,
    } = suspended;
    run.last = last;
    let filter = &mut filters[chain[place]];
    match isolation.step(filter, place, run)? {
        Step::Goes(isolation) => Ok(Progress::Suspended(Suspended {
            place,
            last,
            container,
            isolation,
        })),
        Step::Done { passes, held } => {
            if let Some(held) = held {
                run.held.put(place, held);
            }
            from(filters, chain, place + 1, passes, run)
        }
    }
}

/// The same to its end, for tools that have one container only.
///
/// # Errors
/// As [`start`].
pub fn run(
    filters: &mut [Filter],
    chain: &[usize],
    batch: Batch,
    run: &mut Run<'_>,
) -> Result<Batch, Blocked> {
    let mut progress = start(filters, chain, batch, run)?;
    loop {
        match progress {
            Progress::Done(batch) => return Ok(batch),
            Progress::Suspended(suspended) => {
                if !suspended.is_due() {
                    std::thread::yield_now();
                }
                progress = resume(filters, chain, suspended, run)?;
            }
        }
    }
}

fn from(
    filters: &mut [Filter],
    chain: &[usize],
    first: usize,
    mut batch: Batch,
    run: &mut Run<'_>,
) -> Result<Progress, Blocked> {
    for (place, filter) in chain.iter().enumerate().skip(first) {
        if let Some(mut held) = run.held.take(place) {
            held.append(batch);
            batch = held;
        }
        if batch.columns.is_empty() {
            continue;
        }
        match one(&mut filters[*filter], place, batch, run) {
            Ok(passes) => batch = passes,
            Err(isolation) => {
                let suspended = Suspended {
                    place,
                    last: run.last,
                    container: run.container.clone(),
                    isolation,
                };
                return match suspended.isolation.is_decided() {
                    // No call is needed.
                    true => resume(filters, chain, suspended, run),
                    false => Ok(Progress::Suspended(suspended)),
                };
            }
        }
    }
    Ok(Progress::Done(batch))
}

fn one(
    filter: &mut Filter,
    place: usize,
    mut batch: Batch,
    run: &mut Run<'_>,
) -> Result<Batch, Box<Isolation>> {
    if let Some(rests) = filter.rest.at(run.now) {
        return Err(Isolation::decided(filter, batch, rests));
    }
    let records = batch.columns.len();
    let mut called = filter.call(&mut batch.columns, run.last, place, run);
    if called
        .as_ref()
        .is_ok_and(|a| too_much(&batch.columns, a.hold))
    {
        // It would hold more than is allowed, so this is the last of its event.
        called = filter.call(&mut batch.columns, true, place, run);
    }
    let applied = match called {
        Ok(applied) => applied,
        Err(failed) => return Err(Isolation::begin(filter, batch, failed, run)),
    };
    filter.rest.passed();
    filter.count(&batch.columns, &applied);
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
