//! Fills requests: records of a batch, escaped, into the open body of their stream.
//!
//! Many containers may share one stream; a body is closed when it is full, when an event would not
//! fit its span of time, or when it has waited `flush_after` and its stream is free: while a request
//! is on its way, the next one fills, so a slow service gets fewer and larger requests.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::super::{Delivery, GroupShare, Names, Request};
use super::body::{Flight, Open, Pool};
use super::limits;
use super::message::{Messages, Record};
use crate::clock::Now;
use crate::record::Share;
use crate::telemetry::metrics::SinkMetrics;

/// The open requests of one destination in one lane.
pub struct Pack {
    flush_after: Duration,
    share_of: GroupShare,
    shares: HashMap<String, Arc<Share>>,
    streams: HashMap<Names, Waiting>,
    /// Streams that have requests on their way.
    flights: HashMap<Names, Flight>,
    pool: Pool,
    messages: Messages,
    metrics: SinkMetrics,
}

struct Waiting {
    since: Duration,
    open: Open,
}

impl Pack {
    #[must_use]
    pub fn new(config: &super::Config, share_of: GroupShare, metrics: SinkMetrics) -> Self {
        Self {
            flush_after: config.flush_after,
            share_of,
            shares: HashMap::new(),
            streams: HashMap::new(),
            flights: HashMap::new(),
            pool: Pool::default(),
            messages: Messages::new(config.format()),
            metrics,
        }
    }

    fn share(&mut self, group: &str) -> &Arc<Share> {
        if !self.shares.contains_key(group) {
            let share = (self.share_of)(group);
            self.shares.insert(group.to_owned(), share);
        }
        &self.shares[group]
    }

    #[must_use]
    pub fn has_room(&mut self, names: &Names, bytes: usize) -> bool {
        self.share(&names.group).has_room(bytes)
    }

    pub fn append(&mut self, delivery: &Delivery<'_>, now: Now, out: &mut Vec<Request>) {
        let columns = delivery.columns;
        let whole = simdutf8::basic::from_utf8(&columns.text).ok();
        let envelope = self.messages.envelope(delivery.slot, delivery.container);
        let mut waiting = self.take_open(delivery.names, now);
        // Counters are atomic, and move once a batch.
        let mut message_bytes = 0;
        for at in (0..columns.len()).filter(|at| (delivery.which)(*at)) {
            let (from, to) = (columns.start(at), columns.ends[at] as usize);
            // A character may be cut by a record's end though the batch as a whole is valid.
            let text = match whole.and_then(|t| t.get(from..to)) {
                Some(text) => Cow::Borrowed(text),
                None => self.lossy(&columns.text[from..to]),
            };
            let record = Record {
                text: &text,
                nanos: columns.times[at],
                stream: columns.streams[at],
                form: columns.forms[at],
                envelope: envelope.as_deref(),
            };
            let mut split = record.split();
            let whole = split.is_whole();
            while let Some(text) = split.next_part() {
                let part = Record {
                    text: &text,
                    ..record
                };
                let size = self.messages.prepare(&part, whole);
                let time_ms = i64::try_from(record.nanos / 1_000_000).unwrap_or(i64::MAX);
                if !waiting.open.fits(time_ms, size) {
                    let full = std::mem::replace(&mut waiting, self.fresh(delivery.names, now));
                    self.close(full, delivery, out);
                }
                let messages = &mut self.messages;
                waiting
                    .open
                    .push(time_ms, size, |out| messages.write(&part, out));
                message_bytes += size as u64;
            }
            if split.parts > 1 {
                self.metrics.split_records.inc();
            }
        }
        self.metrics.message_bytes.inc_by(message_bytes);
        waiting.open.make_room();
        waiting.open.owe(delivery.parts);
        self.streams.insert(delivery.names.clone(), waiting);
    }

    #[cold]
    fn lossy<'a>(&self, text: &'a [u8]) -> Cow<'a, str> {
        let text = String::from_utf8_lossy(text);
        if matches!(text, Cow::Owned(_)) {
            self.metrics.not_utf8_records.inc();
        }
        text
    }

    fn take_open(&mut self, names: &Names, now: Now) -> Waiting {
        match self.streams.remove(names) {
            Some(waiting) => waiting,
            None => self.fresh(names, now),
        }
    }

    fn fresh(&mut self, names: &Names, now: Now) -> Waiting {
        let pool = self.pool.clone();
        let share = self.share(&names.group).clone();
        Waiting {
            since: now.mono,
            open: Open::new(
                limits::group_name(&names.group).into(),
                limits::stream_name(&names.stream).into(),
                &share,
                pool,
            ),
        }
    }

    /// Sends a body that carries records of this delivery.
    fn close(&mut self, mut full: Waiting, delivery: &Delivery<'_>, out: &mut Vec<Request>) {
        if full.open.is_empty() {
            return;
        }
        full.open.owe(delivery.parts);
        self.seal(delivery.names, full, out);
    }

    fn seal(&mut self, names: &Names, full: Waiting, out: &mut Vec<Request>) {
        let flight = self.flights.entry(names.clone()).or_default().clone();
        let request = full.open.seal(flight);
        self.metrics.records.inc_by(request.events.len() as u64);
        out.push(Request::Cloudwatch(Box::new(request)));
    }

    pub fn flush(&mut self, now: Now, all: bool, out: &mut Vec<Request>) {
        self.flights
            .retain(|_, flight| Arc::strong_count(flight) > 1);
        let due = |(names, waiting): &(&Names, &Waiting)| {
            let old = now.mono.saturating_sub(waiting.since) >= self.flush_after;
            all || (old && !self.flights.contains_key(*names))
        };
        let due = self.streams.iter().filter(due);
        let mut names: Vec<_> = due.map(|(names, _)| names.clone()).collect();
        // A map's own order is another in every run, and a simulation repeats runs.
        names.sort_unstable();
        for names in names {
            if let Some(waiting) = self.streams.remove(&names)
                && !waiting.open.is_empty()
            {
                self.seal(&names, waiting, out);
            }
        }
    }

    /// When the next body is due. Those whose stream is busy are due when it is free, and what
    /// settles then wakes the lane.
    #[must_use]
    pub fn next_flush(&self) -> Option<Duration> {
        let free = |(names, _): &(&Names, &Waiting)| !self.flights.contains_key(*names);
        let oldest = self
            .streams
            .iter()
            .filter(free)
            .map(|(_, w)| w.since)
            .min()?;
        Some(oldest + self.flush_after)
    }

    pub fn forget(&mut self, slot: u32) {
        self.messages.forget(slot);
    }
}

#[cfg(test)]
mod tests;
