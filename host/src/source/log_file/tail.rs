//! Follows one open file: where it stands, how it grew, when to look again.
//!
//! The offset is always the start of the first line that is not taken yet, so a torn read (a real
//! runtime's writes are seen cut at multiples of 4,096 bytes) costs a second read of one line and
//! no memory. The descriptor outlives rename and unlink: a tail is dropped only by its lane. `plain` is what
//! differs for files that no runtime writes.

mod middle;
mod plain;

use std::io;
use std::time::Duration;

use super::decode::PieceHead;
use super::files::{LogFile, Stat};
use super::identity::FirstLine;
use super::looks::Looks;
use crate::record::{FileId, Sample};

/// So many of a file's first bytes are compared: the runtime's time stamp is among them.
const START_BYTES: usize = 64;

/// A runtime's longest line and its head are shorter.
const LAST_BYTES: usize = 20 * 1024;

/// Looks before the last one of which it is known what a plain file held.
const FORMER: usize = 3;

pub struct Tail {
    pub id: FileId,
    file: Box<dyn LogFile>,
    /// The file as it was at the last look.
    stat: Stat,
    offset: u64,
    first: Option<FirstLine>,
    /// The file's first bytes, as far as they have been read: they change when it is cut and written
    /// anew beyond the offset between two looks.
    start: [u8; START_BYTES],
    start_len: usize,
    /// What a plain file held at the last look, in the place of that: its first bytes may repeat.
    plain: bool,
    sample: Option<Sample>,
    /// The same at the looks before, the latest first: a copy may have been made in between.
    former: [Option<Sample>; FORMER],
    /// A look found it cut, and nobody has called `restart` yet.
    cut: bool,
    is_whole: bool,
    /// Set while in the middle of a line that is longer than any chunk.
    pub long_line: Option<PieceHead>,
    /// The last such line, should reading go back into it.
    line: Option<LongLine>,
    /// Reading goes on at a place that may lie within a line.
    unsure: bool,
    looks: Looks,
    /// When the file last grew, or was opened.
    pub grew_at: Duration,
}

/// Pieces of a line that were taken, and go on behind `end`.
#[derive(Debug, Clone, Copy)]
struct LongLine {
    start: u64,
    end: u64,
    head: PieceHead,
}

/// What a look at a file found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// As many bytes stand there unread.
    Unread(u64),
    /// It is shorter than it was, or starts otherwise: cut, and perhaps written anew from its start.
    Truncated,
}

impl Tail {
    #[must_use]
    pub fn new(
        id: FileId,
        file: Box<dyn LogFile>,
        stat: Stat,
        first: Option<FirstLine>,
        now: Duration,
    ) -> Self {
        Self {
            id,
            file,
            stat,
            offset: 0,
            first,
            start: [0; START_BYTES],
            start_len: 0,
            plain: false,
            sample: None,
            former: [None; FORMER],
            cut: false,
            is_whole: false,
            long_line: None,
            line: None,
            unsure: false,
            looks: Looks::from(now),
            grew_at: now,
        }
    }

    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    #[must_use]
    pub fn stat(&self) -> &Stat {
        &self.stat
    }

    /// Bytes that the last look saw and that are not taken yet.
    #[must_use]
    pub fn unread(&self) -> u64 {
        self.stat.len.saturating_sub(self.offset)
    }

    /// A look found it cut: what was read of it is not there any more.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    #[must_use]
    pub fn next_look(&self) -> Duration {
        self.looks.next()
    }

    /// Goes on at `offset`, which is the start of a line, or of a piece of the last long one.
    pub fn seek(&mut self, offset: u64) {
        self.offset = offset;
        let line = self.line.filter(|l| l.start < offset && offset <= l.end);
        self.long_line = line.map(|l| l.head);
        self.unsure = offset > 0;
    }

    /// Goes on behind the last line that is complete.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn seek_end(&mut self) -> io::Result<()> {
        let mut last = [0; LAST_BYTES];
        let from = self.stat.len.saturating_sub(LAST_BYTES as u64);
        let read = self.file.read_at(&mut last, from)?;
        let newline = memchr::memrchr(b'\n', &last[..read]);
        self.seek(newline.map_or(self.stat.len, |n| from + n as u64 + 1));
        Ok(())
    }

    /// What the file starts with; none while its first line is not complete.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn first(&mut self) -> io::Result<Option<FirstLine>> {
        if self.first.is_none() && self.stat.len > 0 {
            self.first = FirstLine::read(&*self.file)?;
        }
        Ok(self.first)
    }

    /// Whether the file still starts as it did. If not, it was cut, and is already longer than what
    /// was read of it, so that its length tells nothing.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn is_same(&mut self) -> io::Result<bool> {
        Ok(self.is_whole || self.starts_the_same()?)
    }

    /// Asks the file how long it is, and sets when to ask again: soon while it grows, ever later
    /// while it does not.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn look(&mut self, now: Duration) -> io::Result<Look> {
        let stat = self.file.stat()?;
        let grew = stat.len != self.stat.len;
        self.looks.looked(now, stat.len.abs_diff(self.stat.len));
        if grew {
            self.grew_at = now;
        }
        let shorter = stat.len < self.stat.len.max(self.offset);
        let touched = self.plain && stat.modified != self.stat.modified;
        // One that is whole may only be found to be longer or shorter than was said.
        let changed = !self.is_whole && (grew || touched);
        // Taken before the former one is found there still, so that it is of the same file.
        let next = if changed {
            self.take_sample(stat.len)?
        } else {
            None
        };
        self.cut |= (shorter && !self.is_whole) || (changed && !self.starts_the_same()?);
        self.stat = stat;
        if !self.cut {
            self.saw(next);
        }
        Ok(if self.cut {
            Look::Truncated
        } else {
            Look::Unread(self.unread())
        })
    }

    /// Nothing is added to it or cut from it any more, as to a compressed file; it may be found to be
    /// longer or shorter than was said.
    pub fn make_whole(&mut self) {
        self.is_whole = true;
    }

    /// Reads this from here on: the same bytes at the same places, compressed.
    pub fn go_on_packed(&mut self, file: Box<dyn LogFile>, stat: Stat) {
        (self.file, self.stat) = (file, stat);
        self.make_whole();
    }

    /// Finds out whether a whole file goes on at `offset`, where that is past what was said of it.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn reach(&mut self, offset: u64) -> io::Result<()> {
        if self.is_whole && offset >= self.stat.len {
            self.file.read_at(&mut [0], offset)?;
            self.stat = self.file.stat()?;
        }
        Ok(())
    }

    /// How many bytes, at least, are missing behind its end, where it is read so far.
    #[must_use]
    pub fn missing(&self) -> Option<u64> {
        self.file.missing().filter(|_| self.unread() == 0)
    }

    fn starts_the_same(&mut self) -> io::Result<bool> {
        if self.plain {
            return self.holds_the_same();
        }
        if self.start_len == 0 && self.first.is_some() {
            // What was read to know the file may be gone already.
            let first = FirstLine::read(&*self.file)?;
            if first != self.first {
                return Ok(false);
            }
        }
        let mut start = [0; START_BYTES];
        let read = self.file.read_at(&mut start, 0)?;
        let known = self.start_len.min(read);
        let same = start[..known] == self.start[..known];
        if same && read > self.start_len {
            (self.start, self.start_len) = (start, read);
        }
        Ok(same)
    }

    /// Reads from the offset on, at most up to `until`, and all that the last look saw if it fits: a
    /// disk may give less at a time, and then a long line would never fill a chunk. 0 bytes is the
    /// end for now.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn read(&mut self, into: &mut [u8], until: Option<u64>) -> io::Result<usize> {
        if self.start_len == 0 && !self.is_whole {
            self.starts_the_same()?;
        }
        let room = until.map_or(u64::MAX, |u| u.saturating_sub(self.offset));
        let room = usize::try_from(room).unwrap_or(usize::MAX).min(into.len());
        let seen = usize::try_from(self.unread()).unwrap_or(usize::MAX);
        let mut len = 0;
        loop {
            let at = self.offset + len as u64;
            let read = self.file.read_at(&mut into[len..room], at)?;
            len += read;
            if read == 0 || len >= seen.min(room) {
                return Ok(len);
            }
        }
    }

    /// These bytes are taken.
    pub fn advance(&mut self, bytes: usize) {
        self.offset += bytes as u64;
        self.stat.len = self.stat.len.max(self.offset);
    }

    /// Starts over after a truncation: the same descriptor is another file from here on, of which
    /// nothing has been seen yet. What the last look saw may be the former's length.
    pub fn restart(&mut self, id: FileId, now: Duration) {
        self.id = id;
        self.first = None;
        self.line = None;
        self.start_len = 0;
        (self.sample, self.former) = (None, [None; FORMER]);
        self.stat.len = 0;
        self.cut = false;
        self.grew_at = now;
        self.looks = Looks::from(now);
        self.seek(0);
    }
}
