//! What a filter made of its records: one line for each that came in, and for each that was added.
//!
//! A record that comes out answers for the source bytes of the one that went in (that is how the agent
//! never loses one), and by these the two are put side by side, whatever was held in between.

use std::collections::VecDeque;
use std::io::Write;
use std::time::Duration;

use crate::cli::filter::diff;
use crate::record::{Batch, Columns};
use crate::sink::cloudwatch::escape::escape;

/// Bytes of output that are written at once.
const WRITE_BYTES: usize = 64 * 1024;

pub struct Show<W> {
    to: W,
    out: Vec<u8>,
    json: bool,
    color: bool,
    changes_only: bool,
    routes: Vec<String>,
    times: Times,
    /// Batches that went in and are not out as a whole, each with the source bytes before it.
    pending: VecDeque<(u64, Columns)>,
    /// The first record of the first of them that is not out.
    next: usize,
    spare: Columns,
    bytes_in: u64,
    bytes_out: u64,
    counts: [u64; 4],
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Passed,
    Changed,
    Dropped,
    Added,
}

impl Fate {
    fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Changed => "changed",
            Self::Dropped => "dropped",
            Self::Added => "added",
        }
    }
}

/// A record of columns.
#[derive(Clone, Copy)]
struct At<'a>(&'a Columns, usize);

impl<'a> At<'a> {
    fn text(self) -> &'a [u8] {
        self.0.record(self.1)
    }
}

impl<W: Write> Show<W> {
    pub fn new(to: W, json: bool, color: bool, changes_only: bool, routes: Vec<String>) -> Self {
        Self {
            to,
            out: Vec::with_capacity(2 * WRITE_BYTES),
            json,
            color,
            changes_only,
            routes,
            times: Times::default(),
            pending: VecDeque::new(),
            next: 0,
            spare: Columns::default(),
            bytes_in: 0,
            bytes_out: 0,
            counts: [0; 4],
        }
    }

    /// Columns to fill: their memory is used again.
    pub fn spare(&mut self) -> Columns {
        let mut spare = std::mem::take(&mut self.spare);
        spare.clear();
        spare
    }

    /// A batch goes in.
    pub fn before(&mut self, batch: &Batch) {
        self.pending
            .push_back((self.bytes_in, batch.columns.clone()));
        self.bytes_in += batch.receipt.bytes();
    }

    /// What came out: records of the batches that went in, up to what is held.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn after(&mut self, batch: Batch) -> std::io::Result<()> {
        let Batch { columns, receipt } = batch;
        let base = self.bytes_out;
        self.bytes_out += receipt.bytes();
        receipt.forget();
        let mut out = 0;
        while let Some((before, input)) = self.pending.pop_front() {
            while self.next < input.len() {
                let ends = before + u64::from(input.source_ends[self.next]);
                if ends > self.bytes_out {
                    break;
                }
                let first = out;
                while out < columns.len() && base + u64::from(columns.source_ends[out]) <= ends {
                    out += 1;
                }
                self.record(At(&input, self.next), &columns, first..out);
                self.next += 1;
            }
            if self.next < input.len() {
                self.pending.push_front((before, input));
                break;
            }
            self.next = 0;
        }
        self.spare = columns;
        if self.out.len() >= WRITE_BYTES {
            self.write()?;
        }
        Ok(())
    }

    /// One record that went in, and what stands in its place.
    fn record(&mut self, before: At<'_>, columns: &Columns, out: std::ops::Range<usize>) {
        let mut fate = Fate::Dropped;
        for at in out.clone() {
            let after = At(columns, at);
            fate = match (at == out.start, before.text() == after.text()) {
                (true, true) if self.same_head(before, after) => Fate::Passed,
                (true, _) => Fate::Changed,
                (false, _) => Fate::Added,
            };
            let before = (fate == Fate::Changed).then_some(before);
            self.line(fate, before, Some(after));
        }
        if fate == Fate::Dropped {
            self.line(fate, Some(before), None);
        }
    }

    fn same_head(&self, before: At<'_>, after: At<'_>) -> bool {
        before.0.times[before.1] == after.0.times[after.1] && after.0.route(after.1).is_none()
    }

    fn line(&mut self, fate: Fate, before: Option<At<'_>>, after: Option<At<'_>>) {
        self.counts[fate as usize] += 1;
        if fate == Fate::Passed && self.changes_only {
            return;
        }
        if self.json {
            self.json_line(fate, before, after);
        } else {
            self.text_line(fate, before, after);
        }
        self.out.push(b'\n');
    }

    fn json_line(&mut self, fate: Fate, before: Option<At<'_>>, after: Option<At<'_>>) {
        let Some(shown) = after.or(before) else {
            return;
        };
        let out = &mut self.out;
        out.extend_from_slice(b"{\"fate\":\"");
        out.extend_from_slice(fate.name().as_bytes());
        out.extend_from_slice(b"\",\"time\":\"");
        self.times.write(shown.0.times[shown.1], out);
        out.extend_from_slice(b"\",\"stream\":\"");
        out.extend_from_slice(shown.0.streams[shown.1].name().as_bytes());
        out.push(b'"');
        for (key, record) in [("before", before), ("text", after)] {
            let Some(record) = record else { continue };
            out.extend_from_slice(b",\"");
            out.extend_from_slice(key.as_bytes());
            out.extend_from_slice(b"\":");
            match simdutf8::basic::from_utf8(record.text()) {
                Ok(text) => string(text, out),
                Err(_) => string(&String::from_utf8_lossy(record.text()), out),
            }
        }
        let route = after.and_then(|a| self.routes.get(a.0.route(a.1)? as usize));
        if let Some(route) = route {
            out.extend_from_slice(b",\"route\":");
            string(route, out);
        }
        out.push(b'}');
    }

    fn text_line(&mut self, fate: Fate, before: Option<At<'_>>, after: Option<At<'_>>) {
        let text = |at: Option<At<'_>>| {
            at.map_or_else(String::new, |at| {
                String::from_utf8_lossy(at.text()).into_owned()
            })
        };
        let (from, to) = (text(before), text(after));
        let mut shown = match fate {
            Fate::Passed => diff::same(&to),
            Fate::Dropped => diff::removed(&from, self.color),
            Fate::Added => diff::added(&to, self.color),
            Fate::Changed => diff::changed(&from, &to, self.color),
        };
        if let Some(after) = after {
            if let Some(before) = before.filter(|b| b.0.times[b.1] != after.0.times[after.1]) {
                let [from, to] = [before, after].map(|at| crate::clock::rfc3339(at.0.times[at.1]));
                shown.push_str(&format!("\n  time  {from} -> {to}"));
            }
            if let Some(route) = after
                .0
                .route(after.1)
                .and_then(|r| self.routes.get(r as usize))
            {
                shown.push_str(&format!("\n  route {route}"));
            }
        }
        self.out.extend_from_slice(shown.as_bytes());
    }

    fn write(&mut self) -> std::io::Result<()> {
        self.to.write_all(&self.out)?;
        self.out.clear();
        Ok(())
    }

    /// # Errors
    /// When it cannot be written.
    pub fn flush(&mut self) -> std::io::Result<()> {
        self.write()?;
        self.to.flush()
    }

    /// What it came to, in a line.
    pub fn summary(&self, bytes: u64, cpu: Duration) -> String {
        let [passed, changed, dropped, added] = self.counts;
        let mega = bytes as f64 / 1e6;
        format!(
            "{} records in, {} out: {passed} passed, {changed} changed, {dropped} dropped, {added} added; \
             {mega:.1} MB in {:.2} s of CPU, {:.0} MB a CPU second",
            passed + changed + dropped,
            passed + changed + added,
            cpu.as_secs_f64(),
            mega / cpu.as_secs_f64().max(1e-6),
        )
    }
}

/// Writes times; those of one second share most of their text.
#[derive(Default)]
struct Times {
    second: u64,
    /// `2026-11-24T08:00:00`, of that second.
    text: String,
}

impl Times {
    fn write(&mut self, nanos: u64, out: &mut Vec<u8>) {
        const SECOND: u64 = 1_000_000_000;
        let (second, rest) = (nanos / SECOND, nanos % SECOND);
        if self.text.is_empty() || self.second != second {
            let text = crate::clock::rfc3339(second * SECOND);
            self.text = text.split('.').next().unwrap_or_default().to_owned();
            self.second = second;
        }
        out.extend_from_slice(self.text.as_bytes());
        out.push(b'.');
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(rest);
        out.extend_from_slice(&b"000000000"[digits.len()..]);
        out.extend_from_slice(digits.as_bytes());
        out.push(b'Z');
    }
}

/// A JSON string.
fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    escape(text, out);
    out.push(b'"');
}
