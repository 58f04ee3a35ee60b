//! Follows one open file: where it stands, how it grew, when to look again.
//!
//! The offset is always the start of the first line that is not taken yet, so a torn read (a real
//! runtime's writes are seen cut at multiples of 4,096 bytes) costs a second read of one line and
//! no memory. The descriptor outlives rename and unlink: a tail is dropped only by its lane.

use std::io;
use std::time::Duration;

use super::decode::PieceHead;
use super::files::{LogFile, Stat};
use super::identity::{HEAD_BYTES_MAX, Head};
use crate::record::FileId;

/// Shortest and longest time between two looks at a file that does not grow.
pub const LOOK_AFTER_MIN: Duration = Duration::from_millis(50);
pub const LOOK_AFTER_MAX: Duration = Duration::from_secs(1);

pub struct Tail {
    pub id: FileId,
    file: Box<dyn LogFile>,
    /// The file as it was at the last look.
    stat: Stat,
    offset: u64,
    head: Option<Head>,
    /// Set while in the middle of a line that is longer than any chunk.
    pub long_line: Option<PieceHead>,
    next_look: Duration,
    look_after: Duration,
    /// When the file last grew, or was opened.
    pub grew_at: Duration,
}

/// What a look at a file found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// As many bytes stand there unread.
    Unread(u64),
    /// It is shorter than what was read of it: cut, and perhaps written anew from its start.
    /// `unread` bytes were seen and are gone.
    Truncated { unread: u64 },
}

impl Tail {
    #[must_use]
    pub fn new(id: FileId, file: Box<dyn LogFile>, stat: Stat, now: Duration) -> Self {
        Self {
            id,
            file,
            stat,
            offset: 0,
            head: None,
            long_line: None,
            next_look: now,
            look_after: LOOK_AFTER_MIN,
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

    #[must_use]
    pub fn next_look(&self) -> Duration {
        self.next_look
    }

    /// Goes on at `offset`, which is the start of a line.
    pub fn seek(&mut self, offset: u64) {
        self.offset = offset;
        self.long_line = None;
    }

    /// What the file starts with; none while its first line is not complete.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn head(&mut self) -> io::Result<Option<Head>> {
        if self.head.is_none() && self.stat.len > 0 {
            self.head = self.read_head()?;
        }
        Ok(self.head)
    }

    /// Whether the file still starts as it did. If not, it was cut, and is already longer than what
    /// was read of it, so that its length tells nothing.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn is_same(&self) -> io::Result<bool> {
        Ok(self.head.is_none() || self.read_head()? == self.head)
    }

    fn read_head(&self) -> io::Result<Option<Head>> {
        let mut bytes = [0; HEAD_BYTES_MAX];
        let mut len = 0;
        while len < bytes.len() {
            match self.file.read_at(&mut bytes[len..], len as u64)? {
                0 => break,
                n => len += n,
            }
        }
        Ok(Head::of(&bytes[..len]))
    }

    /// Asks the file how long it is, and sets when to ask again: soon while it grows, ever later
    /// while it does not.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn look(&mut self, now: Duration) -> io::Result<Look> {
        let stat = self.file.stat()?;
        let grew = stat.len != self.stat.len;
        self.look_after = if grew {
            self.grew_at = now;
            LOOK_AFTER_MIN
        } else {
            (self.look_after * 2).min(LOOK_AFTER_MAX)
        };
        self.next_look = now + self.look_after;
        if stat.len < self.offset {
            let unread = self.unread();
            self.stat = stat;
            return Ok(Look::Truncated { unread });
        }
        self.stat = stat;
        Ok(Look::Unread(self.unread()))
    }

    /// Reads from the offset on, at most up to `until`, and all that the last look saw if it fits: a
    /// disk may give less at a time, and then a long line would never fill a chunk. 0 bytes is the
    /// end for now.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn read(&self, into: &mut [u8], until: Option<u64>) -> io::Result<usize> {
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

    /// Starts over after a truncation: the same descriptor is another file from here on.
    pub fn restart(&mut self, id: FileId) {
        self.id = id;
        self.head = None;
        self.seek(0);
    }
}
