//! Fills requests: records of a batch, escaped, into the open body of their stream.
//!
//! Many containers may share one stream; a body is closed when it is full, or when it has waited
//! `flush_after` (three times that, while a stream goes on with little) and its stream is free: while one
//! is on its way, the next one fills, so a slow service gets fewer and larger requests. Full ones go
//! at once, several at a time, as `order` allows: they leave their last millisecond to the next one.
//!
//! Times may jump by more than a request spans (a backlog of one container beside the present of
//! another): so a stream may have several open bodies, each with its day, oldest first. A record
//! goes to the first that takes its time; so those of one millisecond never go past each other.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::super::{Delivery, GroupShare, Names, Request};
use super::body::{Framer, Open, To};
use super::limits;
use super::message::{Messages, Record};
use super::order::Flights;
use super::pieces::Pool;
use crate::clock::Now;
use crate::record::Share;
use crate::telemetry::metrics::SinkMetrics;

/// Open bodies of one stream, each of another day.
const OPEN_MAX: usize = 4;
/// A stream that goes on with less than this in a body waits this many times longer for more. A request
/// costs the agent as much as 50 kB of records, and an account has 5,000 a second for all its nodes.
const LITTLE_BYTES: usize = 64 * 1024;
const LITTLE_WAITS: u32 = 3;
/// A stream counts as going on until nothing came for this many times `flush_after`: files that grow by
/// little are looked at once a second, so what comes next comes about that long after the last was sent.
const PAUSE: u32 = 2;
/// What comes so close to being due is taken along: a lane would have to wake again for it.
const EARLY: Duration = Duration::from_millis(20);

/// The open requests of one destination in one lane.
pub struct Pack {
    flush_after: Duration,
    streams: Streams,
    messages: Messages,
    framer: Framer,
    metrics: SinkMetrics,
}

impl Pack {
    #[must_use]
    pub fn new(config: &super::Config, share_of: GroupShare, metrics: SinkMetrics) -> Self {
        Self {
            flush_after: config.flush_after,
            streams: Streams {
                share_of,
                shares: HashMap::new(),
                by_name: HashMap::new(),
                pool: Pool::default(),
            },
            messages: Messages::new(config.format()),
            framer: Framer::default(),
            metrics,
        }
    }

    #[must_use]
    pub fn has_room(&mut self, names: &Names, bytes: usize) -> bool {
        self.streams.share(&names.group).has_room(bytes)
    }

    pub fn append(&mut self, delivery: &Delivery<'_>, now: Now, out: &mut Vec<Request>) {
        let columns = delivery.columns;
        let whole = simdutf8::basic::from_utf8(&columns.text).ok();
        let envelope = self.messages.envelope(delivery.slot, delivery.container);
        let (names, mut stream) = self.streams.take(delivery.names);
        let before = out.len();
        // Counters are atomic, and move once a batch.
        let mut message_bytes = 0;
        for at in (0..columns.len()).filter(|at| (delivery.which)(*at)) {
            let (from, to) = (columns.start(at), columns.ends[at] as usize);
            // A character may be cut by a record's end though the batch as a whole is valid.
            let text = match whole.and_then(|t| t.get(from..to)) {
                Some(text) => Cow::Borrowed(text),
                None => lossy(&columns.text[from..to], &self.metrics),
            };
            let record = Record {
                text: &text,
                nanos: columns.times[at],
                stream: columns.streams[at],
                form: columns.forms[at],
                envelope: envelope.as_deref(),
            };
            let time_ms = millis(record.nanos);
            let mut split = record.split();
            let whole = split.is_whole();
            while let Some(text) = split.next_part() {
                let part = Record {
                    text: &text,
                    ..record
                };
                let size = self.messages.prepare(&part, whole);
                let room = self.messages.room(&part);
                let open = stream.open_for(time_ms, size, delivery, now, out);
                let write = |out: &mut Vec<u8>| self.messages.write(&part, out);
                open.body.push(time_ms, size, room, &mut self.framer, write);
                open.carry(at);
                message_bytes += size as u64;
            }
            if split.parts > 1 {
                self.metrics.split_records.inc();
            }
        }
        self.metrics.message_bytes.inc_by(message_bytes);
        stream.owe(delivery);
        self.streams.by_name.insert(names, stream);
        count(&self.metrics, &out[before..]);
    }

    pub fn flush(&mut self, now: Now, all: bool, out: &mut Vec<Request>) {
        let before = out.len();
        let flush_after = self.flush_after;
        let soon = now.mono + EARLY.min(flush_after);
        let due = |stream: &Stream| stream.due(flush_after).is_some_and(|due| due <= soon);
        let streams = self.streams.by_name.iter_mut();
        let mut closing: Vec<_> = streams.filter(|(_, s)| all || due(s)).collect();
        // A map's own order is another in every run, and a simulation repeats runs.
        closing.sort_unstable_by_key(|(names, _)| *names);
        for (_, stream) in closing {
            stream.close_all(now, out);
        }
        let since = now.mono.saturating_sub(flush_after * PAUSE);
        let used = |stream: &Stream| stream.is_used() || stream.goes_on_from(since);
        self.streams.by_name.retain(|_, stream| used(stream));
        self.streams.forget_shares();
        if self.streams.by_name.is_empty() {
            self.streams.pool.shed();
        }
        count(&self.metrics, &out[before..]);
    }

    /// When the next body is due. Those whose stream is busy are due when it is free, and what
    /// settles then wakes the lane.
    #[must_use]
    pub fn next_flush(&self) -> Option<Duration> {
        let streams = self.streams.by_name.values();
        streams.filter_map(|s| s.due(self.flush_after)).min()
    }

    pub fn forget(&mut self, slot: u32) {
        self.messages.forget(slot);
    }
}

fn millis(nanos: u64) -> i64 {
    i64::try_from(nanos / 1_000_000).unwrap_or(i64::MAX)
}

#[cold]
fn lossy<'a>(text: &'a [u8], metrics: &SinkMetrics) -> Cow<'a, str> {
    let text = String::from_utf8_lossy(text);
    if matches!(text, Cow::Owned(_)) {
        metrics.not_utf8_records.inc();
    }
    text
}

fn count(metrics: &SinkMetrics, requests: &[Request]) {
    let records = requests.iter().map(|request| match request {
        Request::Cloudwatch(request) => request.body.len(),
        Request::Stdout(_) => 0,
    });
    metrics.records.inc_by(records.sum::<usize>() as u64);
}

/// The streams that have something open or on its way.
struct Streams {
    share_of: GroupShare,
    shares: HashMap<String, Arc<Share>>,
    by_name: HashMap<Names, Stream>,
    pool: Pool,
}

impl Streams {
    fn share(&mut self, group: &str) -> &Arc<Share> {
        if !self.shares.contains_key(group) {
            let share = (self.share_of)(group);
            self.shares.insert(group.to_owned(), share);
        }
        &self.shares[group]
    }

    /// Forgets shares of groups that nothing is open for or on its way to: facts in names make many.
    fn forget_shares(&mut self) {
        // Each stream has one, so there are more only where some are of no use.
        if self.shares.len() > self.by_name.len() {
            let used: HashSet<&String> = self.by_name.keys().map(|names| &names.group).collect();
            self.shares.retain(|group, _| used.contains(group));
        }
    }

    /// Takes a stream out, to be put back under its key.
    fn take(&mut self, names: &Names) -> (Names, Stream) {
        if let Some(found) = self.by_name.remove_entry(names) {
            return found;
        }
        let stream = Stream {
            group: limits::group_name(&names.group).into(),
            name: limits::stream_name(&names.stream).into(),
            entity: names.entity.clone(),
            share: self.share(&names.group).clone(),
            pool: self.pool.clone(),
            open: Vec::new(),
            left: None,
            flights: Flights::default(),
        };
        (names.clone(), stream)
    }
}

/// One stream: what is open, oldest first, and what is on its way.
struct Stream {
    group: Arc<str>,
    name: Arc<str>,
    entity: Option<Arc<str>>,
    share: Arc<Share>,
    pool: Pool,
    open: Vec<Waiting>,
    /// When the last body was closed.
    left: Option<Duration>,
    flights: Flights,
}

struct Waiting {
    since: Duration,
    body: Open,
    /// The first and the last record of the delivery at hand that have events here.
    records: Option<(usize, usize)>,
}

impl Waiting {
    #[inline]
    fn carry(&mut self, at: usize) {
        let first = self.records.map_or(at, |(first, _)| first);
        self.records = Some((first, at));
    }

    /// Leaves its last millisecond to the body that takes its place.
    fn hand_over(&mut self, time_ms: i64, next: &mut Self, delivery: &Delivery<'_>) {
        if !self.body.hand_over(time_ms, &mut next.body) {
            return;
        }
        let Some((first, last)) = self.records else {
            return;
        };
        let is_of_it = |at: &usize| millis(delivery.columns.times[*at]) == time_ms;
        let own = (first..=last).rev().filter(|at| (delivery.which)(*at));
        let moved = own.take_while(is_of_it).last().unwrap_or(last);
        next.records = Some((moved, last));
        self.records = (moved > first).then(|| (first, moved - 1));
    }

    /// Owes the delivery's receipt for its records that are here.
    fn owe(&mut self, delivery: &Delivery<'_>) {
        if let Some((first, last)) = self.records.take() {
            let source = delivery.columns.source(first..=last);
            self.body.owe(delivery.slot, delivery.parts, source);
        }
    }
}

impl Stream {
    /// The body that takes an event of this time and size; closes one that is full.
    #[inline]
    fn open_for(
        &mut self,
        time_ms: i64,
        message_bytes: usize,
        delivery: &Delivery<'_>,
        now: Now,
        out: &mut Vec<Request>,
    ) -> &mut Waiting {
        let found = self.open.iter().position(|w| w.body.spans_to(time_ms));
        let at = match found {
            Some(at) if self.open[at].body.fits(message_bytes) => at,
            found => self.open_new(found, time_ms, delivery, now, out),
        };
        &mut self.open[at]
    }

    /// Opens another body: in the place of one that is full, or beside those of other days.
    #[cold]
    fn open_new(
        &mut self,
        full: Option<usize>,
        time_ms: i64,
        delivery: &Delivery<'_>,
        now: Now,
        out: &mut Vec<Request>,
    ) -> usize {
        let mut next = Waiting {
            since: now.mono,
            body: Open::new(&self.share, self.pool.clone()),
            records: None,
        };
        let leaves = full.or((self.open.len() >= OPEN_MAX).then_some(0));
        if let Some(at) = leaves {
            let mut leaving = self.open.remove(at);
            // Beside bodies of other days, a later record of this millisecond might find another
            // place than these.
            if full.is_some() && self.open.is_empty() {
                leaving.hand_over(time_ms, &mut next, delivery);
            }
            leaving.owe(delivery);
            self.close(leaving.body, now, out);
        }
        self.open.push(next);
        self.open.len() - 1
    }

    /// Owes the delivery's receipt wherever its records went.
    fn owe(&mut self, delivery: &Delivery<'_>) {
        for waiting in &mut self.open {
            waiting.owe(delivery);
        }
    }

    fn close(&mut self, body: Open, now: Now, out: &mut Vec<Request>) {
        self.left = Some(now.mono);
        let departure = self.flights.depart(body.spans().clone());
        let to = To {
            group: self.group.clone(),
            stream: self.name.clone(),
            entity: self.entity.clone(),
        };
        out.push(Request::Cloudwatch(Box::new(body.seal(to, departure))));
    }

    fn close_all(&mut self, now: Now, out: &mut Vec<Request>) {
        for waiting in std::mem::take(&mut self.open) {
            self.close(waiting.body, now, out);
        }
    }

    /// When what is open has waited long enough; none while the stream is busy.
    fn due(&self, flush_after: Duration) -> Option<Duration> {
        let oldest = self.open.iter().map(|w| w.since).min()?;
        let goes_on = self.goes_on_from(oldest.saturating_sub(flush_after * PAUSE));
        let has: usize = self.open.iter().map(|w| w.body.counted()).sum();
        let waits = match goes_on && has < LITTLE_BYTES && !self.share.is_tight() {
            true => flush_after * LITTLE_WAITS,
            false => flush_after,
        };
        (!self.flights.is_busy()).then(|| oldest + waits)
    }

    /// Whether a body was closed at that time or later.
    fn goes_on_from(&self, since: Duration) -> bool {
        self.left.is_some_and(|left| left >= since)
    }

    fn is_used(&self) -> bool {
        !self.open.is_empty() || self.flights.is_busy()
    }
}

#[cfg(test)]
mod tests;
