//! Runs a container's filters in order.
//!
//! Each filter is handed what the former let through, in front of it what it held back itself. What a
//! filter holds stays in its receipt, unsettled, until it comes out: so a restart reads it again. A
//! batch that a filter fails on is suspended: it is isolated call by call, between other containers'
//! turns, and then goes on its way behind that filter.

use std::sync::Arc;

use super::failure::{Isolation, Step};
use super::hold::too_much;
use crate::record::{Batch, Columns, Container, Count, Ending};

use super::call::{Failed, Place};
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
    /// What former filters' failures gave to be told.
    notices: Vec<Columns>,
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
    from(filters, chain, 0, batch, Vec::new(), run)
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
        mut notices,
    } = suspended;
    run.last = last;
    let filter = &mut filters[chain[place]];
    match isolation.step(filter, Place::of(place, chain), run)? {
        Step::Goes(isolation) => Ok(Progress::Suspended(Suspended {
            place,
            last,
            container,
            isolation,
            notices,
        })),
        Step::Done {
            passes,
            held,
            notices: more,
        } => {
            notices.extend(more);
            if let Some(held) = held {
                run.held.put(place, held);
            }
            from(filters, chain, place + 1, passes, notices, run)
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
    notices: Vec<Columns>,
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
        let filter = &mut filters[*filter];
        if let Err(failed) = one(filter, Place::of(place, chain), &mut batch, run) {
            let suspended = Suspended {
                place,
                last: run.last,
                container: run.container.clone(),
                isolation: Isolation::begin(filter, batch, failed, run),
                notices,
            };
            return match suspended.isolation.is_decided() {
                // No call is needed.
                true => resume(filters, chain, suspended, run),
                false => Ok(Progress::Suspended(suspended)),
            };
        }
    }
    for told in notices {
        let source = batch.columns.source_bytes();
        batch.columns.extend_from(&told, 0, told.len(), source);
    }
    Ok(Progress::Done(batch))
}

/// Takes a batch through one filter, in place.
fn one(
    filter: &mut Filter,
    place: Place,
    batch: &mut Batch,
    run: &mut Run<'_>,
) -> Result<(), Failed> {
    if let Some(failure) = filter.rest.at(run.now, run.container) {
        return Err(Failed {
            failure,
            made: false,
        });
    }
    let records = batch.columns.len();
    let mut applied = filter.call(&mut batch.columns, run.last, place, run)?;
    if too_much(&batch.columns, applied.hold) {
        // It would hold more than is allowed, so this is the last of its event.
        applied = filter.call(&mut batch.columns, true, place, run)?;
    }
    filter.rest.passed(run.container);
    filter.count(&batch.columns, &applied);
    if applied.dropped > 0 {
        let count = Count::new(applied.dropped, applied.dropped_bytes);
        batch.receipt.count(Ending::Discarded, count);
    }
    if applied.hold > 0 {
        let held = batch.split_off(records - applied.hold);
        run.held.put(place.at, held);
    }
    if applied.joins() {
        batch.receipt.bind();
    }
    if let Some(columns) = applied.columns {
        batch.replace(*columns);
    }
    Ok(())
}
