//! One file of a container: where reading stands, and how far it is settled. It knows when it may be
//! left for the next one, and when nothing more can come.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::extent::Extent;
use crate::checkpoint::board::Board;
use crate::checkpoint::store::{Behind, FileKey};
use crate::clock::Now;
use crate::record::{Container, FileId};
use crate::source::container_log::discover::Found;
use crate::source::log_file::tail::Tail;

/// A file whose successor is there gets so long for late writes: the runtime opens the new file a
/// moment before it leaves the old one (0.3-1.1 ms were seen).
const SUPERSEDED_EMPTY: Duration = Duration::from_millis(500);
/// It stays open so much longer, and is read again should it grow.
const LINGER: Duration = Duration::from_secs(2);
/// An unlinked file that does not grow is closed after so long.
const UNLINKED_LINGER: Duration = Duration::from_secs(10);

pub struct File {
    pub tail: Tail,
    pub extent: Extent,
    pub restart: u32,
    /// The container as its path tells it.
    pub found: Arc<Container>,
    /// The same with all that is known of it.
    pub container: Arc<Container>,
    /// Read to its end, and the next file has begun.
    pub read_out: bool,
    /// When the next file appeared.
    pub superseded_at: Option<Duration>,
    /// When it was first seen without a name.
    pub unlinked_at: Option<Duration>,
    pub compressed: bool,
    /// Until when it waits for its container's id, where its records are sent with that.
    pub id_until: Option<Duration>,
    key: Option<FileKey>,
    /// Its content is new, whatever the checkpoint says of one that starts the same.
    fresh: bool,
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
    Truncated,
}

/// What a file that was found is called in the checkpoint, if that is known already.
#[must_use]
pub fn key_of(found: &Found) -> Option<FileKey> {
    let first = found.first?;
    Some(key(&found.container, found.restart, &first.head))
}

/// What a file is called in the checkpoint.
#[must_use]
pub fn key(
    container: &Container,
    restart: u32,
    head: &crate::source::log_file::identity::Head,
) -> FileKey {
    FileKey {
        pod_uid: container.pod_uid.clone(),
        container: container.name.clone(),
        restart,
        head: (head.len, head.hash),
    }
}

impl File {
    /// `id_wait`: how long it waits for its container's id.
    pub fn new(found: Found, id: FileId, from_end: bool, now: Duration, id_wait: Duration) -> Self {
        let len = found.stat.len;
        let mut tail = Tail::new(id, found.file, found.stat, found.first, now);
        if from_end && tail.seek_end().is_err() {
            tail.seek(len);
        }
        if found.compressed {
            tail.make_whole();
        }
        let mut file = Self {
            extent: Extent::new(id, tail.offset()),
            tail,
            restart: found.restart,
            found: found.container.clone(),
            container: found.container,
            read_out: false,
            superseded_at: None,
            unlinked_at: None,
            compressed: found.compressed,
            id_until: found.id_may_come.then(|| now + id_wait),
            key: None,
            fresh: from_end,
            torn_at: None,
        };
        file.note_size(now);
        file
    }

    #[must_use]
    pub fn key(&self) -> Option<&FileKey> {
        self.key.as_ref()
    }

    /// When its first line was written, if that is known.
    pub fn time(&mut self) -> Option<u64> {
        // What cannot be read now is asked for again.
        self.tail.first().ok().flatten()?.time
    }

    /// Whether this file of the same restart was written after the other: by the time of the first
    /// line, and where one of them has none, by birth. Where both are silent, by order of arrival.
    pub fn is_newer_than(&mut self, other: &mut File) -> bool {
        if let (Some(own), Some(others)) = (self.time(), other.time()) {
            return own > others;
        }
        let birth = |file: &File| file.tail.stat().inode.birth;
        let plain = !self.compressed && !other.compressed;
        plain && birth(other) > 0 && birth(self) > birth(other)
    }

    /// Finds out what the file is called in the checkpoint, as soon as its first line is there, and
    /// goes on where the last run of the agent stopped.
    pub fn learn_key(&mut self, board: &Board, folder: &str, now: Now) {
        if self.key.is_some() {
            return;
        }
        // A head that cannot be read now is asked for again before the first line is taken.
        let Ok(Some(first)) = self.tail.first() else {
            return;
        };
        let key = key(&self.container, self.restart, &first.head);
        let known = board.watermark(&key).filter(|_| !self.fresh);
        self.key = Some(key);
        match known {
            // Shorter than what was settled of it: cut meanwhile, and all of it is new.
            Some(known) if known.end() <= self.tail.stat().len && !self.extent.is_begun() => {
                self.tail.seek(known.prefix());
                self.extent = Extent::resume(self.tail.id, known);
                self.extent.saw(self.tail.stat().len);
            }
            _ => self.commit(board, folder, now),
        }
    }

    /// Posts how far it is settled, and how much there is to lose.
    pub fn commit(&self, board: &Board, folder: &str, now: Now) {
        let Some(key) = &self.key else { return };
        let settled = self.extent.watermark();
        let waits = settled.prefix() < self.extent.seen_to() || self.superseded_at.is_none();
        let behind = waits.then(|| Behind {
            len: self.extent.seen_to(),
            folder: folder.to_owned(),
            cause: None,
        });
        board.commit(key, settled, behind, now.wall / 1_000_000_000);
    }

    /// Bytes stand there that a read would get on with.
    #[must_use]
    pub fn has_unread(&self) -> bool {
        self.tail.unread() > 0 && self.torn_at != Some(self.tail.stat().len)
    }

    #[must_use]
    pub fn is_due(&self, now: Duration) -> bool {
        self.has_unread() || self.next_look() <= now
    }

    /// When to look at it again.
    #[must_use]
    pub fn next_look(&self) -> Duration {
        let look = self.tail.next_look();
        match self.superseded_at {
            Some(since) if !self.read_out => look.min(since + SUPERSEDED_EMPTY),
            _ => look,
        }
    }

    #[must_use]
    pub fn is_unlinked(&self) -> bool {
        self.tail.stat().links == 0
    }

    /// Bytes that only this descriptor keeps on the node's disk.
    #[must_use]
    pub fn pinned(&self) -> u64 {
        if self.is_unlinked() && !self.compressed {
            self.tail.stat().len
        } else {
            0
        }
    }

    /// Its last line is not finished yet, and is looked at again when the file grows.
    pub fn torn(&mut self) {
        self.torn_at = Some(self.tail.stat().len);
    }

    /// Asks how long it is, and whether it still has a name.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn look(&mut self, now: Duration) -> io::Result<()> {
        self.tail.look(now)?;
        if !self.tail.is_cut() {
            self.note_size(now);
        }
        Ok(())
    }

    fn note_size(&mut self, now: Duration) {
        self.extent.saw(self.tail.stat().len);
        if self.is_unlinked() {
            self.unlinked_at.get_or_insert(now);
        }
    }

    /// Looks whether there is something to read.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn ready(&mut self, now: Duration, next_has_data: bool) -> io::Result<Ready> {
        // With a successor there, what matters is only whether this one is at its end yet.
        let ending = self.superseded_at.is_some() && !self.read_out;
        if !self.has_unread() && (ending || self.tail.next_look() <= now) {
            self.look(now)?;
            if !self.has_unread() {
                self.end_if_over(now, next_has_data);
            }
        }
        if self.tail.is_cut() {
            return Ok(Ready::Truncated);
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
        self.has_unread() || (self.look(now).is_ok() && self.has_unread())
    }

    /// Nothing can be read as of this moment's look: so it is read out if the next file has begun.
    fn end_if_over(&mut self, now: Duration, next_has_data: bool) {
        if self.tail.unread() > 0 {
            if self.ends_here(now) {
                // A last line without newline: nobody will finish it.
                self.torn_at = None;
            }
            return;
        }
        let late = |since: Duration| now.saturating_sub(since) >= SUPERSEDED_EMPTY;
        self.read_out |= self
            .superseded_at
            .is_some_and(|since| next_has_data || late(since));
    }

    /// Whether its end is the end: what stands there without a newline is the last line.
    #[must_use]
    pub fn ends_here(&self, now: Duration) -> bool {
        let late = |since: Duration| now.saturating_sub(since) >= SUPERSEDED_EMPTY;
        let left = self.superseded_at.is_some_and(late) || self.is_unlinked();
        self.compressed || (late(self.tail.grew_at) && left)
    }

    /// Leaves out what is settled already. Says how far to read at most: to where the unsettled run
    /// ends, or where reading stood before it went back, so that a batch is read for the first time
    /// as a whole or not at all.
    pub fn skip_settled(&mut self) -> Option<u64> {
        let (from, until) = self.extent.watermark().next_unsettled(self.tail.offset());
        if from != self.tail.offset() {
            self.tail.seek(from);
        }
        let again = (from < self.extent.read_to()).then(|| self.extent.read_to());
        until.into_iter().chain(again).min()
    }

    /// These bytes are taken; says whether for the first time.
    pub fn advance(&mut self, bytes: usize) -> bool {
        let first = self.tail.offset() >= self.extent.read_to();
        self.tail.advance(bytes);
        self.extent.read(self.tail.offset());
        first
    }

    /// The same descriptor is another file from here on; gives back what it was, and how far it was
    /// read.
    pub fn restart_file(&mut self, id: FileId, now: Duration) -> (Extent, u64, Option<FileKey>) {
        let offset = self.tail.offset();
        self.tail.restart(id, now);
        let former = std::mem::replace(&mut self.extent, Extent::new(id, 0));
        self.torn_at = None;
        self.read_out = false;
        self.fresh = true;
        (former, offset, self.key.take())
    }

    /// Goes back to the oldest unsettled byte.
    pub fn rewind(&mut self) {
        self.tail.seek(self.extent.watermark().prefix());
        self.torn_at = None;
        self.read_out &= self.tail.unread() == 0;
    }

    /// Whether everything that was seen of it is read and settled.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.tail.unread() == 0 && self.extent.unread() + self.extent.unsettled() == 0
    }

    /// Whether it can be closed: read, settled, and not going to grow.
    pub fn is_finished(&mut self, now: Duration, folder_gone: bool) -> bool {
        // While reading was stopped nobody looked, so what the last look saw is not enough to go by.
        self.seems_finished(now, folder_gone)
            && self.look(now).is_ok()
            && self.seems_finished(now, folder_gone)
    }

    fn seems_finished(&self, now: Duration, folder_gone: bool) -> bool {
        if !self.is_settled() || self.tail.is_cut() {
            return false;
        }
        let late = |since: Duration, wait| now.saturating_sub(since) >= wait;
        if self.read_out {
            return self.superseded_at.is_some_and(|since| late(since, LINGER));
        }
        let unlinked = self.is_unlinked() || folder_gone;
        unlinked && late(self.tail.grew_at, UNLINKED_LINGER)
    }
}
