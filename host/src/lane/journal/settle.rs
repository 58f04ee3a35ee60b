//! What comes back for a journal, and what is lost of it. Against a container's files there is one more
//! way to lose: journald deletes its oldest files, and empties them, so that holding one open keeps
//! nothing. What was not read of it is counted, in bytes and entries, and marked.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::Journal;
use super::book::lose_behind;
use super::stream::Stream;
use crate::clock::Now;
use crate::lane::account::WAITING_LOOK;
use crate::lane::stages::{Stages, Standing};
use crate::lane::{LeftBehind, Setup};
use crate::record::{Batch, Cause, Columns, Container, Fate, Ledger, News, Receipt};
use crate::route::PodState;

/// The number that its receipts go by, what stands for it among the stages, and how it stands there.
type Reader<'a> = (u32, &'a Arc<Container>, &'a Standing);

/// Runs of entries that wait until their damage is told; what is more is told only by this run.
const DAMAGED_MAX: usize = 1024;

impl Journal {
    /// Whether news of this number are of one of its receipts.
    #[must_use]
    pub fn owns(&self, slot: u32) -> bool {
        self.account.slot == slot || self.roster.by_slot(slot).is_some()
    }

    /// Takes the news of a receipt.
    pub fn hear(&mut self, news: News, now: Now, setup: &Setup) {
        let abandoned = match news.fate {
            Fate::Abandoned => news.ranges.clone(),
            Fate::Settled => Vec::new(),
        };
        let unit = self.roster.by_slot(news.slot);
        if let Some(unit) = unit {
            let unit = &mut self.roster.units[unit];
            news.ranges.iter().for_each(|range| unit.answered(*range));
        }
        self.account.hear(news, &mut self.files, now, setup);
        // It is its unit alone that is read again.
        self.account.rewinding = false;
        let Some(unit) = unit else { return };
        for range in &abandoned {
            match self.files.iter_mut().find(|f| f.extent.id == range.file) {
                Some(file) => {
                    let behind = file.behind.entry(unit).or_default();
                    behind.again(range.from, range.to);
                    file.touch();
                }
                None => self.account.lose_departed(*range, now, setup),
            }
        }
        if !abandoned.is_empty() {
            self.roster.recall(unit);
        }
        let unit = &mut self.roster.units[unit];
        unit.recalls &= !unit.is_answered();
    }

    /// What there is to do beside reading, after each step. `around`: once a second or so.
    pub fn tidy(&mut self, now: Now, around: bool, stages: &mut Stages, setup: &Setup) {
        if !self.draining {
            self.flush_idle(now, stages, setup);
        }
        self.mark_losses(now, stages, setup);
        if self.account.books.is_all_marked() {
            self.damaged.drain(..).for_each(Receipt::settle);
        }
        if around {
            self.look_around(now, setup);
        }
        for file in &self.files {
            file.post(&self.roster.units, &setup.board, &self.account.folder, now);
        }
        self.account
            .close_finished(&mut self.files, |f| f.is_finished(), now, setup);
        debug_assert_eq!(self.mistake(), None);
    }

    /// Lets go what filters hold of a unit, when everything is read and nothing more of it came for a
    /// while.
    fn flush_idle(&mut self, now: Now, stages: &mut Stages, setup: &Setup) {
        let unread = self.front().is_some_and(|f| f.reader.unread() > 0);
        if unread || !self.may_read(now.mono) {
            return;
        }
        self.flush_quiet(setup.hold_idle, now, stages, setup);
    }

    /// Lets go what filters hold.
    pub(super) fn flush_held(&mut self, now: Now, stages: &mut Stages, setup: &Setup) {
        self.flush_quiet(Duration::ZERO, now, stages, setup);
    }

    fn flush_quiet(&mut self, quiet: Duration, now: Now, stages: &mut Stages, setup: &Setup) {
        for number in 0..self.roster.streams.len() {
            let stream = &self.roster.streams[number];
            if stream.held.is_empty() {
                continue;
            }
            let (unit, of) = (&self.roster.units[stream.unit], stream.unit);
            let is_quiet = now.mono.saturating_sub(unit.read_at) >= quiet;
            let stops = unit.is_stopped(now.mono) || self.roster.is_suspended(of);
            let is_behind = self.files.iter().any(|f| f.behind.contains_key(&of));
            if is_quiet && !stops && !is_behind {
                self.flush(number, now, stages, setup);
            }
        }
    }

    /// Lets go what filters hold of a stream.
    pub(super) fn flush(&mut self, number: usize, now: Now, stages: &mut Stages, setup: &Setup) {
        let slot = self.roster.units[self.roster.streams[number].unit].slot;
        let empty = Batch {
            columns: Columns::default(),
            receipt: Receipt::new(slot, setup.news.clone()),
        };
        self.hand_on(number, empty, true, now, stages, setup);
    }

    /// Looks at the files that wait behind the one being read, posts what there is to lose, and the
    /// books.
    fn look_around(&mut self, now: Now, setup: &Setup) {
        let reading = self.place().unwrap_or(0);
        let mut place = 0;
        while let Some(file) = self.files.get_mut(place) {
            let waits = place != reading && file.next_look() + WAITING_LOOK <= now.mono;
            match if waits { file.look(now.mono) } else { Ok(()) } {
                Ok(()) => {
                    file.touch();
                    place += 1;
                }
                Err(error) => {
                    let files = self.files.len();
                    let entries = self.files[place].reader.unread();
                    self.unreadable(place, &error, entries, now, setup);
                    place += usize::from(self.files.len() == files);
                }
            }
        }
        self.post(setup);
    }

    /// Closes a file before it is read to its end.
    pub(super) fn give_up(
        &mut self,
        place: usize,
        cause: Cause,
        entries: u64,
        now: Now,
        setup: &Setup,
    ) {
        let Some(mut file) = self.files.remove(place) else {
            return;
        };
        setup.metrics.source.open_files.dec();
        for (unit, behind) in std::mem::take(&mut file.behind) {
            let unit = &self.roster.units[unit].name;
            lose_behind(
                &mut file,
                unit,
                &behind,
                cause,
                &mut self.account,
                (now, setup),
            );
        }
        let offset = file.reader.offset().min(file.extent.read_to());
        let gone = (file.extent, offset);
        let bytes = self
            .account
            .depart(gone, Some(&file.key), cause, now, setup);
        if entries > 0 {
            self.account.books.lose_entries(cause, entries, now.wall);
        }
        self.tell(cause, &file.path, entries, bytes, setup);
    }

    /// Entries in the midst of a file cannot be read.
    pub(super) fn damaged(&mut self, place: usize, entries: u64, now: Now, setup: &Setup) {
        self.account
            .books
            .lose_entries(Cause::Damaged, entries, now.wall);
        let path = self.files[place].path.clone();
        self.tell(Cause::Damaged, &path, entries, 0, setup);
    }

    /// Their bytes settle once it is told that they are damaged.
    pub(super) fn keep_damaged(&mut self, entries: Receipt) {
        if self.damaged.len() >= DAMAGED_MAX {
            entries.settle();
        } else if !entries.ranges().is_empty() {
            self.damaged.push(entries);
        }
    }

    fn tell(&self, cause: Cause, path: &Path, entries: u64, bytes: u64, setup: &Setup) {
        setup.metrics.source.lost_entries.inc_by(entries);
        let (path, cause) = (path.display(), cause.text());
        tracing::warn!(%path, entries, bytes, cause, "a part of the journal is gone");
    }

    /// A file that the last run of the agent had not read to its end is not there any more.
    pub fn missed(&mut self, left: LeftBehind, now: Now, setup: &Setup) {
        let (cause, bytes) = self.account.miss(left, Cause::Vacuumed, now, setup);
        let folder = Path::new(&self.account.folder);
        self.tell(cause, folder, 0, bytes, setup);
    }

    /// Tells what was lost; later, while whoever is to be told waits for a module.
    fn mark_losses(&mut self, now: Now, stages: &mut Stages, setup: &Setup) {
        if !self.account.books.has_losses_to_mark() {
            return;
        }
        let (own, _) = stages.route(&self.container, PodState::Known);
        let to = match self.reader_of_losses(own.as_ref()) {
            Some((slot, container, Standing::Reads(routed))) => {
                Some((slot, container.clone(), routed.clone()))
            }
            Some((.., Standing::Waits(_))) => return,
            Some((.., Standing::Skips)) | None => None,
        };
        let to = to
            .as_ref()
            .map(|(slot, container, routed)| (*slot, container, routed));
        self.account.mark_losses(to, now, stages, setup);
    }

    /// Who is to be told of losses: whoever reads the unit if one unit lost it, else the journal as a whole,
    /// which stands as `own`, else any of its streams. None: nobody reads anything of it.
    fn reader_of_losses<'a>(&'a self, own: Option<&'a Standing>) -> Option<Reader<'a>> {
        let unit = self.account.books.losses_are_of();
        let is_of_unit = |s: &&Stream| unit == Some(s.container.name.as_str());
        let reader = |s: &'a Stream| {
            let slot = self.roster.units[s.unit].slot;
            (slot, &s.container, &s.standing)
        };
        let streams = || self.roster.streams.iter();
        let own = own.map(|own| (self.account.slot, &self.container, own));
        first(streams().filter(is_of_unit).map(reader))
            .or_else(|| first(own.into_iter()))
            .or_else(|| first(streams().map(reader)))
    }

    /// The books as of now.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.account
            .books
            .ledger(self.files.iter().map(|f| &f.extent))
    }

    fn post(&mut self, setup: &Setup) {
        let ledger = self.ledger();
        self.account.post(ledger, &self.container, setup);
    }

    /// What is wrong with the books, if anything is. For debug builds and tests.
    fn mistake(&self) -> Option<String> {
        let behind = self.files.iter().flat_map(|f| f.behind.values());
        let again: u64 = behind.map(|behind| behind.sums().2).sum();
        self.account.mistake(self.ledger(), again, false)
    }
}

/// The first that reads, else the first that waits.
fn first<'a>(all: impl Iterator<Item = Reader<'a>>) -> Option<Reader<'a>> {
    let takes = all.filter(|(.., standing)| !matches!(standing, Standing::Skips));
    takes.min_by_key(|(.., standing)| matches!(standing, Standing::Waits(_)))
}
