//! What a container and a journal of the node have in common: books, what was handed on and came back of
//! it, and what the checkpoint is told of files.
//!
//! Every byte handed on is `issued`, and comes back `answered`, settled or abandoned. When something was
//! abandoned, its owner reads nothing until all is answered, and then again from its oldest unsettled
//! byte. What is lost is owed to whoever reads the stream: the checkpoint has it until a marker is taken,
//! so that it is told though the agent is killed.

pub mod books;
pub mod extent;
mod loss;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::stages::{Routed, Stages, Way};
use super::{LeftBehind, Setup};
use crate::checkpoint::board::Board;
use crate::checkpoint::store::FileKey;
use crate::clock::Now;
use crate::filter::chain::Held;
use crate::record::{Cause, Container, Fate, FileId, Ledger, News, Range, Receipt};

use books::Books;
use extent::Extent;

/// A file whose look is overdue by this much is waiting for its turn.
pub const WAITING_LOOK: Duration = Duration::from_millis(500);

/// An open file of a container or a journal.
pub trait Kept {
    fn extent(&self) -> &Extent;
    fn extent_mut(&mut self) -> &mut Extent;
    /// What it is called in the checkpoint, if that is known.
    fn key(&self) -> Option<&FileKey>;
    /// Posts how far it is settled, and how much there is to lose, now or before the step ends.
    fn commit(&self, board: &Board, folder: &str, now: Now);
}

pub struct Account {
    /// Where news of its receipts goes.
    pub slot: u32,
    /// What it is called in the checkpoint and where books are shown.
    pub folder: String,
    pub books: Books,
    /// The books as they were last posted.
    posted: Option<Ledger>,
    pub issued: u64,
    answered: u64,
    /// Something was abandoned, and all of it is to be read again.
    pub rewinding: bool,
}

impl Account {
    #[must_use]
    pub fn new(slot: u32, folder: String) -> Self {
        Self {
            slot,
            folder,
            books: Books::default(),
            posted: None,
            issued: 0,
            answered: 0,
            rewinding: false,
        }
    }

    /// Bytes that were handed on and are not answered for.
    #[must_use]
    pub fn going(&self) -> u64 {
        self.issued - self.answered
    }

    /// Takes the news of a receipt. Says whether something has to be read again.
    pub fn hear(
        &mut self,
        news: News,
        files: &mut VecDeque<impl Kept>,
        now: Now,
        setup: &Setup,
    ) -> bool {
        let bytes: u64 = news.ranges.iter().map(|r| r.to - r.from).sum();
        self.answered += bytes;
        let settled = news.fate == Fate::Settled;
        if news.markers > 0 {
            self.hear_of_markers(settled, now, setup);
        }
        if !settled {
            setup.metrics.source.read_again_bytes.inc_by(bytes);
            self.rewinding |= bytes > 0;
            return bytes > 0;
        }
        setup.metrics.source.settled_bytes.inc_by(bytes);
        self.books.records += news.tally;
        let mut moved: Vec<FileId> = Vec::new();
        for range in news.ranges {
            let Some(file) = files.iter_mut().find(|f| f.extent().id == range.file) else {
                // It was cut or given up meanwhile; what is delivered is not lost.
                if let Some((key, settled)) = self.books.settle_departed(range) {
                    setup.board.settle(&key, &settled);
                    self.owe(Some(&key), now, setup);
                }
                continue;
            };
            let (_, bytes) = file.extent_mut().settle(range.from, range.to);
            self.books.settled(bytes);
            if bytes > 0 && moved.last() != Some(&range.file) {
                moved.push(range.file);
            }
        }
        for file in files.iter().filter(|f| moved.contains(&f.extent().id)) {
            file.commit(&setup.board, &self.folder, now);
        }
        false
    }

    fn hear_of_markers(&mut self, settled: bool, now: Now, setup: &Setup) {
        if !settled {
            self.books.mark_again();
            return;
        }
        let keys = self.books.marked().into_iter().flat_map(|loss| loss.keys);
        keys.for_each(|(key, _)| self.owe(Some(&key), now, setup));
    }

    /// Has the checkpoint remember what is to be told of a file that is gone, until it is told.
    pub fn owe(&self, key: Option<&FileKey>, now: Now, setup: &Setup) {
        let Some(key) = key else { return };
        match self.books.owed(key) {
            Some(owed) => setup
                .board
                .owe(key, owed, &self.folder, now.wall / 1_000_000_000),
            None => setup.board.told(key),
        }
    }

    /// Nothing is on its way any more, and reading begins anew. `taken_back`: bytes that filters held.
    pub fn begin_again(&mut self, taken_back: u64, now: Now, setup: &Setup) {
        self.answered += taken_back;
        let lost = self.books.give_up_departed(now.wall);
        setup.metrics.source.lost_bytes.inc_by(lost);
        self.rewinding = false;
    }

    /// A file is gone before all of it was settled, and nothing behind `offset` will be read. Says how
    /// many bytes are lost so far.
    pub fn depart(
        &mut self,
        (extent, offset): (Extent, u64),
        key: Option<&FileKey>,
        cause: Cause,
        now: Now,
        setup: &Setup,
    ) -> u64 {
        let bytes = self
            .books
            .depart(extent, offset, cause, key.cloned(), now.wall);
        setup.metrics.source.lost_bytes.inc_by(bytes);
        self.owe(key, now, setup);
        bytes
    }

    /// A file that the last run of the agent had not read to its end is not there any more; `unseen`:
    /// why, where the last run did not know. Gives back why, and how many bytes are lost.
    pub fn miss(
        &mut self,
        left: LeftBehind,
        unseen: Cause,
        now: Now,
        setup: &Setup,
    ) -> (Cause, u64) {
        let (cause, at_least) = (left.cause.unwrap_or(unseen), left.cause.is_none());
        let between = (left.since.min(now.wall), now.wall);
        self.books
            .lose_unseen(cause, left.bytes, at_least, left.key, between);
        let metrics = &setup.metrics.source;
        metrics.lost_bytes.inc_by(left.bytes);
        metrics.losses_at_least.inc_by(u64::from(at_least));
        (cause, left.bytes)
    }

    /// What was handed on of a file that is gone came back unsettled: nobody can read it again.
    pub fn lose_departed(&mut self, range: Range, now: Now, setup: &Setup) {
        let (bytes, key) = self.books.lose_departed(range, now.wall);
        setup.metrics.source.lost_bytes.inc_by(bytes);
        self.owe(key.as_ref(), now, setup);
    }

    /// Sends markers for what was lost, past the filters; `to` is where they go, none where nobody reads.
    pub fn mark_losses(
        &mut self,
        to: Option<(u32, &Arc<Container>, &Routed)>,
        now: Now,
        stages: &mut Stages,
        setup: &Setup,
    ) {
        let Some((slot, container, routed)) = to else {
            // Nobody reads it, so nobody misses anything.
            self.books.take_losses();
            self.hear_of_markers(true, now, setup);
            return;
        };
        if !stages.has_room(slot, routed) {
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

    /// Closes files that are done.
    pub fn close_finished<F: Kept>(
        &mut self,
        files: &mut VecDeque<F>,
        mut is_finished: impl FnMut(&mut F) -> bool,
        now: Now,
        setup: &Setup,
    ) {
        files.retain_mut(|file| {
            let finished = is_finished(file);
            if finished {
                self.books.close(file.extent());
                file.commit(&setup.board, &self.folder, now);
                if let Some(key) = file.key() {
                    setup.board.told(key);
                }
                setup.metrics.source.open_files.dec();
            }
            !finished
        });
    }

    /// Posts the books, if anything changed in them.
    pub fn post(&mut self, ledger: Ledger, container: &Arc<Container>, setup: &Setup) {
        if self.posted != Some(ledger) {
            self.posted = Some(ledger);
            let ledgers = &setup.metrics.ledgers;
            ledgers.post(&self.folder, container, ledger);
        }
    }

    /// What is wrong with the books, if anything is: they balance, and agree with what is on its way.
    /// `waiting`: bytes read and not handed on. `again`: some are being read once more. For debug builds
    /// and tests.
    #[must_use]
    pub fn mistake(&self, ledger: Ledger, waiting: u64, again: bool) -> Option<String> {
        let going = self.going() + waiting;
        let agrees = self.rewinding || again || ledger.unsettled_bytes == going;
        (!ledger.balances() || !agrees)
            .then(|| format!("{}: {going} bytes on their way, {ledger:?}", self.folder))
    }
}
