//! The events of one PutLogEvents request, from the first record to the bytes that are signed.
//!
//! An event is escaped once, in its final form, into pooled pieces, with an index entry beside it; the
//! pieces are hashed and sent as they are. Only where times fell are events put in order before: a
//! stable sort, so that records of one millisecond stay in file order, as the service itself keeps
//! them. What the service says about events by number is found again by the
//! index: whose they were, and how much.

use std::iter;
use std::mem;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::limits::{EVENT_OVERHEAD_BYTES, REQUEST_BYTES_MAX, REQUEST_EVENTS_MAX, REQUEST_SPAN_MS};
use super::order::{Departure, Spans};
use super::pieces::{Pieces, Pool, Sealed};
pub use super::to::To;
use crate::record::receipt::{Part, Parts};
use crate::record::{Count, Permit, Share};

/// One event of a request; 16 bytes, as there are up to 10,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    /// Milliseconds after the first event that was packed: less than a day, either way.
    after_ms: i32,
    /// Bytes in the body, with the comma behind it.
    bytes: u32,
    /// Bytes of its message in UTF-8.
    message_bytes: u32,
    /// Which of the request's parts it belongs to.
    part: u32,
}

/// Events that an open body has room for at first.
const ENTRIES_FIRST: usize = 64;

/// A request on its way, with what is owed for it.
#[derive(Debug)]
pub struct Request {
    pub to: To,
    pub body: Body,
    pub parts: Vec<Part>,
    pub permit: Permit,
    /// What it waits for, and what waits for it.
    pub departure: Departure,
}

/// A request as it is signed: `{"logGroupName":..,"logStreamName":..,"logEvents":[..]}`.
#[derive(Debug)]
pub struct Body {
    /// Up to the first event.
    head: Bytes,
    events: Sealed,
    entries: Vec<Entry>,
}

/// Ends list and object.
const END: Bytes = Bytes::from_static(b"]}");

impl Body {
    /// Its bytes, in pieces.
    pub fn pieces(&self) -> impl Iterator<Item = Bytes> {
        let events = self.events.iter().cloned();
        iter::once(self.head.clone()).chain(events).chain([END])
    }

    /// Its bytes as one run, for whoever reads it.
    #[must_use]
    pub fn json(&self) -> Vec<u8> {
        self.pieces().collect::<Vec<_>>().concat()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes as the service counts, and bills, them.
    #[must_use]
    pub fn counted(&self) -> usize {
        let counted = |e: &Entry| e.message_bytes as usize + EVENT_OVERHEAD_BYTES;
        self.entries.iter().map(counted).sum()
    }

    /// Which part it has of what a request may hold, of bytes or of events.
    #[must_use]
    pub fn fill(&self) -> f64 {
        let bytes = self.counted() as f64 / REQUEST_BYTES_MAX as f64;
        bytes.max(self.len() as f64 / REQUEST_EVENTS_MAX as f64)
    }

    /// The first and the second half, each a body of its own: to find the event that the service
    /// refuses.
    #[must_use]
    pub fn halves(&self) -> (Self, Self) {
        let (first, second) = self.entries.split_at(self.entries.len() / 2);
        let bytes: usize = first.iter().map(|e| e.bytes as usize).sum();
        let (events, rest) = self.events.split_at(bytes);
        let with = |events, entries: &[Entry]| Self {
            head: self.head.clone(),
            events,
            entries: entries.to_vec(),
        };
        (with(events, first), with(rest, second))
    }

    /// Takes what it is about out. Says whether there was any.
    #[must_use]
    pub fn forget_entity(&mut self, to: &To) -> bool {
        let head = mem::replace(&mut self.head, to.without_entity().head().into());
        head != self.head
    }

    /// Tells the parts that own these events that the service refuses them for good.
    pub fn reject(&self, events: Range<usize>, parts: &mut [Part]) {
        for entry in &self.entries[events] {
            if let Some(part) = parts.get_mut(entry.part as usize) {
                part.reject(Count::new(1, u64::from(entry.message_bytes)));
            }
        }
    }
}

/// What follows a message.
const TAIL: &[u8] = b"\"},";

/// Writes events around their messages. An escaper asks for six times the room that it needs at most,
/// which would make every piece grow: so events are written here first where a piece is nearly full,
/// and copied.
#[derive(Debug, Default)]
pub struct Framer {
    /// What precedes the messages of one millisecond, and that millisecond.
    head: Vec<u8>,
    time_ms: Option<i64>,
    event: Vec<u8>,
}

impl Framer {
    /// Events are of this time from now on.
    #[inline]
    fn turn_to(&mut self, time_ms: i64) {
        if self.time_ms != Some(time_ms) {
            self.time_ms = Some(time_ms);
            self.head.clear();
            self.head.extend_from_slice(b"{\"timestamp\":");
            let mut digits = itoa::Buffer::new();
            self.head
                .extend_from_slice(digits.format(time_ms).as_bytes());
            self.head.extend_from_slice(b",\"message\":\"");
        }
    }

    /// Appends an event, and says how many bytes it has.
    #[inline]
    fn write(&self, out: &mut Vec<u8>, message: impl FnOnce(&mut Vec<u8>)) -> usize {
        let start = out.len();
        out.extend_from_slice(&self.head);
        message(out);
        out.extend_from_slice(TAIL);
        out.len() - start
    }
}

/// A body that is still being filled.
pub struct Open {
    pieces: Pieces,
    entries: Vec<Entry>,
    sorted: bool,
    /// Bytes as the service counts them.
    counted: usize,
    /// The first event that was packed, milliseconds.
    base_ms: i64,
    earliest_ms: i64,
    latest_ms: i64,
    parts: Vec<Part>,
    /// Events that the parts carry; the rest is of the delivery at hand.
    owed: usize,
    spans: Spans,
    permit: Permit,
}

impl Open {
    #[must_use]
    pub fn new(share: &Arc<Share>, pool: Pool) -> Self {
        Self {
            pieces: Pieces::new(pool),
            entries: Vec::with_capacity(ENTRIES_FIRST),
            sorted: true,
            counted: 0,
            base_ms: 0,
            earliest_ms: i64::MAX,
            latest_ms: i64::MIN,
            parts: Vec::new(),
            owed: 0,
            spans: Spans::default(),
            permit: share.permit(),
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether an event of this time keeps the request within the span that one may have.
    #[inline]
    #[must_use]
    pub fn spans_to(&self, time_ms: i64) -> bool {
        let (from, to) = (self.earliest_ms.min(time_ms), self.latest_ms.max(time_ms));
        to.saturating_sub(from) <= REQUEST_SPAN_MS
    }

    /// Whether one more message of this size keeps the other limits of a request.
    #[inline]
    #[must_use]
    pub fn fits(&self, message_bytes: usize) -> bool {
        self.counted + message_bytes + EVENT_OVERHEAD_BYTES <= REQUEST_BYTES_MAX
            && self.entries.len() < REQUEST_EVENTS_MAX
    }

    /// Adds an event that fits: a message of `message_bytes` bytes of UTF-8, which `write` appends as
    /// it stands in a JSON string; it asks for room for `room_bytes` at most.
    #[inline]
    pub fn push(
        &mut self,
        time_ms: i64,
        message_bytes: usize,
        room_bytes: usize,
        framer: &mut Framer,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        if self.entries.is_empty() {
            self.base_ms = time_ms;
        }
        framer.turn_to(time_ms);
        let bytes = match self
            .pieces
            .spare(framer.head.len() + room_bytes + TAIL.len())
        {
            Some(json) => framer.write(json, write),
            None => {
                let mut event = mem::take(&mut framer.event);
                event.clear();
                let bytes = framer.write(&mut event, write);
                self.pieces.room(bytes).extend_from_slice(&event);
                framer.event = event;
                bytes
            }
        };
        let entry = Entry {
            after_ms: i32::try_from(time_ms - self.base_ms).unwrap_or(i32::MAX),
            bytes: short(bytes),
            message_bytes: short(message_bytes),
            part: short(self.parts.len()),
        };
        self.entries.push(entry);
        self.sorted &= self.latest_ms <= time_ms;
        self.earliest_ms = self.earliest_ms.min(time_ms);
        self.latest_ms = self.latest_ms.max(time_ms);
        self.counted += message_bytes + EVENT_OVERHEAD_BYTES;
    }

    /// Hands the last events of the delivery at hand that are of this very millisecond over to the
    /// body that comes after this one: so both may be on their way at once. Nothing where it would
    /// be most of this body. Says whether it did.
    pub fn hand_over(&mut self, time_ms: i64, next: &mut Self) -> bool {
        let is_of_it = |e: &&Entry| self.base_ms + i64::from(e.after_ms) == time_ms;
        let fresh = self.entries[self.owed..].iter().rev();
        let count = fresh.take_while(is_of_it).count();
        let first = self.entries.len() - count;
        if count == 0 || count > first {
            return false;
        }
        let moved = self.entries.split_off(first);
        let bytes: usize = moved.iter().map(|e| e.bytes as usize).sum();
        let text = self.pieces.split_end(bytes);
        next.base_ms = time_ms;
        next.pieces.room(bytes).extend_from_slice(&text);
        for mut entry in moved {
            let counted = entry.message_bytes as usize + EVENT_OVERHEAD_BYTES;
            self.counted -= counted;
            next.counted += counted;
            (entry.after_ms, entry.part) = (0, 0);
            next.entries.push(entry);
        }
        (next.earliest_ms, next.latest_ms) = (time_ms, time_ms);
        let latest = self.entries.iter().map(|e| e.after_ms).max();
        self.latest_ms = self.base_ms + i64::from(latest.unwrap_or(0));
        true
    }

    /// Owes a part of a receipt for what was added since the last call, from these source bytes;
    /// counts the memory.
    pub fn owe(&mut self, slot: u32, parts: &Parts, source: Range<u32>) {
        let mut carries = Count::default();
        let (mut first, mut last) = (i32::MAX, i32::MIN);
        for entry in &self.entries[self.owed..] {
            carries += Count::new(1, u64::from(entry.message_bytes));
            first = first.min(entry.after_ms);
            last = last.max(entry.after_ms);
        }
        let at = |after: i32| self.base_ms + i64::from(after);
        self.spans.add(slot, at(first), at(last));
        self.owed = self.entries.len();
        self.parts.push(parts.part(carries, source));
        let held = self.pieces.allocated() + self.entries.capacity() * size_of::<Entry>();
        self.permit.grow(held.saturating_sub(self.permit.bytes()));
    }

    /// Whose records it carries, and of which times.
    #[must_use]
    pub fn spans(&self) -> &Spans {
        &self.spans
    }

    /// Bytes as the service counts them.
    #[must_use]
    pub fn counted(&self) -> usize {
        self.counted
    }

    /// Makes a request of it.
    #[must_use]
    pub fn seal(mut self, to: To, departure: Departure) -> Request {
        if !self.sorted {
            self.sort();
        }
        Request {
            body: Body {
                head: to.head().into(),
                events: self.pieces.seal(),
                entries: self.entries,
            },
            parts: self.parts,
            permit: self.permit,
            departure,
            to,
        }
    }

    /// Puts events in order of time: copies them, so only where times fell.
    fn sort(&mut self) {
        let mut events: Vec<(Entry, &[u8])> = Vec::with_capacity(self.entries.len());
        let mut entries = self.entries.iter();
        for mut piece in self.pieces.iter() {
            while !piece.is_empty()
                && let Some(entry) = entries.next()
            {
                let (event, rest) = piece.split_at(entry.bytes as usize);
                events.push((*entry, event));
                piece = rest;
            }
        }
        events.sort_by_key(|(entry, _)| entry.after_ms);
        let mut sorted = Pieces::new(self.pieces.pool().clone());
        for (_, event) in &events {
            sorted.room(event.len()).extend_from_slice(event);
        }
        self.entries = events.into_iter().map(|(entry, _)| entry).collect();
        self.pieces = sorted;
    }
}

/// Sizes within a request: a body is below 16 MiB whatever its escapes.
fn short(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
