//! Fills requests: records of a batch, escaped, into the open body of their stream.
//!
//! Many containers may share one stream; a body is closed when it is full, when an event would not
//! fit its span of time, or when it has waited `flush_after` and its stream is free: while a request
//! is on its way, the next one fills, so a slow service gets fewer and larger requests.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::super::{Delivery, Format, GroupShare, Names, Request};
use super::body::{Flight, Open, Pool};
use super::envelope::{END, Envelope, MIDDLE, TIME_LEN, TimeText};
use super::escape::{escape, escaped_len};
use super::limits::{self, MESSAGE_BYTES_MAX};
use crate::clock::Now;
use crate::record::{Container, Share, Stream};
use crate::telemetry::metrics::SinkMetrics;

/// What a marker at the end of a part may take, bytes.
const MARKER_BYTES_MAX: usize = 64;

/// The open requests of one destination in one lane.
pub struct Pack {
    flush_after: Duration,
    share_of: GroupShare,
    shares: HashMap<String, Arc<Share>>,
    streams: HashMap<Names, Waiting>,
    /// Streams that have requests on their way.
    flights: HashMap<Names, Flight>,
    pool: Pool,
    writer: Writer,
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
            writer: Writer {
                format: config.format,
                envelopes: HashMap::new(),
                times: TimeText::default(),
                escaped: Vec::new(),
                metrics,
                message_bytes: 0,
            },
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
        let envelope = self.writer.envelope(delivery.slot, delivery.container);
        let mut waiting = self.take_open(delivery.names, now);
        for at in (0..columns.len()).filter(|at| (delivery.which)(*at)) {
            let (from, to) = (columns.start(at), columns.ends[at] as usize);
            // A character may be cut by a record's end though the batch as a whole is valid.
            let text = match whole.and_then(|t| t.get(from..to)) {
                Some(text) => Cow::Borrowed(text),
                None => self.writer.lossy(&columns.text[from..to]),
            };
            let record = Record {
                text: &text,
                nanos: columns.times[at],
                stream: columns.streams[at],
                envelope: envelope.as_deref(),
            };
            let most = self.writer.text_bytes_max(&record);
            let mut split = Split::new(&text, most, self.writer.format);
            while let Some(text) = split.next_part() {
                let part = Record {
                    text: &text,
                    ..record
                };
                let size = self.writer.prepare(&part);
                let time_ms = i64::try_from(record.nanos / 1_000_000).unwrap_or(i64::MAX);
                if !waiting.open.fits(time_ms, size) {
                    let full = std::mem::replace(&mut waiting, self.fresh(delivery.names, now));
                    self.close(full, delivery, out);
                }
                self.writer.write(&mut waiting.open, &part, time_ms, size);
            }
            if split.parts > 1 {
                self.writer.metrics.split_records.inc();
            }
        }
        let bytes = std::mem::take(&mut self.writer.message_bytes);
        self.writer.metrics.message_bytes.inc_by(bytes);
        waiting.open.make_room();
        waiting.open.owe(delivery.parts);
        self.streams.insert(delivery.names.clone(), waiting);
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
        self.writer
            .metrics
            .records
            .inc_by(request.events.len() as u64);
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
        let names: Vec<_> = due.map(|(names, _)| names.clone()).collect();
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
        self.writer.envelopes.remove(&slot);
    }
}

/// One record as its message is written.
#[derive(Clone, Copy)]
struct Record<'a> {
    text: &'a str,
    nanos: u64,
    stream: Stream,
    envelope: Option<&'a Cached>,
}

/// A container's envelope, its starts escaped once more: as they stand in a body.
struct Cached {
    container: Arc<Container>,
    plain: Envelope,
    escaped: [Vec<u8>; 2],
}

/// Writes messages in the destination's format.
struct Writer {
    format: Format,
    envelopes: HashMap<u32, Arc<Cached>>,
    times: TimeText,
    /// The record's text, escaped once.
    escaped: Vec<u8>,
    metrics: SinkMetrics,
    /// Not counted yet: counters are atomic, and move once a batch.
    message_bytes: u64,
}

impl Writer {
    fn envelope(&mut self, slot: u32, container: &Arc<Container>) -> Option<Arc<Cached>> {
        if self.format == Format::Text {
            return None;
        }
        if let Some(cached) = self.envelopes.get(&slot)
            && Arc::ptr_eq(&cached.container, container)
        {
            return Some(cached.clone());
        }
        let plain = Envelope::new(container);
        let escaped = [Stream::Stdout, Stream::Stderr].map(|stream| {
            let mut text = Vec::new();
            escape(plain.head(stream), &mut text);
            text
        });
        let cached = Arc::new(Cached {
            container: container.clone(),
            plain,
            escaped,
        });
        self.envelopes.insert(slot, cached.clone());
        Some(cached)
    }

    #[cold]
    fn lossy<'a>(&self, text: &'a [u8]) -> Cow<'a, str> {
        let text = String::from_utf8_lossy(text);
        if matches!(text, Cow::Owned(_)) {
            self.metrics.not_utf8_records.inc();
        }
        text
    }

    /// What a record's own text may take in one message.
    fn text_bytes_max(&self, record: &Record<'_>) -> usize {
        let envelope = record.envelope.map_or(0, |e| {
            e.plain.head(record.stream).len() + TIME_LEN + MIDDLE.len() + END.len()
        });
        MESSAGE_BYTES_MAX.saturating_sub(envelope + MARKER_BYTES_MAX)
    }

    /// Readies the text; says how many bytes of UTF-8 the message has.
    #[inline]
    fn prepare(&mut self, record: &Record<'_>) -> usize {
        let Some(envelope) = record.envelope else {
            return record.text.len().max(1);
        };
        self.escaped.clear();
        escape(record.text, &mut self.escaped);
        envelope.plain.head(record.stream).len()
            + TIME_LEN
            + MIDDLE.len()
            + self.escaped.len()
            + END.len()
    }

    #[inline]
    fn write(&mut self, open: &mut Open, record: &Record<'_>, time_ms: i64, size: usize) {
        self.message_bytes += size as u64;
        let Some(envelope) = record.envelope else {
            // The service takes no empty message: an empty line is sent as one blank.
            let text = if record.text.is_empty() {
                " "
            } else {
                record.text
            };
            open.push(time_ms, size, |out| escape(text, out));
            return;
        };
        let (times, escaped) = (&mut self.times, &self.escaped);
        open.push(time_ms, size, |out| {
            out.extend_from_slice(&envelope.escaped[record.stream as usize]);
            times.write(record.nanos, out);
            out.extend_from_slice(b"\\\",\\\"log\\\":\\\"");
            if escaped.len() == record.text.len() {
                out.extend_from_slice(escaped);
            } else if let Ok(once) = std::str::from_utf8(escaped) {
                escape(once, out);
            }
            out.extend_from_slice(b"\\\"}");
        });
    }
}

/// A text in parts that each fit a message; nearly always one, and then no copy.
struct Split<'a> {
    rest: Option<&'a str>,
    most: usize,
    format: Format,
    total: usize,
    parts: usize,
}

impl<'a> Split<'a> {
    fn new(text: &'a str, most: usize, format: Format) -> Self {
        let mut split = Self {
            rest: Some(text),
            most,
            format,
            total: 1,
            parts: 0,
        };
        // Escapes make six bytes of one at most.
        if text.len() * 6 > most {
            split.total = split.count(text);
        }
        split
    }

    fn count(&self, mut text: &str) -> usize {
        let mut parts = 1;
        while self.cut(text) < text.len() {
            text = &text[self.cut(text)..];
            parts += 1;
        }
        parts
    }

    /// How much of `text` fits one message.
    fn cut(&self, text: &str) -> usize {
        let mut size = 0;
        for (at, c) in text.char_indices() {
            size += match self.format {
                Format::Json => escaped_len(c),
                Format::Text => c.len_utf8(),
            };
            if size > self.most {
                return at;
            }
        }
        text.len()
    }

    fn next_part(&mut self) -> Option<Cow<'a, str>> {
        let text = self.rest.take()?;
        self.parts += 1;
        if self.total == 1 {
            return Some(Cow::Borrowed(text));
        }
        let cut = self.cut(text);
        if cut < text.len() {
            self.rest = Some(&text[cut..]);
        }
        let mark = format!(
            "{} [logsieve: part {}/{}]",
            &text[..cut],
            self.parts,
            self.total
        );
        Some(Cow::Owned(mark))
    }
}

#[cfg(test)]
mod tests;
