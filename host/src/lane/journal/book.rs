//! Enters in the books what became of a run: bytes that were read, passed over, taken back or excluded.
//! Then its records go on their way, each unit's in order.

use std::collections::BTreeSet;

use super::Journal;
use super::behind::Behind;
use super::file::File;
use super::roster::DAMAGED;
use super::run::Taken;
use crate::clock::Now;
use crate::lane::Setup;
use crate::lane::account::Account;
use crate::lane::stages::Stages;
use crate::record::Cause;

impl Journal {
    /// Books a run that went on.
    pub(super) fn book_on(&mut self, place: usize, taken: &Taken, now: Now, setup: &Setup) {
        let file = &mut self.files[place];
        let before = file.extent.read_to();
        file.extent.read(taken.to.max(before));
        let bytes = file.extent.read_to() - before;
        setup.metrics.source.read_bytes.inc_by(bytes);
        for (unit, from, to) in &taken.passed {
            file.extent.pass(*from, *to);
            file.behind.entry(*unit).or_default().pass(*from, *to);
        }
        self.book(place, taken, now, setup);
    }

    /// Books a run that went back for `units` and came to a place; `reached`: that is where reading
    /// stands.
    pub(super) fn book_back(
        &mut self,
        place: usize,
        taken: &Taken,
        (units, to, reached): (&BTreeSet<usize>, u64, bool),
        now: Now,
        setup: &Setup,
    ) {
        let file = &mut self.files[place];
        for back in &taken.back {
            let Some(behind) = file.behind.get_mut(&back.unit) else {
                continue;
            };
            let bytes = back.to - back.from;
            if back.was_passed {
                let known = behind.took_passed(bytes);
                file.extent.take_back(back.from, back.to, known);
            } else {
                behind.took_again(bytes);
            }
        }
        self.book(place, taken, now, setup);
        for unit in units {
            let file = &mut self.files[place];
            if !reached {
                let behind = file.behind.get_mut(unit);
                behind.into_iter().for_each(|b| b.came_to(to));
            } else if let Some(behind) = file.behind.remove(unit) {
                // Whatever it should still have cannot be read any more.
                let name = &self.roster.units[*unit].name;
                lose_behind(
                    file,
                    name,
                    &behind,
                    Cause::Damaged,
                    &mut self.account,
                    (now, setup),
                );
            }
        }
    }

    fn book(&mut self, place: usize, taken: &Taken, now: Now, setup: &Setup) {
        let file = &mut self.files[place];
        for (from, to) in &taken.excluded {
            let (_, bytes) = file.extent.settle(*from, *to);
            self.account.books.settled(bytes);
            setup.metrics.enrich.excluded_bytes.inc_by(to - from);
        }
        file.touch();
        self.account.books.read += taken.read;
        setup.metrics.source.records.inc_by(taken.read.records);
        if taken.damaged > 0 {
            self.damaged(place, taken.damaged, now, setup);
        }
        if taken.last_time > self.newest {
            self.account.books.last_time = taken.last_time;
            self.newest = taken.last_time;
        }
    }

    /// Sends what was taken on its way.
    pub(super) fn pass_on(&mut self, taken: Taken, now: Now, stages: &mut Stages, setup: &Setup) {
        let Taken { parts, broken, .. } = taken;
        self.account.issued += broken.bytes();
        self.roster.units[DAMAGED].sets_out(&broken);
        self.keep_damaged(broken);
        let mut units = Vec::new();
        for (stream, number, batch) in parts {
            self.account.issued += batch.receipt.bytes();
            let unit = &mut self.roster.units[number];
            unit.sets_out(&batch.receipt);
            unit.read_at = now.mono;
            if unit.waiting.is_empty() {
                units.push(number);
            }
            unit.waiting.push_back((stream, batch));
        }
        for unit in units {
            self.hand_on_waiting(unit, now, stages, setup);
        }
    }
}

/// What a unit was to read later of a file cannot be read.
pub(super) fn lose_behind(
    file: &mut File,
    unit: &str,
    behind: &Behind,
    cause: Cause,
    account: &mut Account,
    (now, setup): (Now, &Setup),
) {
    let (entries, passed, again) = behind.sums();
    if passed + again == 0 {
        return;
    }
    file.extent.give_away(passed);
    file.extent.lose(again);
    let key = (cause != Cause::Damaged).then_some(&file.key);
    let sums = (entries, passed);
    account
        .books
        .lose_left(cause, unit, sums, again, key, now.wall);
    let (bytes, path) = (passed + again, file.path.display());
    setup.metrics.source.lost_bytes.inc_by(bytes);
    setup.metrics.source.lost_entries.inc_by(entries);
    let cause = cause.text();
    tracing::warn!(%path, unit, entries, bytes, cause, "a part of the journal is gone before a unit that was stopped could go on");
}
