//! What was read of a journal goes through the stages, stream by stream. A part that a filter fails on is
//! found out about between turns, and what was read of its unit behind it waits; a filter that blocks, or
//! has no module, stops the unit.

use super::Journal;
use crate::clock::Now;
use crate::filter::chain::{Blocked, Suspended};
use crate::lane::Setup;
use crate::lane::stages::{Stages, Standing, Way};
use crate::record::Batch;

impl Journal {
    /// Hands on what was read of a unit, in its order, until a filter fails on a part of it.
    pub(super) fn hand_on_waiting(
        &mut self,
        unit: usize,
        now: Now,
        stages: &mut Stages,
        setup: &Setup,
    ) {
        while !self.roster.is_suspended(unit) {
            let Some((stream, batch)) = self.roster.units[unit].waiting.pop_front() else {
                return;
            };
            self.hand_on(stream, batch, false, now, stages, setup);
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
        let stream = &mut self.roster.streams[number];
        let routed = match &stream.standing {
            Standing::Reads(routed) => routed,
            Standing::Skips => {
                let bytes = batch.receipt.bytes();
                setup.metrics.enrich.excluded_bytes.inc_by(bytes);
                batch.receipt.settle();
                return;
            }
            Standing::Waits(_) => {
                // Nothing leaves unfiltered, and nothing behind it is read before it.
                let unit = stream.unit;
                drop(batch);
                self.roster.recall(unit);
                return;
            }
        };
        let mut way = Way {
            slot: self.roster.units[stream.unit].slot,
            container: &stream.container,
            routed,
            held: &mut stream.held,
        };
        let came = stages.process(batch, &mut way, last, now);
        self.came(number, came, now, setup);
    }

    /// Goes on with a batch that a filter failed on. Says whether another turn would be of use.
    pub(super) fn resume(
        &mut self,
        number: usize,
        now: Now,
        stages: &mut Stages,
        setup: &Setup,
    ) -> bool {
        let stream = &mut self.roster.streams[number];
        let unit = stream.unit;
        let (Some(suspended), Standing::Reads(routed)) =
            (stream.suspended.take(), &stream.standing)
        else {
            return false;
        };
        let mut way = Way {
            slot: self.roster.units[unit].slot,
            container: &stream.container,
            routed,
            held: &mut stream.held,
        };
        let came = stages.resume(suspended, &mut way, now);
        self.came(number, came, now, setup);
        self.hand_on_waiting(unit, now, stages, setup);
        let suspended = self.roster.streams[number].suspended.as_ref();
        suspended.is_none_or(|s| !s.waits())
    }

    fn came(
        &mut self,
        number: usize,
        came: Result<Option<Suspended>, Blocked>,
        now: Now,
        setup: &Setup,
    ) {
        let stream = &mut self.roster.streams[number];
        let unit = &mut self.roster.units[stream.unit];
        match came {
            Ok(suspended) => {
                if suspended.is_none() {
                    unit.goes_on();
                }
                stream.suspended = suspended;
            }
            Err(blocked) => {
                tracing::error!(
                    stream = stream.container.label(),
                    error = %blocked,
                    retry_after = ?unit.blocked_for,
                    "reading of this unit of the journal stops until the filter takes the batch; nothing is lost or sent unfiltered"
                );
                setup.metrics.source.read_failures.inc();
                unit.block(now.mono);
                let unit = stream.unit;
                self.roster.recall(unit);
            }
        }
    }
}
