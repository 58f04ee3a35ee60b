//! What comes back for a journal, and what is lost of it. Against a container's files there is one more
//! way to lose: journald deletes its oldest files, and empties them, so that holding one open keeps
//! nothing. What was not read of it is counted, in bytes and entries, and marked.

use std::path::Path;

use super::Journal;
use super::file::File;
use crate::clock::Now;
use crate::lane::account::{Kept, WAITING_LOOK};
use crate::lane::stages::{Stages, Standing};
use crate::lane::{LeftBehind, Setup};
use crate::record::{Batch, Cause, Columns, Ledger, News, Receipt};
use crate::route::PodState;

/// Runs of entries that wait until their damage is told; what is more is told only by this run.
const DAMAGED_MAX: usize = 1024;

impl Journal {
    /// Takes the news of a receipt.
    pub fn hear(&mut self, news: News, now: Now, setup: &Setup) {
        if self.account.hear(news, &mut self.files, now, setup) {
            self.abandon_suspended();
        }
    }

    /// What there is to do beside reading, after each step. `around`: once a second or so.
    pub fn tidy(&mut self, now: Now, around: bool, stages: &mut Stages, setup: &Setup) {
        if !self.draining {
            self.flush_idle(now, stages, setup);
        }
        self.rewind_if_answered(now, setup);
        self.mark_losses(now, stages, setup);
        if self.account.books.is_all_marked() {
            self.damaged.drain(..).for_each(Receipt::settle);
        }
        self.account
            .close_finished(&mut self.files, |f| f.is_finished(), now, setup);
        if around {
            self.look_around(now, setup);
        }
        debug_assert_eq!(self.mistake(), None);
    }

    /// Lets go what filters hold, when everything is read and nothing more came for a while.
    fn flush_idle(&mut self, now: Now, stages: &mut Stages, setup: &Setup) {
        let quiet = now.mono.saturating_sub(self.read_at) >= setup.hold_idle;
        let unread = self.front().is_some_and(|f| f.reader.unread() > 0);
        let behind = unread || !self.waiting.is_empty();
        if !quiet || behind || !self.may_read(now.mono) || self.suspended().is_some() {
            return;
        }
        self.flush_held(now, stages, setup);
    }

    /// Lets go what filters hold.
    pub(super) fn flush_held(&mut self, now: Now, stages: &mut Stages, setup: &Setup) {
        for number in 0..self.streams.len() {
            if !self.streams[number].held.is_empty() && !self.account.rewinding {
                let empty = Batch {
                    columns: Columns::default(),
                    receipt: Receipt::new(self.account.slot, setup.news.clone()),
                };
                self.hand_on(number, empty, true, now, stages, setup);
            }
        }
    }

    /// Goes back to the oldest unsettled entry, once nothing is on its way any more.
    fn rewind_if_answered(&mut self, now: Now, setup: &Setup) {
        if self.account.rewinding {
            self.waiting.clear();
            self.damaged.clear();
        }
        if !self.account.rewinding || !self.is_answered() {
            return;
        }
        let held = self.streams.iter_mut().map(|s| s.held.forget()).sum();
        self.account.begin_again(held, now, setup);
        self.read_at = now.mono;
        let mut place = 0;
        while let Some(file) = self.files.get_mut(place) {
            match file.rewind() {
                Ok(()) => place += 1,
                // What is only unreadable for now is rewound once more.
                Err(error) => {
                    let files = self.files.len();
                    let entries = self.files[place].reader.unread();
                    self.unreadable(place, &error, entries, now, setup);
                    if self.files.len() == files {
                        self.account.rewinding = true;
                        return;
                    }
                }
            }
        }
    }

    /// Looks at the files that wait behind the one being read, posts what there is to lose, and the
    /// books.
    fn look_around(&mut self, now: Now, setup: &Setup) {
        let reading = self.place().unwrap_or(0);
        let mut place = 0;
        while let Some(file) = self.files.get_mut(place) {
            let waits = place > reading && file.next_look() + WAITING_LOOK <= now.mono;
            match if waits { file.look(now.mono) } else { Ok(()) } {
                Ok(()) => {
                    file.commit(&setup.board, &self.account.folder, now);
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
        let Some(file) = self.files.remove(place) else {
            return;
        };
        setup.metrics.source.open_files.dec();
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

    /// Tells what was lost: where the journal as a whole goes, or else where any of its streams does.
    fn mark_losses(&mut self, now: Now, stages: &mut Stages, setup: &Setup) {
        if !self.account.books.has_losses_to_mark() {
            return;
        }
        let (own, _) = stages.route(&self.container, PodState::Known);
        let own = match &own {
            Some(Standing::Reads(routed)) => Some((self.account.slot, &self.container, routed)),
            _ => None,
        };
        let any = || {
            let at = self.streams.iter().position(|s| s.routed().is_some())?;
            let stream = &self.streams[at];
            Some((stream.slot, &stream.container, stream.routed()?))
        };
        self.account
            .mark_losses(own.or_else(any), now, stages, setup);
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
        let again = |f: &File| f.reader.offset() < f.extent.read_to();
        let again = self.files.iter().any(again);
        self.account.mistake(self.ledger(), 0, again)
    }
}
