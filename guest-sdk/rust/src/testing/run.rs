//! A run of several batches through one filter, with a container around them.
//!
//! What a filter holds is shown again in front of the next batch, and at the end by itself in a
//! batch that is the last, as the agent does it.

use std::collections::BTreeMap;

use super::apply::apply;
use super::record::{Input, Output};
use crate::Columns;
use crate::Filter;
use crate::batch::text;
use crate::native::{empty, process, push, time, world};
use crate::report::Level;

/// The most that the agent holds for one container and filter.
const HELD_RECORDS_MAX: usize = 1_000;
const HELD_BYTES_MAX: usize = 1 << 20;

/// Records to be shown to a filter.
///
/// ```
/// # use logsieve_filter::{Filter, testing};
/// # struct Pass;
/// # impl Filter for Pass {}
/// let seen = testing::Run::new(Pass)
///     .origin("k8s.namespace.name", "payments")
///     .batch(["a", "b"])
///     .batch([testing::Input::new("c").time(7)])
///     .finish();
/// assert_eq!(seen.records, ["a", "b", "c"]);
/// assert_eq!(seen.records[2].time, 7);
/// ```
pub struct Run<F> {
    filter: F,
    facts: world::Facts,
    batches: Vec<Columns>,
    records: usize,
}

/// What came of a [`Run`].
#[derive(Debug)]
pub struct Seen {
    /// The records that would be forwarded, in order.
    pub records: Vec<Output>,
    /// How often the filter was called. What is held makes further calls.
    pub calls: usize,
    /// What the filter told the agent's log.
    pub log: Vec<(Level, String)>,
    /// The filter's counters.
    pub counters: BTreeMap<String, u64>,
}

impl<F: Filter> Run<F> {
    /// A run without records so far.
    pub fn new(filter: F) -> Self {
        Self {
            filter,
            facts: BTreeMap::new(),
            batches: Vec::new(),
            records: 0,
        }
    }

    /// Adds a fact about the container that wrote the records.
    pub fn origin(mut self, name: &str, value: &str) -> Self {
        self.facts.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Adds a batch. One without records is left out: the agent never shows one.
    pub fn batch<T: Into<Input>>(self, records: impl IntoIterator<Item = T>) -> Self {
        self.add(records, false)
    }

    /// Adds a batch from which nothing may be held, as when the container has gone quiet.
    pub fn last_batch<T: Into<Input>>(self, records: impl IntoIterator<Item = T>) -> Self {
        self.add(records, true)
    }

    fn add<T: Into<Input>>(mut self, records: impl IntoIterator<Item = T>, last: bool) -> Self {
        let mut columns = empty();
        columns.last = last;
        for record in records {
            let Input {
                text,
                time: given,
                stream,
            } = record.into();
            push(
                &mut columns,
                &text,
                given.unwrap_or_else(|| time(self.records)),
                stream,
            );
            self.records += 1;
        }
        self.batches
            .extend((!columns.ends.is_empty()).then_some(columns));
        self
    }

    /// Shows the batches to the filter.
    ///
    /// # Panics
    /// When the filter says that a batch cannot be judged, or its changes break a rule.
    #[track_caller]
    pub fn finish(self) -> Seen {
        match self.try_finish() {
            Ok(seen) => seen,
            Err(error) => panic!("batch cannot be judged: {error}"),
        }
    }

    /// Shows the batches to the filter.
    ///
    /// # Errors
    /// What the filter says when it cannot judge a batch, or which rule its changes break.
    pub fn try_finish(mut self) -> Result<Seen, String> {
        let facts = std::mem::take(&mut self.facts);
        let (result, told) = world::within(facts, || self.call_for_each_batch());
        let (records, calls) = result?;
        Ok(Seen {
            records,
            calls,
            log: told.log,
            counters: told.counters,
        })
    }

    fn call_for_each_batch(&mut self) -> Result<(Vec<Output>, usize), String> {
        let (mut records, mut calls) = (Vec::new(), 0);
        let mut held = empty();
        for batch in std::mem::take(&mut self.batches) {
            let too_many = held.ends.len() > HELD_RECORDS_MAX || held.text.len() > HELD_BYTES_MAX;
            let mut shown = std::mem::replace(&mut held, empty());
            copy(&batch, 0, &mut shown);
            shown.last = batch.last || too_many;
            held = self.call(&shown, &mut records)?;
            calls += 1;
        }
        if !held.ends.is_empty() {
            held.last = true;
            self.call(&held, &mut records)?;
            calls += 1;
        }
        Ok((records, calls))
    }

    /// One call; gives back what the filter holds.
    fn call(&mut self, shown: &Columns, records: &mut Vec<Output>) -> Result<Columns, String> {
        let outcome = process(&mut self.filter, shown)?;
        let held_from = shown.ends.len() - outcome.hold as usize;
        records.extend(apply(shown, outcome.edits, held_from));
        let mut held = empty();
        copy(shown, held_from, &mut held);
        Ok(held)
    }
}

fn copy(columns: &Columns, from: usize, into: &mut Columns) {
    for at in from..columns.ends.len() {
        push(
            into,
            text(columns, at),
            columns.times[at],
            crate::Stream::from_number(columns.streams[at]),
        );
    }
}
