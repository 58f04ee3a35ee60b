//! From entries to batches on their way: a run of entries is sorted into the streams that they belong to,
//! and each stream's records are handed on.

use std::time::Duration;

use super::file::File;
use super::stream::{self, Stream};
use super::{BLOCKED_MAX, BLOCKED_MIN, Journal, STREAMS_MAX};
use crate::clock::Now;
use crate::filter::chain::{Blocked, Suspended};
use crate::lane::Setup;
use crate::lane::follow::Cause;
use crate::lane::stages::{Stages, Standing, Way};
use crate::record::{
    BATCH_RECORDS_MAX, BATCH_TEXT_MAX, Batch, Columns, Count, FileId, Form, Range, Receipt,
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
        let mut taken = Taken::new(file.extent.id, Receipt::new(self.slot, setup.news.clone()));
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
        let (first_slot, node, folder) = (self.first_slot, &self.node, &self.folder);
        let select = &self.config.select;
        let mut number = |sorter: &Streams, of: usize| -> usize {
            if sorter.generation() != *generation {
                *generation = sorter.generation();
                known.clear();
            }
            if let Some(Some(number)) = known.get(of) {
                return *number;
            }
            let told = sorter.told(of).cloned().unwrap_or_default();
            let number = *by_told.entry(told).or_insert_with_key(|told| {
                let slot = first_slot + u32::try_from(streams.len()).unwrap_or(0);
                let container = stream::container(node, told, folder);
                streams.push(Stream::new(slot, container, select, stages));
                streams.len() - 1
            });
            if known.len() <= of {
                known.resize(of + 1, None);
            }
            known[of] = Some(number);
            number
        };
        let (slot, news) = (self.slot, &setup.news);
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
            self.books.read += Count::new(taken.records, bytes);
            if taken.damaged > 0 {
                self.damaged(place, taken.damaged, now, setup);
            }
        }
        if taken.last_time > 0 {
            self.books.last_time = taken.last_time;
            self.newest = self.newest.max(taken.last_time);
        }
        setup.metrics.source.read_bytes.inc_by(bytes);
        setup.metrics.source.records.inc_by(taken.records);
        let parts = taken.parts.iter().map(|(_, batch)| batch.receipt.bytes());
        self.issued += parts.sum::<u64>() + taken.broken.bytes();
        taken.broken.settle();
        for (number, batch) in taken.parts {
            if self.rewinding {
                // All that is unsettled is read again, this too.
                drop(batch);
                continue;
            }
            self.hand_on(number, batch, false, now, stages, setup);
        }
    }

    /// Sends one stream's records through the stages.
    pub(super) fn hand_on(
        &mut self,
        number: usize,
        batch: Batch,
        last: bool,
        now: Now,
        stages: &mut Stages,
        setup: &Setup,
    ) {
        let stream = &mut self.streams[number];
        let routed = match &stream.standing {
            Standing::Reads(routed) => routed,
            Standing::Skips => {
                setup
                    .metrics
                    .enrich
                    .excluded_bytes
                    .inc_by(batch.receipt.bytes());
                batch.receipt.settle();
                return;
            }
            Standing::Waits(_) => {
                // Nothing leaves unfiltered, and nothing behind it is read before it.
                drop(batch);
                self.stop(now.mono);
                return;
            }
        };
        let mut way = Way {
            slot: stream.slot,
            container: &stream.container,
            routed,
            held: &mut stream.held,
        };
        let came = stages.process(batch, &mut way, last, now);
        self.came(number, came, now, setup);
    }

    /// Goes on with a batch that a filter failed on. Says whether another turn would be of use.
    fn resume(&mut self, number: usize, now: Now, stages: &mut Stages, setup: &Setup) -> bool {
        let stream = &mut self.streams[number];
        let (Some(suspended), Standing::Reads(routed)) =
            (stream.suspended.take(), &stream.standing)
        else {
            return false;
        };
        let mut way = Way {
            slot: stream.slot,
            container: &stream.container,
            routed,
            held: &mut stream.held,
        };
        let came = stages.resume(suspended, &mut way, now);
        self.came(number, came, now, setup);
        self.streams[number]
            .suspended
            .as_ref()
            .is_none_or(|s| !s.waits())
    }

    fn came(
        &mut self,
        number: usize,
        came: Result<Option<Suspended>, Blocked>,
        now: Now,
        setup: &Setup,
    ) {
        match came {
            Ok(suspended) => {
                if suspended.is_none() {
                    self.blocked_for = BLOCKED_MIN;
                }
                self.streams[number].suspended = suspended;
            }
            Err(blocked) => {
                tracing::error!(
                    stream = self.streams[number].container.label(),
                    error = %blocked,
                    retry_after = ?self.blocked_for,
                    "reading of the journal stops until the filter takes the batch; nothing is lost or sent unfiltered"
                );
                setup.metrics.source.read_failures.inc();
                self.stop(now.mono);
            }
        }
    }

    /// Reads nothing for a while, and then what is unsettled again.
    fn stop(&mut self, now: Duration) {
        self.blocked_until = Some(now + self.blocked_for);
        self.blocked_for = (self.blocked_for * 2).min(BLOCKED_MAX);
        self.rewinding = true;
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

    /// Where the records of a stream are gathered.
    fn part(&mut self, number: usize, receipt: impl FnOnce() -> Receipt) -> usize {
        let known = self.parts.iter().rposition(|(n, _)| *n == number);
        known.unwrap_or_else(|| {
            let batch = Batch {
                columns: Columns::default(),
                receipt: receipt(),
            };
            self.parts.push((number, batch));
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
