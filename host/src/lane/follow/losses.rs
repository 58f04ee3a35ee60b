//! What is lost: files that are cut, given up, damaged, or gone before the agent could read them. It is
//! counted in the books, and told in the container's own stream by a marker record, which no filter
//! sees, since it is the agent's and not the container's.

use std::sync::Arc;

use super::Follow;
use super::file::File;
use crate::checkpoint::store::FileKey;
use crate::clock::Now;
use crate::lane::stages::{Stages, Standing, Way};
use crate::lane::{LeftBehind, Setup};
use crate::record::{Cause, Container, Ledger, Receipt};

/// A restart number that no container has: whatever is read next begins anew.
pub(super) const NO_RESTART: u32 = u32::MAX;

impl Follow {
    /// A file was cut; the same descriptor is another file from here on. False: that waits for a copy of
    /// what it held.
    pub(super) fn truncated(&mut self, place: usize, now: Now, setup: &Setup) -> bool {
        if self.files[place].is_plain() {
            if self.go_on_in_copy(place, now, setup) {
                return true;
            }
            if self.awaits_copy(place, now) {
                return false;
            }
        }
        let id = setup.next_file_id();
        let file = &mut self.files[place];
        let (former, offset, key) = file.restart_file(id, now.mono);
        let container = file.container.clone();
        self.lost(Cause::Truncated, &container, now, setup, |books| {
            books.depart(former, offset, Cause::Truncated, key.clone(), now.wall)
        });
        self.owe(key.as_ref(), now, setup);
        true
    }

    /// Closes a file before it is read to its end.
    pub fn give_up(&mut self, place: usize, cause: Cause, now: Now, setup: &Setup) {
        let Some(file) = self.files.remove(place) else {
            return;
        };
        setup.metrics.source.open_files.dec();
        let key = file.key().cloned();
        self.lost(cause, &file.container, now, setup, |books| {
            books.depart(
                file.extent,
                file.tail.offset(),
                cause,
                key.clone(),
                now.wall,
            )
        });
        self.owe(key.as_ref(), now, setup);
    }

    /// A file that the last run of the agent had not read to its end is not there any more.
    pub fn missed(&mut self, left: LeftBehind, now: Now, setup: &Setup) {
        let unseen = if self.gone {
            Cause::Deleted
        } else {
            Cause::RotatedAway
        };
        let (cause, at_least) = (left.cause.unwrap_or(unseen), left.cause.is_none());
        let container = self.container.clone();
        self.lost(cause, &container, now, setup, |books| {
            let between = (left.since.min(now.wall), now.wall);
            books.lose_unseen(cause, left.bytes, at_least, left.key, between);
            left.bytes
        });
    }

    /// Has the checkpoint remember what is to be told of a file that is gone, until it is told.
    pub(super) fn owe(&self, key: Option<&FileKey>, now: Now, setup: &Setup) {
        let Some(key) = key else { return };
        match self.books.owed(key) {
            Some(owed) => setup
                .board
                .owe(key, owed, &self.folder, now.wall / 1_000_000_000),
            None => setup.board.told(key),
        }
    }

    fn lost(
        &mut self,
        cause: Cause,
        container: &Container,
        now: Now,
        setup: &Setup,
        book: impl FnOnce(&mut super::books::Books) -> u64,
    ) {
        let bytes = book(&mut self.books);
        // What was left unfinished before the gap is not completed by what stands behind it.
        self.restart = NO_RESTART;
        self.read_at = now.mono;
        setup.metrics.source.lost_bytes.inc_by(bytes);
        tracing::warn!(
            container = container.label(),
            lost_bytes = bytes,
            cause = cause.text(),
            "a part of a container's log is gone"
        );
    }

    /// Sends a marker for what was lost, past the filters.
    pub fn mark_losses(&mut self, now: Now, stages: &mut Stages, setup: &Setup) {
        if !self.books.has_losses_to_mark() {
            return;
        }
        let routed = match &self.standing {
            Standing::Reads(routed) if stages.has_room(routed) => routed,
            Standing::Reads(_) | Standing::Waits(_) => return,
            Standing::Skips => {
                // Nobody reads it, so nobody misses anything.
                self.books.take_losses();
                self.hear_of_markers(true, now, setup);
                return;
            }
        };
        let receipt = Receipt::new(self.slot, setup.news.clone());
        let times = stages.times(routed, now);
        let markers = self.books.take_markers(receipt, &times, now);
        let container = Arc::clone(&self.container);
        let way = Way {
            slot: self.slot,
            container: &container,
            routed,
            held: &mut self.held,
        };
        stages.deliver(markers, &way, now);
    }

    /// Bytes of files that are deleted, and that only this agent keeps on the disk.
    #[must_use]
    pub fn pinned(&self) -> u64 {
        self.files.iter().map(File::pinned).sum()
    }

    /// The file that has been without a name for longest, of those that are pinned.
    #[must_use]
    pub fn oldest_pinned(&self) -> Option<(std::time::Duration, usize)> {
        let pinned = self
            .files
            .iter()
            .enumerate()
            .filter(|(_, f)| f.pinned() > 0);
        pinned
            .filter_map(|(place, f)| Some((f.unlinked_at?, place)))
            .min()
    }

    /// The books as of now.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        let mut ledger = self.books.ledger(self.files.iter().map(|f| &f.extent));
        ledger.pinned_bytes = self.pinned();
        ledger
    }

    /// Posts the books, if anything changed in them.
    pub fn post(&mut self, setup: &Setup) {
        let ledger = self.ledger();
        if self.posted != Some(ledger) {
            self.posted = Some(ledger);
            let ledgers = &setup.metrics.ledgers;
            ledgers.post(&self.folder, &self.container, ledger);
        }
    }

    /// What is wrong with the books, if anything is: they balance, and agree with what is on its way.
    /// For debug builds and tests.
    #[must_use]
    pub fn mistake(&self) -> Option<String> {
        let ledger = self.ledger();
        let going = self.issued - self.answered + self.partials.source_bytes();
        let again = |f: &File| f.tail.offset() < f.extent.read_to();
        let agrees =
            self.rewinding || self.files.iter().any(again) || ledger.unsettled_bytes == going;
        (!ledger.balances() || !agrees)
            .then(|| format!("{}: {going} bytes on their way, {ledger:?}", self.folder))
    }
}
