//! What the filters of a journal's streams hold, counted in the part of the budget that it shares with all
//! containers; past that, a stream of which much is held lets go.

use std::time::Duration;

use super::Journal;
use crate::clock::Now;
use crate::lane::Setup;
use crate::lane::stages::Stages;

impl Journal {
    /// Counts it, as of now.
    pub fn count_unfinished(&mut self) {
        let streams = self.roster.streams.iter();
        let bytes = streams.map(|stream| stream.held.bytes()).sum();
        self.unfinished.set(bytes);
    }

    /// The stream of which most is held, of those that could let go now: how much, and which.
    #[must_use]
    pub fn most_held(&self, now: Duration, stages: &mut Stages) -> Option<(usize, usize)> {
        let streams = self.roster.streams.iter().enumerate();
        let may_go = streams.filter(|(_, stream)| {
            let unit = stream.unit;
            let stops = self.roster.units[unit].is_stopped(now) || self.roster.is_suspended(unit);
            let slot = self.roster.units[unit].slot;
            let mut has_room = || stream.routed().is_some_and(|r| stages.has_room(slot, r));
            !stream.held.is_empty() && !stops && has_room()
        });
        may_go.map(|(at, stream)| (stream.held.bytes(), at)).max()
    }

    pub fn let_go(&mut self, stream: usize, now: Now, stages: &mut Stages, setup: &Setup) {
        self.flush(stream, now, stages, setup);
        self.count_unfinished();
    }
}
