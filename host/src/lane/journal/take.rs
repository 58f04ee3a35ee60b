//! From entries to batches: a run of entries is sorted into the streams that they belong to, and booked.
//! What cannot be read is told apart: damaged, or emptied by journald.

use super::file::File;
use super::stream::{self, Stream};
use super::{BLOCKED_MIN, Journal, STREAMS_MAX};
use crate::clock::Now;
use crate::lane::Setup;
use crate::lane::stages::Stages;
use crate::record::{
    BATCH_RECORDS_MAX, BATCH_TEXT_MAX, Batch, Cause, Columns, Count, FileId, Form, Range, Receipt,
    Stream as Output,
};
use crate::source::journal::CUT;
use crate::source::journal::reader::{Error, Field};
use crate::source::journal::streams::{Sorted, Streams};

/// What a run of entries came to.
struct Taken {
    file: FileId,
    /// By the journal's number of the stream, in the order of their first entries.
    parts: Vec<(usize, Batch)>,
    /// By unit, the part that its last record went to.
    open: Vec<Option<usize>>,
    /// Entries that could not be read, and the bytes that they answer for.
    damaged: u64,
    broken: Receipt,
    entries: usize,
    records: u64,
    text_bytes: usize,
    /// How far it came, and the time of the last record.
    to: u64,
    last_time: u64,
}

impl Journal {
    /// Reads a run of entries and hands it on. Says whether there is more.
    pub fn read(&mut self, now: Now, stages: &mut Stages, setup: &Setup) -> bool {
        if let Some(at) = self.suspended() {
            return self.resume(at, now, stages, setup);
        }
        if !self.waiting.is_empty() {
            self.hand_on_waiting(now, stages, setup);
            return true;
        }
        if !self.may_read(now.mono) {
            return false;
        }
        self.blocked_until = None;
        if self.streams.len() >= STREAMS_MAX / 2 {
            // A run of entries adds as many at most.
            self.flush_held(now, stages, setup);
            if !self.forget_streams(stages) {
                return false;
            }
        }
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
        let mut taken = Taken::new(
            file.extent.id,
            Receipt::new(self.account.slot, setup.news.clone()),
        );
        let entries = file.reader.unread();
        let read = self.take(place, &mut taken, stages, setup);
        // What was read before its file was emptied is whole; what was read after is nothing.
        let read = match (read, self.files[place].look(now.mono)) {
            (_, Err(emptied @ Error::Foreign(_))) => Err(emptied),
            (read, looked) => read.and(looked),
        };
        let read = read.and_then(|()| taken.came_on(&self.files[place]));
        if let Err(Error::Foreign(_)) = read {
            taken.forget();
        } else {
            self.pass_on(place, taken, now, stages, setup);
        }
        self.read_at = now.mono;
        match read {
            Ok(()) => true,
            Err(error @ Error::Foreign(_)) => self.unreadable(place, &error, entries, now, setup),
            Err(error) => {
                let entries = self.files[place].reader.unread();
                self.unreadable(place, &error, entries, now, setup)
            }
        }
    }

    /// Sorts entries into their streams until a batch is full.
    fn take(
        &mut self,
        place: usize,
        taken: &mut Taken,
        stages: &mut Stages,
        setup: &Setup,
    ) -> Result<(), Error> {
        let file = &mut self.files[place];
        let until = file.skip_settled()?.unwrap_or(u64::MAX);
        let (generation, known) = (&mut file.generation, &mut file.known);
        let (streams, by_told) = (&mut self.streams, &mut self.by_told);
        let (first_slot, node, folder) = (self.first_slot, &self.node, &self.account.folder);
        let select = &self.config.select;
        let mut number = |sorter: &Streams, of: usize| -> (usize, usize) {
            if sorter.generation() != *generation {
                *generation = sorter.generation();
                known.clear();
            }
            if let Some(Some(number)) = known.get(of) {
                return (*number, streams[*number].unit);
            }
            let told = sorter.told(of).cloned().unwrap_or_default();
            let number = *by_told.entry(told).or_insert_with_key(|told| {
                let container = stream::container(node, told, folder);
                let same = |s: &Stream| s.container.name == container.name;
                let unit = streams.iter().position(same).unwrap_or(streams.len());
                let slot = first_slot + u32::try_from(unit).unwrap_or(0);
                streams.push(Stream::new((unit, slot), container, select, stages));
                streams.len() - 1
            });
            if known.len() <= of {
                known.resize(of + 1, None);
            }
            known[of] = Some(number);
            (number, streams[number].unit)
        };
        let (slot, news) = (self.account.slot, &setup.news);
        let (damaged, _) = file
            .sorter
            .read(&mut file.reader, &mut |sorter, sorted, text| {
                let to = sorted.entry.to;
                if sorted.is_damaged {
                    taken.broken(sorted);
                } else {
                    let number = number(sorter, sorted.stream);
                    let at = taken.part(number, || Receipt::new(slot, news.clone()));
                    taken.record(at, sorted, text);
                }
                taken.entries += 1;
                taken.to = to;
                to < until && taken.text_bytes < BATCH_TEXT_MAX && taken.entries < BATCH_RECORDS_MAX
            })?;
        taken.damaged += damaged;
        Ok(())
    }

    /// Books what was taken, and hands each stream its part.
    fn pass_on(
        &mut self,
        place: usize,
        taken: Taken,
        now: Now,
        stages: &mut Stages,
        setup: &Setup,
    ) {
        let file = &mut self.files[place];
        let first = taken.to > file.extent.read_to();
        let before = file.extent.read_to();
        file.extent.read(taken.to.max(before));
        let bytes = file.extent.read_to() - before;
        if first {
            self.account.books.read += Count::new(taken.records, bytes);
            if taken.damaged > 0 {
                self.damaged(place, taken.damaged, now, setup);
            }
        }
        if taken.last_time > 0 {
            self.account.books.last_time = taken.last_time;
            self.newest = self.newest.max(taken.last_time);
        }
        setup.metrics.source.read_bytes.inc_by(bytes);
        setup.metrics.source.records.inc_by(taken.records);
        let parts = taken.parts.iter().map(|(_, batch)| batch.receipt.bytes());
        self.account.issued += parts.sum::<u64>() + taken.broken.bytes();
        self.keep_damaged(taken.broken);
        self.waiting.extend(taken.parts);
        self.hand_on_waiting(now, stages, setup);
    }

    /// A file cannot be read on, and so many entries of it are not read. Says whether there is
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
                self.blocked_until = Some(now.mono + BLOCKED_MIN);
                return false;
            }
        };
        self.give_up(place, cause, entries, now, setup);
        true
    }

    /// Forgets all streams, as there are too many. False: some have something on its way.
    fn forget_streams(&mut self, stages: &mut Stages) -> bool {
        let idle = |s: &Stream| s.held.is_empty() && s.suspended.is_none();
        if !self.streams.iter().all(idle) {
            return false;
        }
        self.streams.drain(..).for_each(|s| stages.forget(s.slot));
        self.by_told.clear();
        self.files.iter_mut().for_each(|f| f.known.clear());
        true
    }
}

impl Taken {
    fn new(file: FileId, broken: Receipt) -> Self {
        Self {
            file,
            parts: Vec::new(),
            open: Vec::new(),
            damaged: 0,
            broken,
            entries: 0,
            records: 0,
            text_bytes: 0,
            to: 0,
            last_time: 0,
        }
    }

    /// Whether anything was there, where entries are said to be.
    fn came_on(&self, file: &File) -> Result<(), Error> {
        if self.entries == 0 && self.damaged == 0 && file.reader.unread() > 0 {
            return Err(Error::Broken(file.reader.offset()));
        }
        Ok(())
    }

    /// Where the records of a stream are gathered: with those before, unless records of another stream
    /// of its unit stand between.
    fn part(&mut self, (number, unit): (usize, usize), receipt: impl FnOnce() -> Receipt) -> usize {
        if self.open.len() <= unit {
            self.open.resize(unit + 1, None);
        }
        let open = self.open[unit].filter(|at| self.parts[*at].0 == number);
        open.unwrap_or_else(|| {
            let batch = Batch {
                columns: Columns::default(),
                receipt: receipt(),
            };
            self.parts.push((number, batch));
            self.open[unit] = Some(self.parts.len() - 1);
            self.parts.len() - 1
        })
    }

    fn range(&self, sorted: &Sorted) -> Range {
        Range {
            file: self.file,
            from: sorted.entry.from,
            to: sorted.entry.to,
        }
    }

    fn broken(&mut self, sorted: &Sorted) {
        self.broken.add(self.range(sorted));
    }

    /// An entry without a text is no record, and answered for with the next.
    fn record(&mut self, part: usize, sorted: &Sorted, text: Option<Field<'_>>) {
        let range = self.range(sorted);
        let Batch { columns, receipt } = &mut self.parts[part].1;
        receipt.add(range);
        let Some(text) = text else { return };
        columns.text.extend_from_slice(text.value);
        if text.cut {
            columns.text.extend_from_slice(CUT);
        }
        let source = u32::try_from(receipt.bytes()).unwrap_or(u32::MAX);
        let time = sorted.entry.realtime.saturating_mul(1000);
        columns.close(time, Output::Stdout, Form::BARE, source);
        self.records += 1;
        self.text_bytes += text.value.len();
        self.last_time = time;
    }

    /// It was not read after all.
    fn forget(self) {
        self.broken.forget();
        self.parts
            .into_iter()
            .for_each(|(_, batch)| batch.receipt.forget());
    }
}
