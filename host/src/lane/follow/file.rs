//! One file of a container: where reading stands, and how far it is settled. It knows when it may be
//! left for the next one, and when nothing more can come.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::checkpoint::board::Board;
use crate::checkpoint::store::FileKey;
use crate::checkpoint::watermark::Watermark;
use crate::clock::Now;
use crate::record::{Container, FileId};
use crate::source::container_log::discover::Found;
use crate::source::container_log::tail::{Look, Tail};

/// A file whose successor is there gets so long for late writes: the runtime opens the new file a
/// moment before it leaves the old one (0.3-1.1 ms were seen).
const SUPERSEDED_EMPTY: Duration = Duration::from_millis(500);
/// It stays open so much longer, and is read again should it grow.
const LINGER: Duration = Duration::from_secs(2);
/// An unlinked file that does not grow is closed after so long.
const UNLINKED_LINGER: Duration = Duration::from_secs(10);

pub struct File {
    pub tail: Tail,
    pub watermark: Watermark,
    pub restart: u32,
    /// The container as its path tells it.
    pub found: Arc<Container>,
    /// The same with all that is known of it.
    pub container: Arc<Container>,
    /// The container as it was when its route was last worked out.
    pub routed_as: Option<Arc<Container>>,
    /// Read to its end, and the next file has begun.
    pub read_out: bool,
    /// When the next file appeared.
    pub superseded_at: Option<Duration>,
    key: Option<FileKey>,
    /// The length at which the last line was found unfinished.
    torn_at: Option<u64>,
}

/// Whether a file can be read.
pub enum Ready {
    Unread,
    /// Nothing now; the files behind it wait for it.
    Waiting,
    /// Nothing ever: go on to the next.
    ReadOut,
    Truncated {
        unread: u64,
    },
}

impl File {
    pub fn new(found: Found, id: FileId, from_end: bool, now: Now, board: &Board) -> Self {
        let mut file = Self {
            tail: Tail::new(id, found.file, found.stat, now.mono),
            watermark: Watermark::default(),
            restart: found.restart,
            found: found.container.clone(),
            container: found.container,
            routed_as: None,
            read_out: false,
            superseded_at: None,
            key: None,
            torn_at: None,
        };
        if from_end {
            file.start_at(file.tail.stat().len);
        }
        file.learn_key(board, now);
        file
    }

    fn start_at(&mut self, offset: u64) {
        self.watermark = Watermark::at(offset);
        self.tail.seek(offset);
    }

    /// What a container's files are sorted by: oldest first.
    pub fn order(&self) -> (u32, u64) {
        (self.restart, self.tail.stat().inode.birth)
    }

    /// Finds out what the file is called in the checkpoint, as soon as its first line is there, and
    /// goes on where the last run of the agent stopped.
    pub fn learn_key(&mut self, board: &Board, now: Now) {
        if self.key.is_some() {
            return;
        }
        // A head that cannot be read now is asked for again before the first line is taken.
        let Ok(Some(head)) = self.tail.head() else {
            return;
        };
        let key = FileKey {
            pod_uid: self.container.pod_uid.clone(),
            container: self.container.name.clone(),
            restart: self.restart,
            head: (head.len, head.hash),
        };
        match board.offset(&key) {
            // Shorter than what was settled of it: cut meanwhile, and all of it is new.
            Some(offset) if offset <= self.tail.stat().len => self.start_at(offset),
            _ => board.commit(&key, self.watermark.prefix(), now.wall / 1_000_000_000),
        }
        self.key = Some(key);
    }

    pub fn commit(&self, board: &Board, now: Now) {
        if let Some(key) = &self.key {
            board.commit(key, self.watermark.prefix(), now.wall / 1_000_000_000);
        }
    }

    /// Bytes stand there that a read would get on with.
    pub fn has_unread(&self) -> bool {
        self.tail.unread() > 0 && self.torn_at != Some(self.tail.stat().len)
    }

    pub fn is_due(&self, now: Duration) -> bool {
        self.has_unread() || self.tail.next_look() <= now
    }

    /// Its last line is not finished yet, and is looked at again when the file grows.
    pub fn torn(&mut self) {
        self.torn_at = Some(self.tail.stat().len);
    }

    /// Looks whether there is something to read.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn ready(&mut self, now: Duration, next_has_data: bool) -> io::Result<Ready> {
        // With a successor there, what matters is only whether this one is at its end yet.
        let ending = self.superseded_at.is_some() && !self.read_out;
        if !self.has_unread() && (ending || self.tail.next_look() <= now) {
            if let Look::Truncated { unread } = self.tail.look(now)? {
                return Ok(Ready::Truncated { unread });
            }
            if !self.has_unread() {
                self.end_if_superseded(now, next_has_data);
            }
        }
        if self.has_unread() {
            self.read_out = false;
            return Ok(Ready::Unread);
        }
        Ok(if self.read_out {
            Ready::ReadOut
        } else {
            Ready::Waiting
        })
    }

    /// Whether it has grown since the last look.
    pub fn has_grown(&mut self, now: Duration) -> bool {
        self.has_unread() || (self.tail.look(now).is_ok() && self.has_unread())
    }

    /// Nothing is unread as of this moment's look: so it is read out if the next file has begun.
    fn end_if_superseded(&mut self, now: Duration, next_has_data: bool) {
        let Some(since) = self.superseded_at else {
            return;
        };
        if next_has_data || now.saturating_sub(since) >= SUPERSEDED_EMPTY {
            if self.tail.unread() > 0 {
                // A last line without newline: nobody will finish it.
                self.torn_at = None;
            } else {
                self.read_out = true;
            }
        }
    }

    /// Whether its end is the end: what stands there without a newline is the last line.
    pub fn ends_here(&self, now: Duration) -> bool {
        let late = |since: Duration| now.saturating_sub(since) >= SUPERSEDED_EMPTY;
        let quiet = late(self.tail.grew_at);
        quiet && (self.superseded_at.is_some_and(late) || self.tail.stat().links == 0)
    }

    /// Leaves out what is settled already; says where the unsettled run ends.
    pub fn skip_settled(&mut self) -> Option<u64> {
        let (from, until) = self.watermark.next_unsettled(self.tail.offset());
        if from != self.tail.offset() {
            self.tail.seek(from);
        }
        until
    }

    /// The same descriptor is another file from here on.
    pub fn restart_file(&mut self, id: FileId) {
        self.tail.restart(id);
        self.watermark = Watermark::default();
        self.key = None;
        self.torn_at = None;
        self.read_out = false;
    }

    /// Goes back to the oldest unsettled byte.
    pub fn rewind(&mut self) {
        self.tail.seek(self.watermark.prefix());
        self.torn_at = None;
        self.read_out &= self.tail.unread() == 0;
    }

    /// Whether it can be closed: read, settled, and not going to grow.
    pub fn is_finished(&mut self, now: Duration, folder_gone: bool) -> bool {
        // While reading was stopped nobody looked, so what the last look saw is not enough to go by.
        self.seems_finished(now, folder_gone)
            && self.tail.look(now).is_ok()
            && self.seems_finished(now, folder_gone)
    }

    fn seems_finished(&self, now: Duration, folder_gone: bool) -> bool {
        if self.tail.unread() > 0 || self.watermark.prefix() < self.tail.offset() {
            return false;
        }
        let late = |since: Duration, wait| now.saturating_sub(since) >= wait;
        if self.read_out {
            return self.superseded_at.is_some_and(|since| late(since, LINGER));
        }
        let unlinked = self.tail.stat().links == 0 || folder_gone;
        unlinked && late(self.tail.grew_at, UNLINKED_LINGER)
    }
}
