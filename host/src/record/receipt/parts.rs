//! A receipt that several requests answer for.
//!
//! Each request takes a [`Part`], and says from which of the receipt's source bytes its records come.
//! Bytes settle when all parts that have any of them are settled: so of a batch that lies in two
//! requests, what the one brought is settled by its own answer, whatever becomes of the other.
//!
//! Parts that share bytes, as those of two destinations do, settle together; and so do all parts of a
//! receipt that is bound, since a filter may have moved text from a record to its neighbour.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Ending, Receipt};
use crate::record::Count;

/// How a part ended.
#[derive(Debug, Clone, Copy)]
enum Outcome {
    Settled { delivered: Count, rejected: Count },
    Dropped,
}

/// A part that was given.
struct Given {
    /// Source bytes, as the receipt counts them over its ranges.
    bytes: Range<u32>,
    section: usize,
    /// It ended before all were given.
    ended: Option<Outcome>,
}

/// Source bytes that settle together.
struct Section {
    bytes: Range<u32>,
    receipt: Option<Receipt>,
    /// Parts that have not ended.
    waiting: usize,
    broken: bool,
    delivered: Count,
    rejected: Count,
}

impl Section {
    fn new(bytes: Range<u32>) -> Self {
        Self {
            bytes,
            receipt: None,
            waiting: 0,
            broken: false,
            delivered: Count::default(),
            rejected: Count::default(),
        }
    }

    fn take(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Settled {
                delivered,
                rejected,
            } => {
                self.delivered += delivered;
                self.rejected += rejected;
            }
            Outcome::Dropped => self.broken = true,
        }
    }

    /// What has come to its end, if all its parts have.
    fn done(&mut self) -> Option<Done> {
        if self.waiting > 0 {
            return None;
        }
        let mut receipt = self.receipt.take()?;
        receipt.count(Ending::Delivered, self.delivered);
        receipt.count(Ending::Rejected, self.rejected);
        Some(Done {
            receipt,
            settles: !self.broken,
        })
    }
}

struct Done {
    receipt: Receipt,
    settles: bool,
}

impl Done {
    fn tell(self) {
        if self.settles {
            self.receipt.settle();
        }
        // Dropped unsettled: abandoned.
    }
}

struct State {
    /// Until all parts are given.
    receipt: Option<Receipt>,
    given: Vec<Given>,
    sections: Vec<Section>,
}

impl State {
    /// All parts are given: finds what settles together. Gives what has ended already.
    fn divide(&mut self, receipt: Receipt, closed: bool) -> Vec<Done> {
        let together = receipt.bound || !closed;
        let mut order: Vec<usize> = (0..self.given.len()).collect();
        order.sort_unstable_by_key(|at| self.given[*at].bytes.start);
        for at in order {
            let given = &mut self.given[at];
            let bytes = given.bytes.clone();
            let shares = |last: &&mut Section| {
                together || bytes.start < last.bytes.end || bytes.start == last.bytes.start
            };
            match self.sections.last_mut().filter(shares) {
                Some(last) => last.bytes.end = last.bytes.end.max(bytes.end),
                None => self.sections.push(Section::new(bytes)),
            }
            given.section = self.sections.len() - 1;
            let section = &mut self.sections[given.section];
            match given.ended {
                Some(outcome) => section.take(outcome),
                None => section.waiting += 1,
            }
        }
        if self.sections.is_empty() {
            // No request carries any of it.
            self.sections.push(Section::new(0..0));
        }
        self.hand_out(receipt);
        let sections = self.sections.iter_mut();
        sections
            .filter_map(|section| {
                section.broken |= !closed;
                section.done()
            })
            .collect()
    }

    /// Gives each section what it answers for; the last one also what follows its records.
    fn hand_out(&mut self, mut receipt: Receipt) {
        let mut from = 0;
        let last = self.sections.len() - 1;
        for section in &mut self.sections[..last] {
            let rest = receipt.split_off(u64::from(section.bytes.end - from));
            from = section.bytes.end;
            section.receipt = Some(std::mem::replace(&mut receipt, rest));
        }
        self.sections[last].receipt = Some(receipt);
    }

    fn ended(&mut self, part: usize, outcome: Outcome) -> Option<Done> {
        let given = &mut self.given[part];
        if self.receipt.is_some() {
            given.ended = Some(outcome);
            return None;
        }
        let section = &mut self.sections[given.section];
        section.take(outcome);
        section.waiting -= 1;
        section.done()
    }
}

/// Locked once for each part, never for a record.
struct Shared(Mutex<State>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A receipt being handed out. `close` it when every request that carries records has its part;
/// dropped unclosed, the ranges are abandoned.
pub struct Parts(Arc<Shared>);

impl Parts {
    pub(super) fn of(receipt: Receipt) -> Self {
        Self(Arc::new(Shared(Mutex::new(State {
            receipt: Some(receipt),
            given: Vec::new(),
            sections: Vec::new(),
        }))))
    }

    /// A part for one more request: the records that it carries, and the receipt's source bytes that they
    /// are from.
    #[must_use]
    pub fn part(&self, carries: Count, bytes: Range<u32>) -> Part {
        let mut state = self.0.lock();
        state.given.push(Given {
            bytes,
            section: 0,
            ended: None,
        });
        Part {
            shared: self.0.clone(),
            number: state.given.len() - 1,
            carries,
            rejected: Count::default(),
            settled: false,
        }
    }

    /// All parts are given: when those that share bytes are settled, so are these.
    pub fn close(self) {
        self.end(true);
    }

    fn end(&self, closed: bool) {
        let mut state = self.0.lock();
        let Some(receipt) = state.receipt.take() else {
            return;
        };
        let done = state.divide(receipt, closed);
        drop(state);
        done.into_iter().for_each(Done::tell);
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        self.end(false);
    }
}

/// One request's part of a receipt: settle it, or drop it to abandon what it answers for.
pub struct Part {
    shared: Arc<Shared>,
    number: usize,
    carries: Count,
    rejected: Count,
    settled: bool,
}

impl std::fmt::Debug for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Part")
            .field("carries", &self.carries)
            .finish_non_exhaustive()
    }
}

impl Part {
    /// The records that this part of the request carries.
    #[must_use]
    pub fn carries(&self) -> Count {
        self.carries
    }

    /// The service refused these records for good; `settle` the part all the same.
    pub fn reject(&mut self, count: Count) {
        self.rejected += count;
    }

    /// What is not rejected is delivered.
    pub fn settle(mut self) {
        self.settled = true;
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let (carries, rejected) = (self.carries, self.rejected);
        let outcome = match self.settled {
            true => Outcome::Settled {
                delivered: Count::new(
                    carries.records.saturating_sub(rejected.records),
                    carries.bytes.saturating_sub(rejected.bytes),
                ),
                rejected,
            },
            false => Outcome::Dropped,
        };
        let done = self.shared.lock().ended(self.number, outcome);
        if let Some(done) = done {
            done.tell();
        }
    }
}

#[cfg(test)]
mod tests;
