//! One file of a container: where reading stands, and how far it is settled; `ending` is when it may be left
//! for the next one.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::packed::Packed;
use crate::checkpoint::board::Board;
use crate::checkpoint::store::{Behind, FileKey};
use crate::checkpoint::watermark::Watermark;
use crate::clock::Now;
use crate::lane::account::Kept;
use crate::lane::account::extent::Extent;
use crate::record::{Container, FileId};
use crate::source::log_file::decode::Format;
use crate::source::log_file::sample::inode_id;
use crate::source::log_file::sighting::Found;
use crate::source::log_file::tail::Tail;

/// A file whose successor is there is given this long for late writes: the runtime opens the new file
/// a moment before it leaves the old one (0.3-1.1 ms were seen).
pub const SUPERSEDED_EMPTY: Duration = Duration::from_millis(500);
/// Lines that are read within this time of each other may belong to one event, nanoseconds.
const TOGETHER_NANOS: u64 = 2_000_000_000;

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
    /// Its compressed form, to go on in should it have to be given up.
    pub packed: Option<Packed>,
    pub format: Format,
    /// When it was found to be cut, while its copy is waited for.
    pub cut_at: Option<Duration>,
    /// The time of the last line that had one of its own, and when that was read.
    timed: Option<(u64, u64)>,
    /// Until when it waits for its container's id, where its records are sent with that.
    pub id_until: Option<Duration>,
    key: Option<FileKey>,
    /// What the checkpoint called it before reading went on in a copy.
    pub(super) former_key: Option<FileKey>,
    /// Its content is new, whatever the checkpoint says of one that starts the same.
    fresh: bool,
    /// How long it was said to be when it was found.
    pub said: u64,
    damage: Damage,
    /// The length at which the last line was found unfinished.
    pub torn_at: Option<u64>,
}

/// Whether a file is damaged behind what could be read of it.
#[derive(PartialEq, Eq)]
enum Damage {
    Unseen,
    /// It is, and no marker for it was taken yet.
    Untold,
    Told,
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
    let head = (head.len, head.hash);
    FileKey::of_log(&container.pod_uid, &container.name, restart, head)
}

impl Kept for File {
    fn extent(&self) -> &Extent {
        &self.extent
    }

    fn extent_mut(&mut self) -> &mut Extent {
        &mut self.extent
    }

    fn key(&self) -> Option<&FileKey> {
        self.key.as_ref()
    }

    fn commit(&self, board: &Board, folder: &str, now: Now) {
        let Some(key) = &self.key else { return };
        let settled = self.extent.watermark();
        let untold = self.is_untold();
        let open = self.superseded_at.is_none() || untold;
        let waits = open || settled.prefix() < self.extent.seen_to();
        let lacks_from = self.lacks_from();
        let beyond = lacks_from.map_or(0, |end| settled.settled_beyond(end));
        let behind = waits.then(|| Behind {
            // There is more of it than can be read, which the next start finds out as well.
            len: self.extent.seen_to() - beyond + u64::from(untold),
            folder: folder.to_owned(),
            cause: None,
        });
        // The next start finds no more than the copy has.
        let within = lacks_from.map(|end| settled.up_to(end));
        let settled = within.as_ref().unwrap_or(settled);
        board.commit(key, settled, behind, now.wall / 1_000_000_000);
        if let Some(sample) = self.tail.sample().filter(|_| !self.tail.is_cut()) {
            board.note(key, sample);
        }
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
        let is_plain = found.format != Format::Container;
        if is_plain && let Err(error) = tail.make_plain() {
            // What cannot be read now is found out at the next look.
            tracing::debug!(%error, "a file's beginning cannot be read");
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
            packed: None,
            format: found.format,
            cut_at: None,
            timed: None,
            id_until: found.id_may_come.then(|| now + id_wait),
            key: None,
            former_key: None,
            fresh: from_end,
            said: len,
            damage: Damage::Unseen,
            torn_at: None,
        };
        file.note_size(now);
        file
    }

    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.format != Format::Container
    }

    /// The checkpoint knows it as this, and so far.
    pub fn know_as(&mut self, key: FileKey, settled: Option<Watermark>) {
        self.key = Some(key);
        if let Some(settled) = settled {
            self.tail.seek(settled.prefix());
            self.extent = Extent::resume(self.tail.id, settled);
            self.extent.saw(self.tail.stat().len);
        }
    }

    /// The checkpoint knows it as another from now on; gives back as what it knew it before.
    pub fn rename_key(&mut self, key: FileKey) -> Option<FileKey> {
        self.former_key = self.key.replace(key);
        self.former_key.clone()
    }

    /// The time of a plain line that tells none: that of the last one that did, if both are read
    /// together, as the lines of one event are; else that of reading.
    #[must_use]
    pub fn untimed(&self, now: u64) -> u64 {
        let together = |(_, read): &(u64, u64)| now.saturating_sub(*read) < TOGETHER_NANOS;
        self.timed.filter(together).map_or(now, |(time, _)| time)
    }

    /// A line told its time.
    pub fn told_time(&mut self, time: Option<u64>, now: u64) {
        self.timed = time.map(|time| (time, now)).or(self.timed);
    }

    /// When its first line was written, if that is known.
    pub fn time(&mut self) -> Option<u64> {
        // What cannot be read now is asked for again.
        self.tail.first().ok().flatten()?.time
    }

    /// Whether this file of the same restart was written after the other: by the time of the first
    /// line, and where one of them has none, by birth. Where both are silent, by order of arrival.
    pub fn is_newer_than(&mut self, other: &mut File) -> bool {
        if self.is_plain() {
            return self.tail.stat().modified > other.tail.stat().modified;
        }
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
        if self.is_plain() {
            self.key = Some(board.fresh_plain(folder, inode_id(&self.tail.stat().inode)));
            self.commit(board, folder, now);
            return;
        }
        // A head that cannot be read now is asked for again before the first line is taken.
        let Ok(Some(first)) = self.tail.first() else {
            return;
        };
        let key = key(&self.container, self.restart, &first.head);
        let known = board.watermark(&key).filter(|_| !self.fresh);
        if known
            .as_ref()
            .is_some_and(|k| self.tail.reach(k.end()).is_err())
        {
            return;
        }
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

    /// Bytes stand there that a read would get on with.
    #[must_use]
    pub fn has_unread(&self) -> bool {
        self.tail.unread() > 0 && self.torn_at != Some(self.tail.stat().len)
    }

    /// When there may be something to read.
    #[must_use]
    pub fn due(&self) -> Duration {
        let look = self.tail.next_look();
        match self.superseded_at {
            _ if self.has_unread() => Duration::ZERO,
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

    /// Whether it has grown since the last look.
    pub fn has_grown(&mut self, now: Duration) -> bool {
        self.has_unread() || (self.look(now).is_ok() && self.has_unread())
    }

    /// Leaves out what is settled already. Says how far to read at most: to where the unsettled run
    /// ends, or where reading stood before it went back, so that a batch is read for the first time
    /// as a whole or not at all.
    pub fn skip_settled(&mut self) -> Option<u64> {
        let (from, until) = self.extent.watermark().next_unsettled(self.tail.offset());
        if from != self.tail.offset() {
            self.tail.go_to(from);
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

    /// How many bytes are missing behind its end, at least, where that is damaged; said once.
    pub fn take_damage(&mut self) -> Option<u64> {
        if !self.compressed || !self.read_out || self.damage != Damage::Unseen {
            return None;
        }
        let missing = self.tail.missing()?;
        self.extent.shorten(self.tail.stat().len);
        self.damage = Damage::Untold;
        Some(missing)
    }

    /// That it is damaged is told: whoever finds it again passes over the rest.
    pub fn pass_over_damage(&mut self) {
        if self.damage == Damage::Untold {
            self.damage = Damage::Told;
            self.extent.ends_at(self.tail.stat().len, self.said);
        }
    }

    /// The same descriptor is another file from here on; gives back what it was, and how far it was
    /// read.
    pub fn restart_file(&mut self, id: FileId, now: Duration) -> (Extent, u64, Option<FileKey>) {
        let offset = self.tail.offset();
        self.tail.restart(id, now);
        let former = std::mem::replace(&mut self.extent, Extent::new(id, 0));
        self.torn_at = None;
        self.cut_at = None;
        self.timed = None;
        self.read_out = false;
        self.fresh = true;
        self.former_key = None;
        self.packed = None;
        (former, offset, self.key.take())
    }

    /// Goes back to the oldest unsettled byte.
    pub fn rewind(&mut self) {
        self.tail.go_to(self.extent.watermark().prefix());
        self.torn_at = None;
        self.read_out &= self.tail.unread() == 0;
    }

    /// Whether everything that was seen of it is read and settled.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.tail.unread() == 0 && self.extent.unread() + self.extent.unsettled() == 0
    }

    /// It is damaged, and that is not told yet.
    #[must_use]
    pub fn is_untold(&self) -> bool {
        self.damage == Damage::Untold
    }
}
