//! Bytes of a log file -> records.
//!
//! Lines of containers are told apart by content: CRI (containerd, CRI-O), docker's `json-file`, and whatever
//! else stands there, which is forwarded as it is and counted: a line that cannot be decoded is still
//! somebody's log. Of a plain file's line only the time is read. Pieces of a split line go to `partial` and
//! come back whole.
//!
//! Where the input is cut into reads never shows: only whole lines are taken, and what is left of a
//! line is read again with the next chunk.

pub mod cri;
pub mod docker_json;
pub mod plain;

use super::line::{Line, without_return};
use super::partial::{Joined, Partials};
use crate::record::{
    BATCH_RECORDS_MAX, BATCH_TEXT_MAX, Columns, FileId, Form, Range, Receipt, Stream,
};

/// How lines are written.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// By a container's runtime.
    #[default]
    Container,
    /// By anybody; times that name no zone are of this one, in minutes east of UTC.
    Plain { zone: i16 },
}

/// What a chunk of a file came to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Decoded {
    /// Bytes of the chunk that are done with: whole lines.
    pub consumed: usize,
    pub lines: u64,
    /// Lines forwarded as they are, since nobody knows their format.
    pub undecoded: u64,
    /// Records that were split because they were longer than allowed.
    pub split: u64,
    /// The time of the last line that had one of its own; of plain files.
    pub timed: Option<u64>,
}

/// Where a chunk comes from.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    pub file: FileId,
    /// Offset of the chunk's first byte.
    pub at: u64,
    pub format: Format,
    /// When it is read, nanoseconds since the Unix epoch.
    pub now: u64,
    /// The time of lines that carry none, until one does.
    pub untimed: u64,
}

/// What decodes for one lane; keeps what makes the next line cheap.
#[derive(Debug, Default)]
pub struct Decoder {
    times: cri::Times,
    json: docker_json::Scratch,
    stamps: plain::Stamps,
}

impl Decoder {
    /// Takes whole lines from `chunk` until a batch is full, and adds their records to `columns`
    /// and their bytes to `receipt`.
    pub fn decode(
        &mut self,
        chunk: &[u8],
        place: Place,
        partials: &mut Partials,
        columns: &mut Columns,
        receipt: &mut Receipt,
    ) -> Decoded {
        let mut done = Decoded::default();
        let mut out = Out {
            place,
            run_from: place.at,
            source: columns.source_bytes(),
            partials,
            columns,
            receipt,
        };
        for newline in memchr::memchr_iter(b'\n', chunk) {
            let line = &chunk[done.consumed..newline];
            let (from, to) = (
                place.at + done.consumed as u64,
                place.at + newline as u64 + 1,
            );
            let line = match place.format {
                Format::Container => self.line(line).unwrap_or_else(|| {
                    done.undecoded += 1;
                    as_it_is(line, place.now)
                }),
                Format::Plain { zone } => {
                    done.timed = self.time(line, zone, place.now).or(done.timed);
                    as_it_is(line, done.timed.unwrap_or(place.untimed))
                }
            };
            done.split += out.take(&line, from, to);
            done.consumed = newline + 1;
            done.lines += 1;
            if out.columns.text.len() >= BATCH_TEXT_MAX || out.columns.len() >= BATCH_RECORDS_MAX {
                break;
            }
        }
        out.end_run(place.at + done.consumed as u64);
        done
    }

    /// Takes a piece of a line that is longer than any chunk, or has no end. Returns the line's head
    /// for the pieces that follow.
    pub fn decode_piece(
        &mut self,
        piece: Piece<'_>,
        place: Place,
        partials: &mut Partials,
        columns: &mut Columns,
        receipt: &mut Receipt,
    ) -> (PieceHead, Decoded) {
        let text = piece.bytes.strip_suffix(b"\n").unwrap_or(piece.bytes);
        let ends = piece.last || text.len() < piece.bytes.len();
        let mut done = Decoded {
            consumed: piece.bytes.len(),
            ..Decoded::default()
        };
        let (mut line, head) = match piece.head {
            Some(head) => (
                Line {
                    time: head.time,
                    stream: head.stream,
                    form: head.form,
                    partial: head.partial,
                    text,
                },
                head,
            ),
            None => {
                done.lines = 1;
                let line = match place.format {
                    Format::Container => cri::line(text, &mut self.times).unwrap_or_else(|| {
                        done.undecoded = 1;
                        as_it_is(text, place.now)
                    }),
                    Format::Plain { zone } => {
                        done.timed = self.time(text, zone, place.now);
                        as_it_is(text, done.timed.unwrap_or(place.untimed))
                    }
                };
                let head = PieceHead::of(&line);
                (line, head)
            }
        };
        line.partial |= !ends;
        let mut out = Out {
            place,
            run_from: place.at,
            source: columns.source_bytes(),
            partials,
            columns,
            receipt,
        };
        let to = place.at + piece.bytes.len() as u64;
        done.split = out.take(&line, place.at, to);
        out.end_run(to);
        (head, done)
    }

    /// The head of a line that starts with these bytes; `now`: when it is read.
    pub fn head(&mut self, start: &[u8], format: Format, now: u64) -> PieceHead {
        let line = match format {
            Format::Container => cri::line(start, &mut self.times),
            Format::Plain { zone } => {
                let time = self.time(start, zone, now);
                time.map(|time| as_it_is(start, time))
            }
        };
        PieceHead::of(&line.unwrap_or_else(|| as_it_is(start, now)))
    }

    fn time(&mut self, line: &[u8], zone: i16, now: u64) -> Option<u64> {
        self.stamps.read(line, zone, now, &mut self.times)
    }

    /// One line of a runtime without its newline; none where nobody knows its format.
    pub(super) fn line<'a>(&'a mut self, line: &'a [u8]) -> Option<Line<'a>> {
        if line.first() == Some(&b'{') {
            return docker_json::line(line, &mut self.times, &mut self.json);
        }
        cri::line(line, &mut self.times)
    }
}

/// A piece of a line.
#[derive(Debug, Clone, Copy)]
pub struct Piece<'a> {
    pub bytes: &'a [u8],
    /// The line's head, when this is not its first piece.
    pub head: Option<PieceHead>,
    /// The file ends with it, and no newline will come.
    pub last: bool,
}

/// What the first piece of an over-long line says about the rest of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PieceHead {
    pub time: u64,
    pub stream: Stream,
    pub form: Form,
    pub partial: bool,
}

impl PieceHead {
    fn of(line: &Line<'_>) -> Self {
        Self {
            time: line.time,
            stream: line.stream,
            form: line.form,
            partial: line.partial,
        }
    }
}

fn as_it_is(line: &[u8], time: u64) -> Line<'_> {
    Line {
        time,
        stream: Stream::Stdout,
        form: Form::BARE,
        partial: false,
        text: line,
    }
}

/// Where records and the bytes they answer for go. Ranges enter the receipt in the order of the
/// records that they belong to, so `source` can count along.
struct Out<'a> {
    place: Place,
    /// Start of the bytes that are taken but not yet in the receipt.
    run_from: u64,
    source: u32,
    partials: &'a mut Partials,
    columns: &'a mut Columns,
    receipt: &'a mut Receipt,
}

impl Out<'_> {
    /// Takes the line that stands at `from..to` of the file; returns how many parts were split off.
    #[inline]
    fn take(&mut self, line: &Line<'_>, from: u64, to: u64) -> u64 {
        if line.partial || self.partials.pending(line.stream) {
            return self.take_piece(line, from, to);
        }
        self.source += u32::try_from(to - from).unwrap_or(u32::MAX);
        let text = without_return(line.text);
        self.columns.text.extend_from_slice(text);
        self.columns
            .close(line.time, line.stream, line.form, self.source);
        0
    }

    #[cold]
    fn take_piece(&mut self, line: &Line<'_>, from: u64, to: u64) -> u64 {
        self.end_run(from);
        self.run_from = to;
        let range = Range {
            file: self.place.file,
            from,
            to,
        };
        let mut split = 0;
        let (columns, receipt, source) = (&mut *self.columns, &mut *self.receipt, &mut self.source);
        self.partials.push(line, range, &mut |joined: Joined<'_>| {
            for range in joined.ranges.drain(..) {
                *source += u32::try_from(range.to - range.from).unwrap_or(u32::MAX);
                receipt.add(range);
            }
            split += u64::from(joined.part);
            columns.text.extend_from_slice(joined.text);
            columns.close(joined.time, joined.stream, joined.form, *source);
        });
        split
    }

    fn end_run(&mut self, to: u64) {
        if self.run_from < to {
            self.receipt.add(Range {
                file: self.place.file,
                from: self.run_from,
                to,
            });
            self.run_from = to;
        }
    }
}

#[cfg(test)]
mod tests;
