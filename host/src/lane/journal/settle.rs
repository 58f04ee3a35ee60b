//! What comes back for a journal, and what is lost of it. Against a container's files there is one more
//! way to lose: journald deletes its oldest files, and empties them, so that holding one open keeps
//! nothing. What was not read of it is counted, in bytes and entries, and marked.

use std::path::Path;
use std::time::Duration;

use super::Journal;
use crate::checkpoint::store::FileKey;
use crate::clock::Now;
use crate::filter::chain::Held;
use crate::lane::Setup;
use crate::lane::stages::{Stages, Standing, Way};
use crate::record::{Batch, Cause, Columns, Fate, Ledger, News, Receipt};
use crate::route::PodState;

impl Journal {
    /// Takes the news of a receipt.
    pub fn hear(&mut self, news: News, now: Now, setup: &Setup) {
        let bytes: u64 = news.ranges.iter().map(|r| r.to - r.from).sum();
        self.answered += bytes;
        let settled = news.fate == Fate::Settled;
        if news.markers > 0 {
            self.hear_of_markers(settled, setup);
        }
        if !settled {
            setup.metrics.source.read_again_bytes.inc_by(bytes);
            if bytes > 0 {
                self.rewinding = true;
                self.abandon_suspended();
            }
            return;
        }
        setup.metrics.source.settled_bytes.inc_by(bytes);
        self.books.records += news.tally;
        for range in news.ranges {
            let file = self.files.iter_mut().find(|f| f.extent.id == range.file);
            let Some(file) = file else {
                self.books.settle_departed(range.file, range.from, range.to);
                continue;
            };
            let (moved, bytes) = file.extent.settle(range.from, range.to);
            self.books.settled(bytes);
            if moved {
                file.commit(&setup.board, &self.folder, now);
            }
        }
    }

    fn hear_of_markers(&mut self, settled: bool, setup: &Setup) {
        if !settled {
            self.books.mark_again();
            return;
        }
        let keys = self.books.marked().into_iter().flat_map(|loss| loss.keys);
        keys.for_each(|(key, _)| setup.board.told(&key));
    }

    /// What there is to do beside reading, after each step. `around`: once a second or so.
    pub fn tidy(&mut self, now: Now, around: bool, stages: &mut Stages, setup: &Setup) {
        if !self.draining {
            self.flush_idle(now, stages, setup);
        }
        self.rewind_if_answered(now, setup);
        self.mark_losses(now, stages, setup);
        self.close_finished(now, setup);
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
            if !self.streams[number].held.is_empty() && !self.rewinding {
                let empty = Batch {
                    columns: Columns::default(),
                    receipt: Receipt::new(self.slot, setup.news.clone()),
                };
                self.hand_on(number, empty, true, now, stages, setup);
            }
        }
    }

    /// Goes back to the oldest unsettled entry, once nothing is on its way any more.
    fn rewind_if_answered(&mut self, now: Now, setup: &Setup) {
        if self.rewinding {
            self.waiting.clear();
        }
        if !self.rewinding || !self.is_answered() {
            return;
        }
        for stream in &mut self.streams {
            self.answered += stream.held.forget();
        }
        let lost = self.books.give_up_departed(now.wall);
        setup.metrics.source.lost_bytes.inc_by(lost);
        self.rewinding = false;
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
                        self.rewinding = true;
                        return;
                    }
                }
            }
        }
    }

    fn close_finished(&mut self, now: Now, setup: &Setup) {
        let (books, folder) = (&mut self.books, &self.folder);
        self.files.retain(|file| {
            let finished = file.is_finished();
            if finished {
                books.close(&file.extent);
                file.commit(&setup.board, folder, now);
                setup.board.told(&file.key);
                setup.metrics.source.open_files.dec();
            }
            !finished
        });
    }

    /// Looks at the files that wait behind the one being read, posts what there is to lose, and the
    /// books.
    fn look_around(&mut self, now: Now, setup: &Setup) {
        let reading = self.place().unwrap_or(0);
        let mut place = 0;
        while let Some(file) = self.files.get_mut(place) {
            let waits = place > reading && file.next_look() + LOOK_WAITING <= now.mono;
            match if waits { file.look(now.mono) } else { Ok(()) } {
                Ok(()) => {
                    file.commit(&setup.board, &self.folder, now);
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
        let bytes = self
            .books
            .depart(file.extent, offset, cause, Some(file.key), now.wall);
        if entries > 0 {
            self.books.lose_entries(cause, entries, now.wall);
        }
        self.tell(cause, &file.path, entries, bytes, setup);
    }

    /// Entries in the midst of a file cannot be read.
    pub(super) fn damaged(&mut self, place: usize, entries: u64, now: Now, setup: &Setup) {
        self.books.lose_entries(Cause::Damaged, entries, now.wall);
        let path = self.files[place].path.clone();
        self.tell(Cause::Damaged, &path, entries, 0, setup);
    }

    fn tell(&self, cause: Cause, path: &Path, entries: u64, bytes: u64, setup: &Setup) {
        setup.metrics.source.lost_bytes.inc_by(bytes);
        setup.metrics.source.lost_entries.inc_by(entries);
        let (path, cause) = (path.display(), cause.text());
        tracing::warn!(%path, entries, bytes, cause, "a part of the journal is gone");
    }

    /// A file that the last run of the agent had not read to its end is not there any more.
    pub fn missed(&mut self, key: FileKey, bytes: u64, since: u64, now: Now, setup: &Setup) {
        self.books.lose_unseen(
            Cause::Vacuumed,
            bytes,
            true,
            key,
            (since.min(now.wall), now.wall),
        );
        self.tell(Cause::Vacuumed, Path::new(&self.folder), 0, bytes, setup);
    }

    /// Sends a marker for what was lost, past the filters: where the journal as a whole goes, or else
    /// where any of its streams does.
    fn mark_losses(&mut self, now: Now, stages: &mut Stages, setup: &Setup) {
        if !self.books.has_losses_to_mark() {
            return;
        }
        let (own, _) = stages.route(&self.container, PodState::Known);
        let own = match &own {
            Some(Standing::Reads(routed)) => Some((self.slot, &self.container, routed)),
            _ => None,
        };
        let any = || {
            let at = self.streams.iter().position(|s| s.routed().is_some())?;
            let stream = &self.streams[at];
            Some((stream.slot, &stream.container, stream.routed()?))
        };
        let Some((slot, container, routed)) = own.or_else(any) else {
            // Nobody reads it, so nobody misses anything.
            self.books.take_losses();
            self.hear_of_markers(true, setup);
            return;
        };
        if !stages.has_room(routed) {
            return;
        }
        let receipt = Receipt::new(self.slot, setup.news.clone());
        let times = stages.times(routed, now);
        let markers = self.books.take_markers(receipt, &times, now);
        // No filter sees it.
        let mut held = Held::default();
        let way = Way {
            slot,
            container,
            routed,
            held: &mut held,
        };
        stages.deliver(markers, &way, now);
    }

    /// The books as of now.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.books.ledger(self.files.iter().map(|f| &f.extent))
    }

    fn post(&mut self, setup: &Setup) {
        let ledger = self.ledger();
        if self.posted != Some(ledger) {
            self.posted = Some(ledger);
            let ledgers = &setup.metrics.ledgers;
            ledgers.post(&self.folder, &self.container, ledger);
        }
    }

    /// What is wrong with the books, if anything is. For debug builds and tests.
    fn mistake(&self) -> Option<String> {
        let ledger = self.ledger();
        let going = self.issued - self.answered;
        let mut files = self.files.iter();
        let again = self.rewinding || files.any(|f| f.reader.offset() < f.extent.read_to());
        let agrees = again || ledger.unsettled_bytes == going;
        (!ledger.balances() || !agrees)
            .then(|| format!("{}: {going} bytes on their way, {ledger:?}", self.folder))
    }
}

/// A file whose look is so much overdue is one that waits for its turn.
const LOOK_WAITING: Duration = Duration::from_millis(500);
