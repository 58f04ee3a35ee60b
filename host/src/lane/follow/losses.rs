//! What is lost: files that are cut, given up, damaged, or gone before the agent could read them. It is
//! counted in the books, and told in the container's own stream by a marker record, which no filter
//! sees, since it is the agent's and not the container's.

use super::Follow;
use super::file::File;
use crate::clock::Now;
use crate::lane::account::Kept;
use crate::lane::stages::{Stages, Standing};
use crate::lane::{LeftBehind, Setup};
use crate::record::{Cause, Container, Ledger};

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
            self.note_cut(place);
        }
        let id = setup.next_file_id();
        let file = &mut self.files[place];
        let (former, offset, key) = file.restart_file(id, now.mono);
        let container = file.container.clone();
        let (gone, cause) = ((former, offset), Cause::Truncated);
        let bytes = self.account.depart(gone, key.as_ref(), cause, now, setup);
        self.lost(bytes, cause, &container, now);
        true
    }

    /// Lets go of a deleted file before it is read to its end. What nothing else on the disk holds is lost.
    pub fn give_up(&mut self, place: usize, now: Now, setup: &Setup) {
        let goes_on = match self.files[place].is_plain() {
            true => self.leave_for_copy(place, now, setup),
            false => self.go_on_packed(place, now),
        };
        if goes_on {
            return;
        }
        let cause = Cause::GivenUp;
        let Some(file) = self.files.remove(place) else {
            return;
        };
        setup.metrics.source.open_files.dec();
        let (key, container) = (file.key().cloned(), file.container);
        let gone = (file.extent, file.tail.offset());
        let bytes = self.account.depart(gone, key.as_ref(), cause, now, setup);
        self.lost(bytes, cause, &container, now);
    }

    /// Reads the compressed form of a file from here on. False: there is none, or it holds less than was seen.
    fn go_on_packed(&mut self, place: usize, now: Now) -> bool {
        let file = &mut self.files[place];
        let packed = file.packed.take().filter(|_| !file.tail.is_cut());
        let seen = file.extent.seen_to();
        let Some((packed, stat)) = packed.and_then(|packed| packed.reaching(seen)) else {
            return false;
        };
        file.tail.go_on_packed(packed, stat);
        file.extent.saw(stat.len);
        (file.compressed, file.said) = (true, stat.len);
        (file.unlinked_at, file.torn_at) = (None, None);
        file.superseded_at.get_or_insert(now.mono);
        true
    }

    /// A file that is read as far as it can be may be damaged behind that.
    pub(super) fn damaged(&mut self, place: usize, now: Now, setup: &Setup) {
        let Some(bytes) = self.files[place].take_damage() else {
            return;
        };
        let file = &self.files[place];
        let (key, container) = (file.key().cloned(), file.container.clone());
        let metrics = &setup.metrics.source;
        metrics.read_failures.inc();
        metrics.lost_bytes.inc_by(bytes);
        metrics.losses_at_least.inc();
        self.account.books.lose_missing(bytes, key, now.wall);
        file.commit(&setup.board, &self.account.folder, now);
        self.lost(bytes, Cause::Damaged, &container, now);
    }

    /// A file that the last run of the agent had not read to its end is not there any more.
    pub fn missed(&mut self, left: LeftBehind, now: Now, setup: &Setup) {
        let unseen = if self.gone {
            Cause::Deleted
        } else {
            Cause::RotatedAway
        };
        let (cause, bytes) = self.account.miss(left, unseen, now, setup);
        let container = self.container.clone();
        self.lost(bytes, cause, &container, now);
    }

    pub(super) fn lost(&mut self, bytes: u64, cause: Cause, container: &Container, now: Now) {
        // What was left unfinished before the gap is not completed by what stands behind it.
        self.restart = NO_RESTART;
        self.read_at = now.mono;
        tracing::warn!(
            container = container.label(),
            lost_bytes = bytes,
            cause = cause.text(),
            "a part of a container's log is gone"
        );
    }

    /// Tells what was lost.
    pub fn mark_losses(&mut self, now: Now, stages: &mut Stages, setup: &Setup) {
        if !self.account.books.has_losses_to_mark() {
            return;
        }
        let to = match &self.standing {
            Standing::Reads(routed) => Some((self.account.slot, &self.container, routed)),
            Standing::Skips => None,
            Standing::Waits(_) => return,
        };
        self.account.mark_losses(to, now, stages, setup);
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
        let mut ledger = self
            .account
            .books
            .ledger(self.files.iter().map(|f| &f.extent));
        ledger.pinned_bytes = self.pinned();
        ledger
    }

    /// Posts the books.
    pub fn post(&mut self, setup: &Setup) {
        let ledger = self.ledger();
        self.account.post(ledger, &self.container, setup);
    }

    /// What is wrong with the books, if anything is. For debug builds and tests.
    #[must_use]
    pub fn mistake(&self) -> Option<String> {
        let again = |f: &File| f.tail.offset() < f.extent.read_to();
        let again = self.files.iter().any(again);
        let waiting = self.partials.source_bytes();
        self.account.mistake(self.ledger(), waiting, again)
    }
}
