//! One run over entries of a file: which unit each belongs to, and whether it is taken now, passed over, or
//! nothing to this run. Nothing is booked before the run is over, as the file may have been emptied
//! meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::behind::Behind;
use super::roster::{DAMAGED, Roster};
use crate::lane::stages::{Stages, Standing};
use crate::record::receipt::NewsSender;
use crate::record::{
    BATCH_RECORDS_MAX, BATCH_TEXT_MAX, Batch, Columns, Count, FileId, Form, Range, Receipt,
    Stream as Output,
};
use crate::source::journal::CUT;
use crate::source::journal::reader::{Entry, Error, Reader};
use crate::source::journal::streams::{Sorted, Streams};
use crate::source::journal::text::Text;

/// Where a run goes.
pub enum Course {
    /// On from where reading stands. These units are behind, so they are passed over.
    On(BTreeSet<usize>),
    /// Up to that place, for these units.
    Back(BTreeSet<usize>, u64),
}

/// An entry that was passed over once, or came back, and is read now.
pub struct TakenBack {
    pub unit: usize,
    pub from: u64,
    pub to: u64,
    pub was_passed: bool,
}

/// What a run came to.
pub struct Taken {
    file: FileId,
    /// By stream and unit, in the order of their first entries.
    pub parts: Vec<(usize, usize, Batch)>,
    /// By unit, the part that its last record went to.
    open: Vec<Option<usize>>,
    /// Entries that could not be read, and the bytes that they answer for.
    pub damaged: u64,
    pub broken: Receipt,
    /// Entries of units that cannot go on: unit, from, to.
    pub passed: Vec<(usize, u64, u64)>,
    pub back: Vec<TakenBack>,
    /// Bytes that nobody wants, from and to.
    pub excluded: Vec<(u64, u64)>,
    pub entries: usize,
    /// Records that are read for the first time, and their bytes.
    pub read: Count,
    text_bytes: usize,
    /// How far it came, and the time of the last record.
    pub to: u64,
    pub last_time: u64,
}

pub struct Run<'a> {
    pub roster: &'a mut Roster,
    pub stages: &'a mut Stages,
    /// What the file's numbers of streams mean, in one generation of them.
    pub known: &'a mut Vec<Option<usize>>,
    pub generation: &'a mut u64,
    pub behind: &'a BTreeMap<usize, Behind>,
    pub course: Course,
    /// By unit, whether it is taken; found out when it is met.
    pub open: Vec<Option<bool>>,
    pub taken: &'a mut Taken,
    pub news: &'a NewsSender,
    pub now: Duration,
}

impl Run<'_> {
    /// Takes an entry, or leaves it. False: the run is over.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn entry(
        &mut self,
        streams: &Streams,
        sorted: &Sorted,
        reader: &mut Reader,
    ) -> Result<bool, Error> {
        let Entry { from, to, .. } = sorted.entry;
        let until = match self.course {
            Course::On(_) => u64::MAX,
            Course::Back(_, until) => until,
        };
        if from >= until {
            return Ok(false);
        }
        self.taken.entries += 1;
        self.taken.to = to;
        let stream = sorted.stream.map(|of| self.number(streams, of));
        let unit = stream.map_or(DAMAGED, |stream| self.roster.streams[stream].unit);
        let is_open = self.is_open(unit);
        match (&self.course, self.behind.get(&unit)) {
            (Course::On(_), _) if is_open => {
                self.taken.read.bytes += to - from;
                self.take(stream, sorted, reader)?;
            }
            (Course::On(_), _) => self.taken.passed.push((unit, from, to)),
            (Course::Back(..), Some(behind)) if is_open && behind.takes(from) => {
                let was_passed = behind.is_passed(from);
                self.taken.read.bytes += if was_passed { to - from } else { 0 };
                let records = self.taken.read.records;
                self.take(stream, sorted, reader)?;
                if !was_passed {
                    self.taken.read.records = records;
                }
                self.taken.back.push(TakenBack {
                    unit,
                    from,
                    to,
                    was_passed,
                });
            }
            (Course::Back(..), _) => {}
        }
        let full = self.taken.text_bytes >= BATCH_TEXT_MAX || self.taken.entries >= ENTRIES_MAX;
        Ok(to < until && !full)
    }

    fn take(
        &mut self,
        stream: Option<usize>,
        sorted: &Sorted,
        reader: &mut Reader,
    ) -> Result<(), Error> {
        let range = Range {
            file: self.taken.file,
            from: sorted.entry.from,
            to: sorted.entry.to,
        };
        let is_excluded =
            |stream: usize| matches!(self.roster.streams[stream].standing, Standing::Skips);
        if stream.is_some_and(is_excluded) {
            match self.taken.excluded.last_mut() {
                Some(last) if last.1 == range.from => last.1 = range.to,
                _ => self.taken.excluded.push((range.from, range.to)),
            }
            return Ok(());
        }
        match (stream, sorted.text(reader)?) {
            (Some(stream), Some(text)) => {
                let unit = self.roster.streams[stream].unit;
                let slot = self.roster.units[unit].slot;
                let new = || Receipt::new(slot, self.news.clone());
                let part = self.taken.part(stream, unit, new);
                self.taken.record(part, range, sorted, &text);
            }
            _ => {
                self.taken.damaged += 1;
                self.taken.broken.add(range);
            }
        }
        Ok(())
    }

    /// The journal's number of a stream of the file.
    fn number(&mut self, streams: &Streams, of: usize) -> usize {
        if streams.generation() != *self.generation {
            *self.generation = streams.generation();
            self.known.clear();
        }
        if let Some(Some(number)) = self.known.get(of) {
            return *number;
        }
        let told = streams.told(of).cloned().unwrap_or_default();
        let number = self.roster.stream(told, self.stages);
        if self.known.len() <= of {
            self.known.resize(of + 1, None);
        }
        self.known[of] = Some(number);
        number
    }

    fn is_open(&mut self, unit: usize) -> bool {
        if self.open.len() <= unit {
            self.open.resize(unit + 1, None);
        }
        if let Some(is_open) = self.open[unit] {
            return is_open;
        }
        let is_open = match &self.course {
            Course::On(behind) => {
                !behind.contains(&unit) && self.roster.is_ready(unit, self.now, self.stages)
            }
            Course::Back(units, _) => units.contains(&unit),
        };
        self.open[unit] = Some(is_open);
        is_open
    }
}

/// Entries that a run looks at.
const ENTRIES_MAX: usize = BATCH_RECORDS_MAX;

impl Taken {
    /// `broken` is a receipt for what cannot be read.
    #[must_use]
    pub fn new(file: FileId, broken: Receipt) -> Self {
        Self {
            file,
            parts: Vec::new(),
            open: Vec::new(),
            damaged: 0,
            broken,
            passed: Vec::new(),
            back: Vec::new(),
            excluded: Vec::new(),
            entries: 0,
            read: Count::default(),
            text_bytes: 0,
            to: 0,
            last_time: 0,
        }
    }

    /// Where the records of a stream are gathered: with those before, unless records of another stream
    /// of its unit stand between.
    fn part(&mut self, stream: usize, unit: usize, receipt: impl FnOnce() -> Receipt) -> usize {
        if self.open.len() <= unit {
            self.open.resize(unit + 1, None);
        }
        let open = self.open[unit].filter(|at| self.parts[*at].0 == stream);
        open.unwrap_or_else(|| {
            let batch = Batch {
                columns: Columns::default(),
                receipt: receipt(),
            };
            self.parts.push((stream, unit, batch));
            self.open[unit] = Some(self.parts.len() - 1);
            self.parts.len() - 1
        })
    }

    fn record(&mut self, part: usize, range: Range, sorted: &Sorted, text: &Text<'_>) {
        let Batch { columns, receipt } = &mut self.parts[part].2;
        let source = u64::from(columns.source_bytes()) + range.to - range.from;
        receipt.add(range);
        columns.text.extend_from_slice(&text.bytes);
        if text.is_cut {
            columns.text.extend_from_slice(CUT);
        }
        let source = u32::try_from(source).unwrap_or(u32::MAX);
        let time = sorted.entry.realtime.saturating_mul(1000);
        columns.close(time, Output::Stdout, Form::BARE, source);
        self.read.records += 1;
        self.text_bytes += text.bytes.len();
        self.last_time = time;
    }

    /// It was not read after all.
    pub fn forget(self) {
        self.broken.forget();
        self.parts
            .into_iter()
            .for_each(|(_, _, batch)| batch.receipt.forget());
    }
}
