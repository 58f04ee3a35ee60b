//! Writes messages: one record in the format of its destination.
//!
//! A message stands in a body as a JSON string, so an envelope's quotes are escaped there, and those
//! of its text twice. What a container's messages share is escaped once and copied after that.

use std::collections::HashMap;
use std::sync::Arc;

use super::envelope::{Envelope, LOG};
use super::escape::{self, escape, escape_bytes};
use super::format::{FluentBit, Format};
use super::limits::MESSAGE_BYTES_MAX;
use super::merge::{AROUND, Merger};
use super::split::{MARKER_BYTES_MAX, Split};
use super::time::TimeText;
use crate::record::form::{Form, Line};
use crate::record::{Container, Stream};

/// Text that a message takes at least, however long its envelope is: a split always gets on.
const TEXT_BYTES_MIN: usize = 1024;
/// [`LOG`] as it stands in a body, with the comma before it.
const LOG_ESCAPED: &[u8] = b",\\\"log\\\":\\\"";
/// The quote that closes the text, as it stands in a body.
const QUOTE_ESCAPED: &[u8] = b"\\\"";

/// One record, its text made valid UTF-8.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    pub text: &'a str,
    pub nanos: u64,
    pub stream: Stream,
    pub form: Form,
    /// None: the text alone.
    pub envelope: Option<&'a Envelope>,
}

impl Record<'_> {
    /// The record's text in parts that fit a message each.
    #[must_use]
    pub fn split(&self) -> Split<'_> {
        let around = self.envelope.map_or(0, |e| e.len(self.stream, self.form));
        let most = MESSAGE_BYTES_MAX.saturating_sub(around + MARKER_BYTES_MAX);
        Split::new(self.text, most.max(TEXT_BYTES_MIN), self.envelope.is_some())
    }
}

/// Writes the messages of one destination in one lane.
pub struct Messages {
    format: Format,
    envelopes: HashMap<u32, (Arc<Container>, Arc<Envelope>)>,
    times: TimeText,
    merger: Merger,
    /// What is particular to the message that is being written.
    own: Vec<u8>,
    layout: Layout,
}

/// What `Messages::own` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// The text, escaped once.
    Log,
    /// The text up to here, and behind it what was embedded.
    Beside(usize),
    /// What was embedded, and no text.
    Instead,
    /// The message as a whole.
    Whole,
}

impl Messages {
    #[must_use]
    pub fn new(format: Format) -> Self {
        let keys = match &format {
            Format::FluentBit(keys) => keys.clone(),
            Format::Json | Format::Text => FluentBit::default(),
        };
        Self {
            format,
            envelopes: HashMap::new(),
            times: TimeText::default(),
            merger: Merger::new(keys.merge_log_trim, keys.merge_log_key.is_none()),
            own: Vec::new(),
            layout: Layout::Log,
        }
    }

    /// What stands around a container's records; made anew when its facts have changed.
    pub fn envelope(&mut self, slot: u32, container: &Arc<Container>) -> Option<Arc<Envelope>> {
        if let Some((of, envelope)) = self.envelopes.get(&slot)
            && Arc::ptr_eq(of, container)
        {
            return Some(envelope.clone());
        }
        let envelope = match &self.format {
            Format::Text => return None,
            Format::Json => Envelope::json(container),
            Format::FluentBit(keys) => Envelope::fluent_bit(container, keys),
        };
        let envelope = Arc::new(envelope);
        self.envelopes
            .insert(slot, (container.clone(), envelope.clone()));
        Some(envelope)
    }

    pub fn forget(&mut self, slot: u32) {
        self.envelopes.remove(&slot);
    }

    /// Readies a message; says how many bytes of UTF-8 it has. `whole`: the record is not split.
    #[inline]
    pub fn prepare(&mut self, record: &Record<'_>, whole: bool) -> usize {
        let Some(envelope) = record.envelope else {
            return record.text.len().max(1);
        };
        self.own.clear();
        escape(record.text, &mut self.own);
        self.layout = Layout::Log;
        if whole && matches!(&self.format, Format::FluentBit(keys) if keys.merge_log) {
            self.merge(record, envelope);
        }
        match self.layout {
            Layout::Whole => self.own.len(),
            Layout::Log | Layout::Beside(_) => {
                envelope.len(record.stream, record.form) + self.own.len()
            }
            Layout::Instead => {
                let log = ",".len() + LOG.len() + "\"".len();
                envelope.len(record.stream, record.form) + self.own.len() - log
            }
        }
    }

    /// Bytes of room that writing the message that was readied last asks for, at most.
    #[inline]
    #[must_use]
    pub fn room(&self, record: &Record<'_>) -> usize {
        let Some(envelope) = record.envelope else {
            return escape::room(record.text.len());
        };
        let frame = envelope.frame(record.stream, record.form.line);
        let pieces = [&frame.before_time, &frame.after_time, &envelope.tail];
        let around: usize = pieces.iter().map(|piece| piece.escaped.len()).sum();
        around + super::time::len(record.form) + escape::room(self.own.len())
    }

    /// Appends the message that was readied last, as it stands inside a JSON string.
    #[inline]
    pub fn write(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let Some(envelope) = record.envelope else {
            // The service takes no empty message: an empty line is sent as one blank.
            let blank = record.text.is_empty();
            escape(if blank { " " } else { record.text }, out);
            return;
        };
        if self.layout == Layout::Whole {
            escape_bytes(&self.own, out);
            return;
        }
        let frame = envelope.frame(record.stream, record.form.line);
        out.extend_from_slice(&frame.before_time.escaped);
        if frame.timed {
            let form = envelope.form_of_time(record.form);
            self.times.write(record.nanos, form, out);
        }
        out.extend_from_slice(&frame.after_time.escaped);
        let (tail, behind_log) = (&envelope.tail.escaped, QUOTE_ESCAPED.len());
        match self.layout {
            // Nothing in the text had to be escaped, so nothing has to be now.
            Layout::Log if self.own.len() == record.text.len() => out.extend_from_slice(&self.own),
            Layout::Log => escape_bytes(&self.own, out),
            Layout::Beside(log_end) => {
                let (log, embedded) = self.own.split_at(log_end);
                escape_bytes(log, out);
                out.extend_from_slice(QUOTE_ESCAPED);
                escape_bytes(embedded, out);
                out.extend_from_slice(&tail[behind_log..]);
                return;
            }
            Layout::Instead | Layout::Whole => {
                out.truncate(out.len() - LOG_ESCAPED.len());
                escape_bytes(&self.own, out);
                out.extend_from_slice(&tail[behind_log..]);
                return;
            }
        }
        out.extend_from_slice(tail);
    }

    /// Embeds what the record's text is as an object, if it is one and there is room for it.
    fn merge(&mut self, record: &Record<'_>, envelope: &Envelope) {
        let Format::FluentBit(keys) = &self.format else {
            return;
        };
        // Beside a line that no runtime wrote there are no fields to stand among.
        if record.form.line == Line::Bare {
            return;
        }
        let own = &mut self.own;
        let log_end = own.len();
        own.push(b',');
        if let Some(key) = &keys.merge_log_key {
            own.push(b'"');
            escape(key, own);
            own.extend_from_slice(b"\":");
        }
        let start = own.len();
        let around = envelope.len(record.stream, record.form);
        if !self.merger.object(record.text, own) || own.len() + around > MESSAGE_BYTES_MAX {
            own.truncate(log_end);
            return;
        }
        if own.len() == start + "{}".len() {
            // As Fluent Bit has it: embedded, and nothing to show for it.
            own.truncate(log_end);
        } else if keys.merge_log_key.is_none() {
            // The fields alone: without braces.
            own.remove(start);
            own.pop();
        }
        self.layout = if keys.keep_log {
            Layout::Beside(log_end)
        } else {
            own.drain(..log_end);
            Layout::Instead
        };
        let last = AROUND.len() - 1;
        if keys.merge_log_key.is_none() && self.merger.hides[..last].contains(&true) {
            self.whole(record, envelope);
        }
    }

    /// Fields of the object have names that stand around it, so the message is put together without
    /// the latter: the last one of a name is sent.
    #[cold]
    fn whole(&mut self, record: &Record<'_>, envelope: &Envelope) {
        let (log, embedded) = match self.layout {
            Layout::Beside(log_end) => self.own.split_at(log_end),
            Layout::Log | Layout::Instead | Layout::Whole => (&[][..], &self.own[..]),
        };
        let mut time = Vec::new();
        self.times.write(record.nanos, record.form, &mut time);
        let p = if record.form.line == Line::Joined {
            "P"
        } else {
            "F"
        };
        let has_log = matches!(self.layout, Layout::Beside(_));
        let fields = [
            Some(&time[..]),
            Some(record.stream.name().as_bytes()),
            Some(p.as_bytes()),
            has_log.then_some(log),
        ];
        let mut whole = vec![b'{'];
        for ((name, value), hidden) in AROUND.iter().zip(fields).zip(self.merger.hides) {
            if let Some(value) = value.filter(|_| !hidden) {
                whole.extend_from_slice(name);
                whole.push(b'"');
                whole.extend_from_slice(value);
                whole.extend_from_slice(b"\",");
            }
        }
        // Without the comma that stands before it.
        whole.extend_from_slice(&embedded[1..]);
        whole.extend_from_slice(envelope.behind_log.as_bytes());
        self.own = whole;
        self.layout = Layout::Whole;
    }
}
