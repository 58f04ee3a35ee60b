//! The body of one PutLogEvents request, written as its records come.
//!
//! Events are appended in their final form, with an index of where each stands. Only when their
//! times fell is the body put together anew, in order: a stable sort, so that records of one
//! millisecond stay in file order, as the service itself keeps them.

use std::sync::{Arc, Mutex};

use super::limits::{EVENT_OVERHEAD_BYTES, REQUEST_BYTES_MAX, REQUEST_EVENTS_MAX, REQUEST_SPAN_MS};
use crate::record::receipt::{Part, Parts};
use crate::record::{Count, Permit, Share};

/// What a stream's first buffer holds; most streams of a node never need more at a time.
const FIRST_BYTES: usize = 4 * 1024;
/// From this size on a body takes a whole buffer from the pool.
const LARGE_BYTES: usize = 128 * 1024;
/// A buffer that a full body fits without growing, escapes of usual logs included.
const WHOLE_BYTES: usize = 1536 * 1024;
/// Buffers that wait to be used again.
const POOLED_MAX: usize = 8;

/// Buffers of sent requests, to be filled again: a fresh megabyte costs its page faults each time.
#[derive(Debug, Clone, Default)]
pub struct Pool(Arc<Mutex<Vec<Vec<u8>>>>);

impl Pool {
    fn take(&self) -> Vec<u8> {
        let pooled = self.0.lock().ok().and_then(|mut pool| pool.pop());
        pooled.unwrap_or_else(|| Vec::with_capacity(WHOLE_BYTES))
    }

    /// Keeps a large buffer for later.
    pub fn give(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() < WHOLE_BYTES || buffer.capacity() > 2 * WHOLE_BYTES {
            return;
        }
        buffer.clear();
        if let Ok(mut pool) = self.0.lock()
            && pool.len() < POOLED_MAX
        {
            pool.push(buffer);
        }
    }
}

/// Where one event stands in a body, its comma left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    time_ms: i64,
    start: u32,
    end: u32,
}

/// The events of a request as JSON: `{"logGroupName":..,"logStreamName":..,"logEvents":[..]}`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Events {
    pub json: Vec<u8>,
    /// Where the first event starts.
    head: usize,
    entries: Vec<Entry>,
}

impl Events {
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The first and the second half, each a body of its own: to find the event that the service
    /// refuses.
    #[must_use]
    pub fn halves(&self) -> (Self, Self) {
        let (first, second) = self.entries.split_at(self.entries.len() / 2);
        (self.only(first), self.only(second))
    }

    fn only(&self, entries: &[Entry]) -> Self {
        let mut events = Self {
            json: self.json[..self.head].to_vec(),
            head: self.head,
            entries: Vec::with_capacity(entries.len()),
        };
        for entry in entries {
            let start = offset(events.json.len());
            let text = &self.json[entry.start as usize..entry.end as usize];
            events.json.extend_from_slice(text);
            events.entries.push(Entry {
                start,
                end: offset(events.json.len()),
                ..*entry
            });
            events.json.push(b',');
        }
        events.close();
        events
    }

    fn close(&mut self) {
        if !self.entries.is_empty() {
            self.json.pop();
        }
        self.json.extend_from_slice(b"]}");
    }
}

/// A request on its way, with what is owed for it.
#[derive(Debug)]
pub struct Request {
    pub group: Arc<str>,
    pub stream: Arc<str>,
    pub events: Events,
    pub parts: Vec<Part>,
    pub permit: Permit,
    pub pool: Pool,
    /// Held while the request is on its way: what tells the packer that its stream is busy.
    pub flight: Flight,
}

/// Requests of one stream on their way: as many as there are copies of this.
pub type Flight = Arc<()>;

/// A body that is still being filled.
pub struct Open {
    group: Arc<str>,
    stream: Arc<str>,
    events: Events,
    sorted: bool,
    /// Bytes as the service counts them.
    counted: usize,
    times: (i64, i64),
    parts: Vec<Part>,
    /// Events, and bytes of them, that the parts carry.
    owed: (usize, usize),
    permit: Permit,
    pool: Pool,
}

impl Open {
    #[must_use]
    pub fn new(group: Arc<str>, stream: Arc<str>, share: &Arc<Share>, pool: Pool) -> Self {
        let mut json = Vec::with_capacity(FIRST_BYTES);
        json.extend_from_slice(b"{\"logGroupName\":\"");
        super::escape::escape(&group, &mut json);
        json.extend_from_slice(b"\",\"logStreamName\":\"");
        super::escape::escape(&stream, &mut json);
        json.extend_from_slice(b"\",\"logEvents\":[");
        Self {
            group,
            stream,
            events: Events {
                head: json.len(),
                json,
                entries: Vec::new(),
            },
            sorted: true,
            counted: 0,
            times: (i64::MAX, i64::MIN),
            parts: Vec::new(),
            owed: (0, 0),
            permit: share.permit(),
            pool,
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Whether one more event keeps all limits of a request.
    #[must_use]
    pub fn fits(&self, time_ms: i64, message_bytes: usize) -> bool {
        let (from, to) = (self.times.0.min(time_ms), self.times.1.max(time_ms));
        self.counted + message_bytes + EVENT_OVERHEAD_BYTES <= REQUEST_BYTES_MAX
            && self.events.len() < REQUEST_EVENTS_MAX
            && to - from < REQUEST_SPAN_MS
    }

    /// Adds an event of `message_bytes` bytes of UTF-8; `write` appends the message, escaped.
    #[inline]
    pub fn push(&mut self, time_ms: i64, message_bytes: usize, write: impl FnOnce(&mut Vec<u8>)) {
        let json = &mut self.events.json;
        let start = offset(json.len());
        json.extend_from_slice(b"{\"timestamp\":");
        json.extend_from_slice(itoa::Buffer::new().format(time_ms).as_bytes());
        json.extend_from_slice(b",\"message\":\"");
        write(json);
        json.extend_from_slice(b"\"}");
        let end = offset(json.len());
        json.push(b',');
        self.events.entries.push(Entry {
            time_ms,
            start,
            end,
        });
        self.sorted &= self.times.1 <= time_ms;
        self.times = (self.times.0.min(time_ms), self.times.1.max(time_ms));
        self.counted += message_bytes + EVENT_OVERHEAD_BYTES;
    }

    /// Takes a whole buffer once the body is clearly going to be large.
    pub fn make_room(&mut self) {
        let json = &mut self.events.json;
        if json.len() > LARGE_BYTES && json.capacity() < WHOLE_BYTES {
            let mut whole = self.pool.take();
            whole.extend_from_slice(json);
            *json = whole;
        }
    }

    /// Owes a part of a receipt for what was added since the last call; counts the memory.
    pub fn owe(&mut self, parts: &Parts) {
        let events = self.events.len() - self.owed.0;
        let bytes = self.counted - self.owed.1 - events * EVENT_OVERHEAD_BYTES;
        self.owed = (self.events.len(), self.counted);
        let carries = Count::new(events as u64, bytes as u64);
        self.parts.push(parts.part(carries));
        let held =
            self.events.json.capacity() + self.events.entries.capacity() * size_of::<Entry>();
        self.permit.grow(held.saturating_sub(self.permit.bytes()));
    }

    /// Makes a request of it.
    #[must_use]
    pub fn seal(mut self, flight: Flight) -> Request {
        if self.sorted {
            self.events.close();
        } else {
            let mut entries = std::mem::take(&mut self.events.entries);
            entries.sort_by_key(|e| e.time_ms);
            self.events = self.events.only(&entries);
        }
        Request {
            group: self.group,
            stream: self.stream,
            events: self.events,
            parts: self.parts,
            permit: self.permit,
            pool: self.pool,
            flight,
        }
    }
}

/// A body is below 8 MiB whatever its escapes, so an offset always fits.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Budget;

    fn open() -> Open {
        let share = Budget::new(1 << 24).share();
        Open::new("g".into(), "s\"1".into(), &share, Pool::default())
    }

    fn push(open: &mut Open, time_ms: i64, message: &str) {
        open.push(time_ms, message.len(), |out| {
            super::super::escape::escape(message, out);
        });
    }

    fn read(events: &Events) -> serde_json::Value {
        serde_json::from_slice(&events.json).unwrap()
    }

    #[test]
    fn a_body_is_the_json_that_the_api_takes() {
        let mut open = open();
        push(&mut open, 5, "a \"b\"\n");
        push(&mut open, 6, "c");
        let body = read(&open.seal(Flight::default()).events);
        assert_eq!(
            body,
            serde_json::json!({
                "logGroupName": "g",
                "logStreamName": "s\"1",
                "logEvents": [
                    {"timestamp": 5, "message": "a \"b\"\n"},
                    {"timestamp": 6, "message": "c"},
                ],
            })
        );
    }

    #[test]
    fn events_whose_times_fall_are_sorted_and_keep_file_order_within_a_millisecond() {
        let mut open = open();
        for (time, message) in [(7, "a"), (5, "b"), (7, "c"), (5, "d")] {
            push(&mut open, time, message);
        }
        let body = read(&open.seal(Flight::default()).events);
        let messages: Vec<_> = body["logEvents"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| e["message"].as_str().unwrap())
            .collect();
        assert_eq!(messages, ["b", "d", "a", "c"]);
    }

    #[test]
    fn a_body_falls_into_halves() {
        let mut open = open();
        for time in 0..3 {
            push(&mut open, time, "m");
        }
        let (first, second) = open.seal(Flight::default()).events.halves();
        assert_eq!((first.len(), second.len()), (1, 2));
        assert_eq!(read(&second)["logEvents"][1]["timestamp"], 2);
        let (_, one) = second.halves();
        assert_eq!(read(&one)["logEvents"][0]["timestamp"], 2);
    }

    #[test]
    fn every_limit_of_a_request_is_kept_to_the_byte() {
        let mut full = open();
        assert!(full.fits(0, REQUEST_BYTES_MAX - EVENT_OVERHEAD_BYTES));
        assert!(!full.fits(0, REQUEST_BYTES_MAX - EVENT_OVERHEAD_BYTES + 1));
        push(&mut full, 0, "m");
        assert!(full.fits(REQUEST_SPAN_MS - 1, 0));
        assert!(!full.fits(REQUEST_SPAN_MS, 0));
        for _ in 1..REQUEST_EVENTS_MAX {
            assert!(full.fits(0, 0));
            push(&mut full, 0, "");
        }
        assert!(!full.fits(0, 0));
    }
}
