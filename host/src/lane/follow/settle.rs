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
        match news.fate {
            Fate::Settled => setup.metrics.source.settled_bytes.inc_by(bytes),
            Fate::Abandoned => {
                setup.metrics.source.read_again_bytes.inc_by(bytes);
                self.rewinding = true;
                self.abandon_suspended();
                return;
            }
        };
        for range in news.ranges {
            // A file that is not here any more was truncated or given up.
            if let Some(file) = self.files.iter_mut().find(|f| f.tail.id == range.file)
                && file.watermark.settle(range.from, range.to)
            {
                file.commit(&setup.board, now);
            }
        }
    }

    /// Goes back to the oldest unsettled byte, once nothing is on its way any more.
    pub fn rewind_if_answered(&mut self, now: Duration) {
        if !self.rewinding || !self.is_answered() {
            return;
        }
        self.answered += self.held.forget();
        self.partials.clear();
        for file in &mut self.files {
            file.rewind();
        }
        self.rewinding = false;
        self.read_at = now;
    }

    /// Closes files that are read to their end, settled, and will not grow. Says how many.
    pub fn close_finished(&mut self, now: Duration) -> i64 {
        let before = self.files.len();
        let gone = self.gone;
        self.files.retain_mut(|file| !file.is_finished(now, gone));
        i64::try_from(before - self.files.len()).unwrap_or(0)
    }

    /// Nothing is left of the container.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.gone && self.files.is_empty() && self.issued == self.answered
    }
}
