//! Reads a journal run by run: onwards, past units that cannot go on; and back, for those that can again.
//! Units that are read back take turns, each from the place where it stopped, so the slowest does not stop
//! the others.

use std::collections::{BTreeMap, BTreeSet};

use super::behind::Behind;
use super::roster::DAMAGED;
use super::run::{Course, Run, Taken};
use super::{BLOCKED, Journal};
use crate::clock::Now;
use crate::lane::Setup;
use crate::lane::stages::Stages;
use crate::record::{Cause, Receipt};
use crate::source::journal::reader::Error;

/// Units that are behind in a file, over all files; past it nothing is read on.
const BEHIND_MAX: usize = 8192;

impl Journal {
    /// Goes on with a batch that a filter failed on, and reads a run of entries and hands it on: so the others
    /// do not wait while it is found out about. Says whether there is more.
    pub fn read(&mut self, now: Now, stages: &mut Stages, setup: &Setup) -> bool {
        let suspended = self.roster.suspended();
        let more = suspended.is_some_and(|stream| self.resume(stream, now, stages, setup));
        self.read_some(now, stages, setup) || more
    }

    fn read_some(&mut self, now: Now, stages: &mut Stages, setup: &Setup) -> bool {
        if !self.may_read(now.mono) {
            return false;
        }
        self.blocked_until = None;
        let behind = self.behind();
        if !self.roster.has_room() {
            // A run of entries adds as many streams at most.
            self.flush_held(now, stages, setup);
            self.files.iter_mut().for_each(|f| f.known.clear());
            if !self.roster.make_room(&behind, stages) {
                return false;
            }
        }
        self.goes_back = !self.goes_back;
        let back_first = self.goes_back;
        (back_first && self.read_back(now, stages, setup))
            || self.read_on(behind, now, stages, setup)
            || (!back_first && self.read_back(now, stages, setup))
    }

    /// The units that are behind the place of reading.
    pub(super) fn behind(&self) -> BTreeSet<usize> {
        let units = self.files.iter().flat_map(|f| f.behind.keys());
        units.copied().collect()
    }

    /// Whether going on is of use now: for a unit that is here and can take its entries; or, when none
    /// could for a while, to find others.
    fn may_go_on(&mut self, behind: &BTreeSet<usize>, now: Now, stages: &mut Stages) -> bool {
        let many: usize = self.files.iter().map(|f| f.behind.len()).sum();
        if many >= BEHIND_MAX {
            return false;
        }
        let mut wanted = (DAMAGED + 1..self.roster.units.len())
            .filter(|unit| self.roster.is_wanted(*unit))
            .peekable();
        let ready = |unit: usize, stages: &mut Stages| {
            !behind.contains(&unit) && self.roster.is_ready(unit, now.mono, stages)
        };
        if wanted.peek().is_none() || wanted.any(|unit| ready(unit, stages)) {
            self.stuck_since = None;
            return true;
        }
        stages.crowded = true;
        let since = *self.stuck_since.get_or_insert(now.mono);
        now.mono.saturating_sub(since) >= BLOCKED
    }

    /// Reads on in the first file that is not read out.
    fn read_on(
        &mut self,
        behind: BTreeSet<usize>,
        now: Now,
        stages: &mut Stages,
        setup: &Setup,
    ) -> bool {
        let Some(place) = self.place() else {
            return false;
        };
        let file = &mut self.files[place];
        if file.reader.unread() == 0 {
            if file.next_look() > now.mono {
                return false;
            }
            let looked = file.look(now.mono);
            let more = file.reader.unread() > 0 || file.read_out;
            return match looked {
                Ok(()) => more,
                Err(error) => self.unreadable(place, &error, 0, now, setup),
            };
        }
        if !self.may_go_on(&behind, now, stages) {
            return false;
        }
        let entries = self.files[place].reader.unread();
        let (taken, read) = self.run(place, Course::On(behind), now, stages, setup);
        let file = &self.files[place];
        let none = taken.entries == 0 && taken.damaged == 0 && file.reader.unread() > 0;
        let read = match read {
            // Nothing was there, where entries are said to be.
            Ok(_) if none => Err(Error::Broken(file.reader.offset())),
            read => read,
        };
        if let Err(error @ Error::Foreign(_)) = &read {
            taken.forget();
            return self.unreadable(place, error, entries, now, setup);
        }
        self.book_on(place, &taken, now, setup);
        self.pass_on(taken, now, stages, setup);
        match read {
            Ok(_) => true,
            Err(error) => {
                let entries = self.files[place].reader.unread();
                self.unreadable(place, &error, entries, now, setup)
            }
        }
    }

    /// Reads what a unit that can go on again has left behind, and others with it that left something
    /// further on in the same file.
    fn read_back(&mut self, now: Now, stages: &mut Stages, setup: &Setup) -> bool {
        let Some((place, start, units)) = self.next_back(now, stages) else {
            return false;
        };
        let file = &mut self.files[place];
        if self.back_in != Some(file.extent.id) {
            let former = self.back_in.replace(file.extent.id);
            let front = self.place();
            let mut files = self.files.iter_mut().enumerate();
            let former = files.find(|(_, f)| Some(f.extent.id) == former);
            if let Some((_, file)) = former.filter(|(at, _)| Some(*at) != front) {
                file.idle();
            }
        }
        let file = &mut self.files[place];
        let on = file.reader.mark();
        let sought = match file.back.filter(|mark| mark.offset() == start) {
            Some(mark) => {
                file.reader.go_to(mark);
                Ok(())
            }
            None => file.reader.seek(start),
        };
        let course = Course::Back(units.clone(), on.offset());
        let (taken, read) = match sought {
            Ok(()) => self.run(place, course, now, stages, setup),
            Err(error) => (self.taken(place, setup), Err(error)),
        };
        let file = &mut self.files[place];
        let back = file.reader.mark();
        file.reader.go_to(on);
        let entries = file.reader.unread();
        let reached = match read {
            Ok(more) => {
                file.back = Some(back);
                !more || back.offset() >= on.offset()
            }
            // The list was whole once: what cannot be reached any more is damaged.
            Err(Error::Broken(_)) => true,
            Err(error) => {
                taken.forget();
                return self.unreadable(place, &error, entries, now, setup);
            }
        };
        self.book_back(place, &taken, (&units, back.offset(), reached), now, setup);
        self.pass_on(taken, now, stages, setup);
        true
    }

    /// Whose turn it is to be read behind the place of reading: the file, where to begin, and all units
    /// that are read with it.
    fn next_back(
        &mut self,
        now: Now,
        stages: &mut Stages,
    ) -> Option<(usize, u64, BTreeSet<usize>)> {
        let mut first: BTreeMap<usize, (usize, u64)> = BTreeMap::new();
        for (place, file) in self.files.iter().enumerate() {
            let here = |behind: &Behind| (place, behind.start());
            for (unit, behind) in &file.behind {
                first.entry(*unit).or_insert_with(|| here(behind));
            }
        }
        let waits = !first.is_empty();
        first.retain(|unit, _| self.roster.is_ready(*unit, now.mono, stages));
        stages.crowded |= waits && first.is_empty();
        let mut later = first.range(self.last_back + 1..);
        let (unit, (place, start)) = later.next().or_else(|| first.first_key_value())?;
        self.last_back = *unit;
        let with = |(_, at): &(&usize, &(usize, u64))| at.0 == *place && at.1 >= *start;
        let units = first.iter().filter(with).map(|(unit, _)| *unit);
        Some((*place, *start, units.collect()))
    }

    fn taken(&self, place: usize, setup: &Setup) -> Taken {
        let slot = self.roster.units[DAMAGED].slot;
        let broken = Receipt::new(slot, setup.news.clone());
        Taken::new(self.files[place].extent.id, broken)
    }

    /// Runs over entries. Says what was taken, and whether there may be more.
    fn run(
        &mut self,
        place: usize,
        course: Course,
        now: Now,
        stages: &mut Stages,
        setup: &Setup,
    ) -> (Taken, Result<bool, Error>) {
        let mut taken = self.taken(place, setup);
        let goes_on = matches!(course, Course::On(_));
        let file = &mut self.files[place];
        let mut run = Run {
            roster: &mut self.roster,
            stages,
            known: &mut file.known,
            generation: &mut file.generation,
            behind: &file.behind,
            course,
            open: Vec::new(),
            taken: &mut taken,
            news: &setup.news,
            now: now.mono,
        };
        let read = file
            .sorter
            .read(&mut file.reader, &mut |streams, sorted, reader| {
                run.entry(streams, sorted, reader)
            });
        if let Ok((damaged, _)) = &read
            && goes_on
        {
            // Those without a place are told once.
            taken.damaged += damaged;
        }
        // What was read before its file was emptied is whole; what was read after is nothing.
        let looked = match goes_on {
            true => file.look(now.mono),
            false => file.reader.look(),
        };
        let read = match (read, looked) {
            (_, Err(emptied @ Error::Foreign(_))) => Err(emptied),
            (read, looked) => read.and_then(|(_, more)| looked.map(|()| more)),
        };
        self.read_at = now.mono;
        (taken, read)
    }

    /// A file cannot be read on, and this many entries of it are not read. Says whether there is
    /// something else to read.
    pub(super) fn unreadable(
        &mut self,
        place: usize,
        error: &Error,
        entries: u64,
        now: Now,
        setup: &Setup,
    ) -> bool {
        let cause = match error {
            Error::Foreign(_) => Cause::Vacuumed,
            Error::Broken(_) => Cause::Damaged,
            Error::Read(_) => {
                setup.metrics.source.read_failures.inc();
                let (path, error) = (
                    self.files[place].path.display(),
                    error as &dyn std::error::Error,
                );
                tracing::warn!(%path, error, "a journal file cannot be read, and is tried again");
                self.blocked_until = Some(now.mono + BLOCKED);
                return false;
            }
        };
        self.give_up(place, cause, entries, now, setup);
        true
    }
}
