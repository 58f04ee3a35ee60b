//! What was read of a journal goes through the stages, stream by stream. A part that a filter fails on is
//! found out about between turns, and what was read behind it waits; a filter that blocks, or has no
//! module, stops the journal.

use std::time::Duration;

use super::{BLOCKED_MAX, BLOCKED_MIN, Journal};
use crate::clock::Now;
use crate::filter::chain::{Blocked, Suspended};
use crate::lane::Setup;
use crate::lane::stages::{Stages, Standing, Way};
use crate::record::Batch;

impl Journal {
    /// Hands on what was read, in its order, until a filter fails on a part of it.
    pub(super) fn hand_on_waiting(&mut self, now: Now, stages: &mut Stages, setup: &Setup) {
        while self.suspended().is_none() && !self.account.rewinding {
            let Some((number, batch)) = self.waiting.pop_front() else {
                return;
            };
            self.hand_on(number, batch, false, now, stages, setup);
        }
        if self.account.rewinding {
            // All that is unsettled is read again, this too.
            self.waiting.clear();
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
    pub(super) fn resume(
        &mut self,
        number: usize,
        now: Now,
        stages: &mut Stages,
        setup: &Setup,
    ) -> bool {
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
        self.account.rewinding = true;
    }
}
