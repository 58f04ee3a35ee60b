//! What comes back: settled ranges move the watermark, abandoned ones make the container go back to
//! its oldest unsettled byte. Each byte handed on comes back exactly once.

use super::{File, Follow};
use crate::clock::Now;
use crate::lane::Setup;
use crate::lane::account::{Kept, WAITING_LOOK};
use crate::record::News;

impl Follow {
    /// Takes the news of a receipt.
    pub fn hear(&mut self, news: News, now: Now, setup: &Setup) {
        if self.account.hear(news, &mut self.files, now, setup) {
            self.abandon_suspended();
        }
    }

    /// Goes back to the oldest unsettled byte, once nothing is on its way any more.
    pub fn rewind_if_answered(&mut self, now: Now, setup: &Setup) {
        if !self.account.rewinding || !self.is_answered() {
            return;
        }
        self.partials.clear();
        self.account.begin_again(self.held.forget(), now, setup);
        for place in 0..self.files.len() {
            self.lose_lacking(place, now, setup);
            self.files[place].rewind();
        }
        self.read_at = now.mono;
    }

    /// Closes files that are read to their end, settled, and will not grow.
    pub fn close_finished(&mut self, now: Now, setup: &Setup) {
        if self.account.books.is_all_marked() {
            self.files.iter_mut().for_each(File::pass_over_damage);
        }
        let gone = self.gone;
        let finished = |file: &mut File| file.is_finished(now.mono, gone);
        self.account
            .close_finished(&mut self.files, finished, now, setup);
    }

    /// Nothing is left of the container.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        let going = self.account.going() > 0 || !self.account.books.is_all_marked();
        self.gone && self.files.is_empty() && self.aside.is_empty() && !going
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
            file.learn_key(&setup.board, &self.account.folder, now);
            if !file.is_settled() {
                file.commit(&setup.board, &self.account.folder, now);
            }
        }
        if !self.aside.is_empty() {
            self.sort_aside(now, setup);
        }
        self.post(setup);
    }
}
