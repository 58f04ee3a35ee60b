//! Finds the records that a filter fails on, and applies the operator's policy to them.
//!
//! The batch is tried once more on a fresh instance, then in sixteenths, each part that fails in
//! sixteenths again, until the poisonous records stand alone. Sixteenths, because a part that fails
//! costs a deadline and one that passes next to nothing: one endless record among 1,000 takes 5
//! deadlines to find, where halves take 7 on average and 12 at worst. All calls together take 10
//! deadlines at most; what is not decided by then counts as poisonous. Parts go in order, so what
//! passes keeps its order, and what one holds stands in front of the next. One [`step`](Isolation::step)
//! is one call: other containers have their turns in between.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::OnError;
use super::call::{Failed, Filter, Place, Run};
use super::edits::Applied;
use super::hold::too_much;
use super::instance::Failure;
use super::quarantine::{Entry, Fate, Reason, Ticket};
use crate::record::{Batch, Columns, Count, Ending};

/// Deadlines of the whole batch that isolating it may take, the failed first call included.
const DEADLINES_MAX: u32 = 10;
/// Parts that a failed part is tried in.
const PARTS: usize = 16;

/// Why a container's reading stops.
#[derive(Debug, thiserror::Error)]
#[error("filter `{filter}`: {failure}")]
pub struct Blocked {
    pub filter: String,
    pub failure: Failure,
}

/// A batch that a filter failed on, and what is known of its records.
#[derive(Debug)]
pub struct Isolation {
    /// As the filter was handed it.
    input: Batch,
    /// What is to be tried, the next one last.
    todo: Vec<Range<usize>>,
    /// What the part before the next one held, and whether it is to hold nothing now.
    carried: Range<usize>,
    flush: bool,
    /// What got through, in order, and what was done to it.
    totals: Applied,
    /// Records to be kept in quarantine, and why.
    kept: Columns,
    reasons: Vec<Reason>,
    kept_count: Count,
    notices: Option<Columns>,
    state: State,
    used: Duration,
    /// Whether any record got through, and whether time ran out.
    any_passed: bool,
    out_of_time: bool,
    /// The failure of the whole, and the latest.
    first: Failure,
    failure: Failure,
    /// Counts as one of the filter's batches under isolation.
    _token: Arc<()>,
}

#[derive(Debug)]
enum State {
    Trying,
    /// All is decided, and what is to be kept has to be handed over.
    Handing(Box<Entry>),
    Keeping(Ticket),
}

/// What a step came to.
#[expect(
    clippy::large_enum_variant,
    reason = "the large one is taken apart at once"
)]
pub enum Step {
    Goes(Box<Isolation>),
    /// What goes on, and what the filter holds.
    Done {
        passes: Batch,
        held: Option<Batch>,
        /// What is told of the records in quarantine; no further filter sees it.
        notices: Option<Columns>,
    },
}

impl Isolation {
    /// The filter failed on this batch, at the first try.
    pub(super) fn begin(filter: &Filter, batch: Batch, failed: Failed, run: &Run<'_>) -> Box<Self> {
        // One that rests is not called, and a fresh instance would be asked for the same settings.
        if let Failure::Rests { .. } | Failure::Settings { .. } = failed.failure {
            return Self::new(filter, batch, failed.failure, Duration::MAX);
        }
        filter.tell_failed(&failed.failure, run);
        let used = filter.deadline(&batch.columns);
        Self::new(filter, batch, failed.failure, used)
    }

    /// With `used` at its most, nothing of this batch will be tried.
    fn new(filter: &Filter, input: Batch, failure: Failure, used: Duration) -> Box<Self> {
        Box::new(Self {
            todo: std::iter::once(0..input.columns.len()).collect(),
            input,
            carried: 0..0,
            flush: false,
            totals: Applied {
                columns: Some(Box::default()),
                ..Applied::default()
            },
            kept: Columns::default(),
            reasons: Vec::new(),
            kept_count: Count::default(),
            notices: None,
            state: State::Trying,
            used,
            any_passed: false,
            out_of_time: false,
            first: failure.clone(),
            failure,
            _token: filter.isolation_token(),
        })
    }

    /// Whether no call is needed any more.
    pub(super) fn is_decided(&self) -> bool {
        self.used == Duration::MAX
    }

    /// Whether a step would come to anything.
    pub(super) fn is_due(&self) -> bool {
        !matches!(&self.state, State::Keeping(ticket) if ticket.fate() == Fate::Pending)
    }

    /// Whether it waits for the disk, and another step at once would be of no use.
    pub(super) fn waits(&self) -> bool {
        !matches!(self.state, State::Trying)
    }

    /// One call at most, or a look at what is being kept.
    ///
    /// # Errors
    /// When the policy says that records may not pass, or they cannot be kept.
    pub(super) fn step(
        mut self: Box<Self>,
        filter: &mut Filter,
        place: Place,
        run: &Run<'_>,
    ) -> Result<Step, Blocked> {
        if let State::Trying = self.state {
            while self.flush || !self.todo.is_empty() {
                if self.try_next(filter, place, run)? {
                    return Ok(Step::Goes(self));
                }
            }
            match self.decide(filter, run) {
                Some(entry) => self.state = State::Handing(entry),
                None => return Ok(self.done()),
            }
        }
        self.state = match self.state {
            State::Handing(entry) => match filter.keep(entry) {
                Ok(ticket) => State::Keeping(ticket),
                Err(entry) => State::Handing(entry),
            },
            state => state,
        };
        self.look(filter)
    }

    fn look(self: Box<Self>, filter: &Filter) -> Result<Step, Blocked> {
        let State::Keeping(ticket) = &self.state else {
            return Ok(Step::Goes(self));
        };
        match ticket.fate() {
            Fate::Pending => Ok(Step::Goes(self)),
            Fate::Kept => {
                let metrics = &filter.blueprint.metrics;
                metrics.records_quarantined.inc_by(self.kept_count.records);
                Ok(self.done())
            }
            Fate::Refused(cause) => {
                let why = self.failure.to_string();
                Err(blocked(filter, Failure::Quarantine { why, cause }))
            }
        }
    }

    /// Tries what comes next. Says whether the filter was called for it.
    fn try_next(
        &mut self,
        filter: &mut Filter,
        place: Place,
        run: &Run<'_>,
    ) -> Result<bool, Blocked> {
        let all = &self.input.columns;
        let carried = std::mem::take(&mut self.carried);
        let part = match (self.flush, self.todo.pop()) {
            (false, Some(part)) => part,
            (_, next) => {
                self.todo.extend(next);
                carried.end..carried.end
            }
        };
        let tried = match carried.is_empty() {
            true => part.clone(),
            false => carried.start..part.end,
        };
        let mut columns = Columns::default();
        columns.extend_from(all, tried.start, tried.end, 0);
        let most = filter.deadline(all).saturating_mul(DEADLINES_MAX);
        let flush = std::mem::take(&mut self.flush);
        if self.used.saturating_add(filter.deadline(&columns)) > most {
            self.out_of_time = true;
            self.poisonous(tried, filter, run)?;
            return Ok(false);
        }
        // In the middle of the batch, what one part holds stands in front of the next.
        let last = flush || (run.last && tried.end == all.len());
        let started = (filter.blueprint.cpu)();
        let called = filter.call(&mut columns, last, place, run);
        self.used += (filter.blueprint.cpu)().saturating_sub(started);
        match called {
            Ok(applied) if too_much(&columns, applied.hold) => {
                (self.carried, self.flush) = (tried, true);
            }
            Ok(applied) => self.passed(&tried, &columns, &applied),
            Err(failed) => {
                self.failure = failed.failure;
                if !failed.made {
                    // No instance can be made: whatever the records are, none will get through.
                    self.todo.clear();
                    let rest = tried.start..self.input.columns.len();
                    self.poisonous(rest, filter, run)?;
                } else if flush || (carried.is_empty() && part.len() == 1) {
                    self.poisonous(tried, filter, run)?;
                } else if part.len() == 1 {
                    // What was held is not to blame: it goes first, as the last of its event.
                    self.todo.push(part);
                    (self.carried, self.flush) = (carried, true);
                } else {
                    self.carried = carried;
                    self.split(&part);
                }
            }
        }
        Ok(true)
    }

    fn passed(&mut self, tried: &Range<usize>, columns: &Columns, applied: &Applied) {
        self.any_passed = true;
        let passes = self.totals.columns.get_or_insert_default();
        match &applied.columns {
            Some(changed) => passes.extend_from(changed, 0, changed.len(), 0),
            None => {
                let whole = columns.len() - applied.hold;
                passes.extend_from(columns, 0, whole, 0);
            }
        }
        match tried.end == self.input.columns.len() {
            true => self.totals.hold = applied.hold,
            false => self.carried = tried.end - applied.hold..tried.end,
        }
        self.totals.changed += applied.changed;
        self.totals.dropped += applied.dropped;
        self.totals.dropped_bytes += applied.dropped_bytes;
        self.totals.added += applied.added;
        self.totals.times_refused += applied.times_refused;
    }

    fn split(&mut self, part: &Range<usize>) {
        let step = part.len().div_ceil(PARTS);
        let starts = part.clone().step_by(step).rev();
        self.todo
            .extend(starts.map(|start| start..part.end.min(start + step)));
    }

    /// Applies the policy to records that do not get through.
    fn poisonous(
        &mut self,
        part: Range<usize>,
        filter: &mut Filter,
        run: &Run<'_>,
    ) -> Result<(), Blocked> {
        let records = part.len();
        let Batch {
            columns: all,
            receipt,
        } = &mut self.input;
        let bytes = all.start(part.end) - all.start(part.start);
        let count = Count::new(records as u64, bytes as u64);
        let passes = self.totals.columns.get_or_insert_default();
        let metrics = &filter.blueprint.metrics;
        match filter.on_error {
            OnError::Pass => {
                metrics.records_unfiltered.inc_by(records as u64);
                passes.extend_from(all, part.start, part.end, 0);
            }
            OnError::Drop => {
                metrics.records_dropped.inc_by(records as u64);
                receipt.count(Ending::Discarded, count);
            }
            OnError::Quarantine if filter.has_quarantine() => {
                self.kept.extend_from(all, part.start, part.end, 0);
                self.reasons.push(Reason::of(records, &self.failure));
                self.kept_count += count;
            }
            OnError::Quarantine | OnError::Block => {
                self.note_rest(filter, run, true);
                return Err(blocked(filter, self.first.clone()));
            }
        }
        Ok(())
    }

    fn note_rest(&self, filter: &mut Filter, run: &Run<'_>, failed: bool) {
        if matches!(self.failure, Failure::Rests { .. }) {
            return;
        }
        if !failed {
            return filter.rest.passed(run.container);
        }
        let rests = filter.rest.failed(run.now, run.container, &self.failure);
        if let Some(wait) = rests
            && filter.may_be_told(run.now)
        {
            tracing::error!(
                filter = filter.name(),
                container = run.container.label(),
                error = %self.failure,
                rests_for = ?wait,
                policy = ?filter.on_error,
                "filter fails time and again on a container, and rests for it; its policy applies meanwhile"
            );
        }
    }

    /// All records are tried. Gives what is to be kept, if anything.
    fn decide(&mut self, filter: &mut Filter, run: &Run<'_>) -> Option<Box<Entry>> {
        let records = self.input.columns.len();
        self.note_rest(filter, run, !self.any_passed || self.out_of_time);
        filter.count(&self.input.columns, &self.totals);
        if !matches!(self.failure, Failure::Rests { .. }) && filter.may_be_told(run.now) {
            tracing::warn!(
                filter = filter.name(),
                container = run.container.label(),
                records,
                quarantined = self.kept.len(),
                policy = ?filter.on_error,
                cpu = ?self.used,
                error = %self.failure,
                "what a filter failed on stands alone, and meets its policy"
            );
        }
        if self.kept.is_empty() {
            return None;
        }
        let entry = Box::new(Entry {
            filter: filter.name().to_owned(),
            module: filter.blueprint.module.hash.clone(),
            container: run.container.clone(),
            columns: std::mem::take(&mut self.kept),
            reasons: std::mem::take(&mut self.reasons),
        });
        self.notices = filter.notices_of(&entry);
        Some(entry)
    }

    fn done(self) -> Step {
        let Self {
            mut input,
            totals,
            kept_count,
            notices,
            ..
        } = self;
        let discarded = Count::new(totals.dropped, totals.dropped_bytes);
        input.receipt.count(Ending::Discarded, discarded);
        input.receipt.count(Ending::Quarantined, kept_count);
        let whole = input.columns.len() - totals.hold;
        let held = (totals.hold > 0).then(|| input.split_off(whole));
        if totals.joins() {
            input.receipt.bind();
        }
        input.replace(*totals.columns.unwrap_or_default());
        Step::Done {
            passes: input,
            held,
            notices,
        }
    }
}

fn blocked(filter: &Filter, failure: Failure) -> Blocked {
    Blocked {
        filter: filter.name().to_owned(),
        failure,
    }
}
