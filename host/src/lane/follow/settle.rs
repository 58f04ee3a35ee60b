//! What comes back: settled ranges move the watermark, abandoned ones make the container go back to
//! its oldest unsettled byte. Each byte handed on comes back exactly once.

use std::time::Duration;

use super::Follow;
use crate::clock::Now;
use crate::lane::Setup;
use crate::record::{Fate, News};

impl Follow {
    /// Takes the news of a receipt.
    pub fn hear(&mut self, news: News, now: Now, setup: &Setup) {
        let bytes: u64 = news.ranges.iter().map(|r| r.to - r.from).sum();
        self.answered += bytes;
        let settled = news.fate == Fate::Settled;
        if news.markers > 0 {
            self.hear_of_markers(settled, now, setup);
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
                // It was truncated or given up meanwhile; what is delivered is not lost.
                let key = self.books.settle_departed(range.file, range.from, range.to);
                self.owe(key.as_ref(), now, setup);
                continue;
            };
            let (_, bytes) = file.extent.settle(range.from, range.to);
            self.books.settled(bytes);
            if bytes > 0 {
                file.commit(&setup.board, &self.folder, now);
            }
        }
    }

    pub(super) fn hear_of_markers(&mut self, settled: bool, now: Now, setup: &Setup) {
        if !settled {
            self.books.mark_again();
            return;
        }
        let keys = self.books.marked().into_iter().flat_map(|loss| loss.keys);
        keys.for_each(|(key, _)| self.owe(Some(&key), now, setup));
    }

    /// Goes back to the oldest unsettled byte, once nothing is on its way any more.
    pub fn rewind_if_answered(&mut self, now: Now, setup: &Setup) {
        if !self.rewinding || !self.is_answered() {
            return;
        }
        self.answered += self.held.forget();
        self.partials.clear();
        let lost = self.books.give_up_departed(now.wall);
        setup.metrics.source.lost_bytes.inc_by(lost);
        for file in &mut self.files {
            file.rewind();
        }
        self.rewinding = false;
        self.read_at = now.mono;
    }

    /// Closes files that are read to their end, settled, and will not grow. Says how many.
    pub fn close_finished(&mut self, now: Now, setup: &Setup) -> i64 {
        let before = self.files.len();
        let (books, folder) = (&mut self.books, &self.folder);
        let gone = self.gone;
        self.files.retain_mut(|file| {
            let finished = file.is_finished(now.mono, gone);
            if finished {
                books.close(&file.extent);
                file.commit(&setup.board, folder, now);
                if let Some(key) = file.key() {
                    setup.board.told(key);
                }
            }
            !finished
        });
        i64::try_from(before - self.files.len()).unwrap_or(0)
    }

    /// Nothing is left of the container.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        let answered = self.issued == self.answered;
        self.gone
            && self.files.is_empty()
            && self.aside.is_empty()
            && answered
            && self.books.is_all_marked()
    }

    /// Looks at the files that wait behind the one being read, posts what there is to lose, and the
    /// books. Once a second or so.
    pub fn look_around(&mut self, now: Now, setup: &Setup) {
        let reading = self.files.iter().position(|f| !f.read_out);
        for place in 0..self.files.len() {
            let file = &mut self.files[place];
            if file.tail.next_look() + WAITING_LOOK <= now.mono {
                // What cannot be looked at now is looked at in a second.
                let _ = file.look(now.mono);
            }
            if file.tail.is_cut() && reading.is_none_or(|reading| place <= reading) {
                // Known at once, though reading waits.
                let _ = self.truncated(place, now, setup);
            }
            let file = &mut self.files[place];
            file.learn_key(&setup.board, &self.folder, now);
            if !file.is_settled() {
                file.commit(&setup.board, &self.folder, now);
            }
        }
        if !self.aside.is_empty() {
            self.sort_aside(now, setup);
        }
        self.post(setup);
    }
}

/// A file whose look is so much overdue is one that waits for its turn.
const WAITING_LOOK: Duration = Duration::from_millis(500);
