//! The streams and units of one journal, by number and by name. Both are found by what entries tell. When
//! there are many, those are forgotten that have nothing on its way.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::stream::{self, Stream};
use super::unit::Unit;
use crate::lane::stages::{Stages, Standing};
use crate::record::Facts;
use crate::source::journal;
use crate::source::journal::streams::Told;

/// Streams of one journal that are told apart at once.
pub const STREAMS_MAX: usize = 8192;
/// The unit of entries that cannot be read: their bytes settle once that is told.
pub const DAMAGED: usize = 0;

pub struct Roster {
    /// The numbers of units, by which sinks and receipts know them apart, go up from here.
    first_slot: u32,
    config: Arc<journal::Config>,
    node: Facts,
    /// What the journal is called.
    folder: String,
    pub streams: Vec<Stream>,
    pub units: Vec<Unit>,
    by_told: HashMap<Told, usize>,
    by_name: HashMap<String, usize>,
    /// Places that are free again.
    free_streams: Vec<usize>,
    free_units: Vec<usize>,
}

impl Roster {
    #[must_use]
    pub fn new(first_slot: u32, folder: &str, config: Arc<journal::Config>, node: Facts) -> Self {
        let mut roster = Self {
            first_slot,
            config,
            node,
            folder: folder.to_owned(),
            streams: Vec::new(),
            units: Vec::new(),
            by_told: HashMap::new(),
            by_name: HashMap::new(),
            free_streams: Vec::new(),
            free_units: Vec::new(),
        };
        let damaged = roster.unit("");
        debug_assert_eq!(damaged, DAMAGED);
        roster
    }

    /// The number of a stream.
    pub fn stream(&mut self, told: Told, stages: &Stages) -> usize {
        if let Some(number) = self.by_told.get(&told) {
            return *number;
        }
        let container = stream::container(&self.node, &told, &self.folder);
        let unit = self.unit(&container.name);
        let stream = Stream::new(unit, container, &self.config.select, stages);
        let number = match self.free_streams.pop() {
            Some(number) => {
                self.streams[number] = stream;
                number
            }
            None => {
                self.streams.push(stream);
                self.streams.len() - 1
            }
        };
        self.units[unit].streams.push(number);
        self.by_told.insert(told, number);
        number
    }

    /// The number of a unit.
    pub fn unit(&mut self, name: &str) -> usize {
        if let Some(number) = self.by_name.get(name) {
            return *number;
        }
        let number = self.free_units.pop().unwrap_or(self.units.len());
        let slot = self.first_slot + u32::try_from(number).unwrap_or(0);
        let unit = Unit::new(name.to_owned(), slot);
        match self.units.get_mut(number) {
            Some(free) => *free = unit,
            None => self.units.push(unit),
        }
        self.by_name.insert(name.to_owned(), number);
        number
    }

    /// The unit whose receipts go by this number.
    #[must_use]
    pub fn by_slot(&self, slot: u32) -> Option<usize> {
        let number = usize::try_from(slot.checked_sub(self.first_slot)?).ok()?;
        (number < self.units.len()).then_some(number)
    }

    /// The streams of a unit.
    pub fn streams_of(&self, unit: usize) -> impl Iterator<Item = &Stream> {
        self.units[unit].streams.iter().map(|s| &self.streams[*s])
    }

    /// Whether anybody wants to have a unit's records.
    #[must_use]
    pub fn is_wanted(&self, unit: usize) -> bool {
        let skips = |s: &Stream| matches!(s.standing, Standing::Skips);
        !self.streams_of(unit).all(skips)
    }

    /// Whether a unit's filters and destinations can take what is read of it.
    pub fn is_ready(&self, unit: usize, now: Duration, stages: &mut Stages) -> bool {
        let slot = self.units[unit].slot;
        let mut ready = |stream: &Stream| match &stream.standing {
            Standing::Skips => true,
            Standing::Waits(_) => false,
            Standing::Reads(routed) => {
                stream.suspended.is_none()
                    && stages.filters_have_room(routed)
                    && stages.has_room(slot, routed)
            }
        };
        !self.units[unit].is_stopped(now) && self.streams_of(unit).all(&mut ready)
    }

    /// Whether it is being found out about what a filter failed on.
    #[must_use]
    pub fn is_suspended(&self, unit: usize) -> bool {
        self.streams_of(unit).any(|s| s.suspended.is_some())
    }

    /// A stream that a filter's failure is being found out about, in which another turn is of use.
    #[must_use]
    pub fn suspended(&self) -> Option<usize> {
        let due = |s: &Stream| s.suspended.as_ref().is_some_and(|s| s.is_due());
        self.streams.iter().position(due)
    }

    /// Takes back what filters hold of a unit, and what waits for them: all of it is read again.
    pub fn recall(&mut self, unit: usize) {
        let unit = &mut self.units[unit];
        unit.recalls = !unit.is_answered();
        // Their receipts tell the lane.
        unit.waiting.clear();
        for stream in &unit.streams {
            let stream = &mut self.streams[*stream];
            stream.suspended = None;
            stream.held = Default::default();
        }
    }

    /// Source bytes that filters hold.
    #[must_use]
    pub fn held_bytes(&self) -> u64 {
        self.streams.iter().map(|s| s.held.source_bytes()).sum()
    }

    /// Forgets the streams of which nothing is here, if there are too many; `behind`: units that are read
    /// later. False: there are too many still.
    pub fn make_room(&mut self, behind: &BTreeSet<usize>, stages: &mut Stages) -> bool {
        let streams = &self.streams;
        for unit in &mut self.units {
            let waits = |number: usize| unit.waiting.iter().any(|(of, _)| *of == number);
            let idle = |number: &usize| {
                let stream = &streams[*number];
                stream.held.is_empty() && stream.suspended.is_none() && !waits(*number)
            };
            let of_unit = std::mem::take(&mut unit.streams).into_iter();
            let (gone, kept): (Vec<usize>, _) = of_unit.partition(idle);
            self.free_streams.extend(gone);
            unit.streams = kept;
        }
        let free: BTreeSet<usize> = self.free_streams.iter().copied().collect();
        self.by_told.retain(|_, number| !free.contains(number));
        for number in &free {
            self.streams[*number].forget();
        }
        for (number, unit) in self.units.iter().enumerate().skip(DAMAGED + 1) {
            let idle = unit.streams.is_empty() && unit.is_answered() && !unit.recalls;
            if idle && !behind.contains(&number) && self.by_name.remove(&unit.name).is_some() {
                stages.forget(unit.slot);
                self.free_units.push(number);
            }
        }
        self.has_room()
    }

    /// Whether another run of entries could not bring too many.
    #[must_use]
    pub fn has_room(&self) -> bool {
        let streams = self.streams.len() - self.free_streams.len();
        let units = self.units.len() - self.free_units.len();
        streams.max(units) < STREAMS_MAX / 2
    }
}
