//! What of a container is not finished and takes memory: records that its filters hold, and lines whose end
//! is not written. Counted in the part of the budget that all containers share for it; past that, a
//! container that holds much lets go.

use super::Follow;
use crate::clock::Now;
use crate::lane::Setup;
use crate::lane::stages::{Stages, Standing};
use crate::source::log_file::partial::Partials;

impl Follow {
    /// Counts it, as of now.
    pub fn count_unfinished(&mut self) {
        let bytes = self.held.bytes() + self.partials.bytes();
        self.unfinished.set(bytes);
    }

    /// The memory that it takes, as it was counted last.
    #[must_use]
    pub fn unfinished_bytes(&self) -> usize {
        self.unfinished.bytes()
    }

    /// Whether its filters and its destination could take it now.
    pub fn may_let_go(&self, now: Now, stages: &mut Stages) -> bool {
        let Standing::Reads(routed) = &self.standing else {
            return false;
        };
        self.may_read(now.mono)
            && stages.filters_have_room(routed)
            && stages.has_room(self.account.slot, routed)
    }

    /// Lets the larger half go: held records as at their own limit, a line as a part of a long record.
    pub fn let_go(&mut self, now: Now, stages: &mut Stages, setup: &Setup) {
        let is_held = self.held.bytes() >= self.partials.bytes();
        let mut batch = self.empty_batch(stages, setup);
        if !is_held {
            self.flush_partials(&mut batch, Partials::give_up);
            let parts = batch.columns.len() as u64;
            setup.metrics.source.split_records.inc_by(parts);
        }
        self.hand_on(batch, is_held, now, stages, setup);
        self.count_unfinished();
    }
}
