//! One file of a journal: where reading stands, what was left behind that place, and when nothing more can
//! come. Its offsets are those of the file itself, so they mean the same to whoever opens it next.
//!
//! The checkpoint knows how far it was read, and for each unit that has something unsettled below, where
//! that begins. So a restart repeats of each unit only what was on its way of it, whatever the others do.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::checkpoint::board::Board;
use crate::checkpoint::store::{Behind as ToLose, FileKey, Left};
use crate::checkpoint::watermark::Watermark;
use crate::clock::Now;
use crate::lane::Setup;
use crate::lane::account::Kept;
use crate::lane::account::extent::Extent;
use crate::source::journal::discover::Found;
use crate::source::journal::format::State;
use crate::source::journal::reader::{Error, Mark, Reader};
use crate::source::journal::select::Fields;
use crate::source::journal::streams::Streams;
use crate::source::journal::{Config, Start};
use crate::source::log_file::looks::Looks;

use super::behind::Behind;
use super::roster::Roster;
use super::unit::Unit;

/// A file whose successor is there is given this long for late entries, where its writer did not mark it
/// as archived: after a crash it never does.
const SUPERSEDED: Duration = Duration::from_secs(2);
/// Units that the checkpoint tells apart in a file; with more of them a restart repeats more.
const LEFT_MAX: usize = 1024;

pub struct File {
    pub path: PathBuf,
    pub reader: Reader,
    pub sorter: Streams,
    /// The journal's number of each of the file's streams, in one generation of them.
    pub known: Vec<Option<usize>>,
    pub generation: u64,
    pub extent: Extent,
    /// By unit, what is read later.
    pub behind: BTreeMap<usize, Behind>,
    /// Where the last run over what is behind ended.
    pub back: Option<Mark>,
    /// Something is to be posted.
    changed: Cell<bool>,
    pub key: FileKey,
    /// Read to its end, and nothing can be added to it.
    pub read_out: bool,
    /// When the next file appeared.
    pub superseded_at: Option<Duration>,
    looks: Looks,
    /// How many entries it had at the last look.
    entries: u64,
}

/// Where a file begins of which the checkpoint knows nothing.
fn begin(reader: &mut Reader, start: Start, now: Now) -> Result<u64, Error> {
    match start {
        Start::Beginning => Ok(reader.offset()),
        Start::End => reader.end(),
        Start::Back(back) => {
            let back = u64::try_from(back.as_micros()).unwrap_or(u64::MAX);
            reader.seek_time((now.wall / 1000).saturating_sub(back))
        }
    }
}

impl Kept for File {
    fn extent(&self) -> &Extent {
        &self.extent
    }

    fn extent_mut(&mut self) -> &mut Extent {
        &mut self.extent
    }

    fn key(&self) -> Option<&FileKey> {
        Some(&self.key)
    }

    /// The step's end posts it: what is left depends on units as well.
    fn commit(&self, _: &Board, _: &str, _: Now) {
        self.touch();
    }
}

impl File {
    /// Goes on where the last run of the agent stopped, or begins where the configuration says.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(
        found: Found,
        key: FileKey,
        config: &Config,
        roster: &mut Roster,
        now: Now,
        setup: &Setup,
    ) -> Result<Self, Error> {
        let mut reader = found.reader;
        let end = reader.end()?;
        let known = setup.board.watermark(&key).map(|known| known.prefix());
        // Shorter than what was read of it: it was damaged meanwhile, and all of it is looked at.
        let known = known.filter(|known| *known <= end);
        let from = match known {
            Some(known) => known,
            None if found.is_new => reader.offset(),
            None => begin(&mut reader, config.start, now)?,
        };
        reader.seek(from)?;
        let mut extent = Extent::resume(setup.next_file_id(), Watermark::at(from));
        extent.saw(end);
        let mut behind = BTreeMap::new();
        let left = known.map_or_else(Vec::new, |_| setup.board.left(&key));
        for left in left.into_iter().filter(|left| left.from < from) {
            extent.passed_before(left.bytes);
            let to_read = Behind::left(left.from, left.entries, left.bytes);
            behind.insert(roster.unit(&left.unit), to_read);
        }
        reader.idle();
        let entries = reader.header().entries;
        Ok(Self {
            entries,
            path: found.path,
            reader,
            sorter: Streams::new(Fields::new(config.fields.clone())),
            known: Vec::new(),
            generation: 0,
            extent,
            behind,
            back: None,
            changed: Cell::new(true),
            key,
            read_out: false,
            superseded_at: None,
            looks: Looks::from(now.mono),
        })
    }

    /// When its first entry was received; one without entries comes last.
    #[must_use]
    pub fn began(&self) -> u64 {
        match self.reader.header().head_realtime {
            0 => u64::MAX,
            began => began,
        }
    }

    #[must_use]
    pub fn is_due(&self, now: Duration) -> bool {
        self.reader.unread() > 0 || self.looks.next() <= now
    }

    #[must_use]
    pub fn next_look(&self) -> Duration {
        self.looks.next()
    }

    /// Asks what was added; soon again if anything was, ever later if not.
    ///
    /// # Errors
    /// When it cannot be read, or was emptied.
    pub fn look(&mut self, now: Duration) -> Result<(), Error> {
        let end = self.extent.seen_to();
        self.reader.look()?;
        let entries = self.reader.header().entries;
        if std::mem::replace(&mut self.entries, entries) == entries {
            if self.looks.are_rare() {
                self.idle();
            }
        } else {
            self.extent.saw(self.reader.end()?);
        }
        self.looks.looked(now, self.extent.seen_to() - end);
        if self.reader.unread() == 0 {
            self.end_if_over(now);
        }
        Ok(())
    }

    fn end_if_over(&mut self, now: Duration) {
        let late = |since: Duration| now.saturating_sub(since) >= SUPERSEDED;
        let archived = self.reader.header().state == State::Archived;
        if archived || self.superseded_at.is_some_and(late) {
            self.read_out = true;
            self.idle();
        }
    }

    /// Something is to be posted before the step ends.
    pub fn touch(&self) {
        self.changed.set(true);
    }

    /// Gives memory back until the next read.
    pub fn idle(&mut self) {
        self.reader.idle();
        self.sorter.idle();
    }

    /// Posts how far it was read, and what is left of that, if anything changed.
    pub fn post(&self, units: &[Unit], board: &Board, folder: &str, now: Now) {
        if !self.changed.replace(false) {
            return;
        }
        let mut left: Vec<Left> = Vec::new();
        for (number, unit) in units.iter().enumerate() {
            left.extend(self.left_of(number, unit));
        }
        let bytes: u64 = left.iter().map(|l| l.bytes).sum();
        let mut offset = self.extent.read_to();
        if left.len() > LEFT_MAX {
            offset = left.iter().map(|l| l.from).fold(offset, u64::min);
            left.clear();
        }
        let waits = bytes > 0 || self.extent.unread() > 0 || !self.read_out;
        let behind = waits.then(|| ToLose {
            len: self.extent.seen_to() + bytes,
            folder: folder.to_owned(),
            cause: None,
        });
        let seconds = now.wall / 1_000_000_000;
        board.commit_journal(&self.key, offset, left, behind, seconds);
    }

    fn left_of(&self, number: usize, unit: &Unit) -> Option<Left> {
        let behind = self.behind.get(&number);
        let on_way = unit.on_way_of(self.extent.id);
        if behind.is_none() && on_way.is_none() {
            return None;
        }
        let (on_way_from, on_way_bytes) = on_way.unwrap_or((u64::MAX, 0));
        // What is settled of the oldest batch is not repeated, as far as that is known without a list.
        let (on_way_from, _) = self.extent.watermark().next_unsettled(on_way_from);
        let (entries, passed, again) = behind.map_or((0, 0, 0), Behind::sums);
        Some(Left {
            unit: unit.name.clone(),
            from: behind.map_or(u64::MAX, Behind::start).min(on_way_from),
            entries,
            bytes: on_way_bytes + passed + again,
        })
    }

    /// Whether it can be closed.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.read_out && self.behind.is_empty() && self.is_settled()
    }

    /// Bytes that are not settled, read or not.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.extent.unread() + self.extent.unsettled()
    }

    fn is_settled(&self) -> bool {
        self.lag() == 0
    }
}
