//! What is not finished is bounded for all containers together: a quarter of the budget for the records
//! that filters hold and the lines whose end is not written. Past it, whoever has most lets go; nothing
//! is lost, an event may come in two records, and a line in marked parts.

use std::time::Duration;

use super::Lane;
use crate::clock::Now;

/// How many let go after one turn. A turn brings less than they have, so it need not be more.
const LET_GO_MAX: usize = 4;

/// Who has most of it.
enum Most {
    Follow(u32),
    /// And which of its streams.
    Journal(u32, usize),
}

impl Lane {
    /// Makes those let go that have most, while it is too much. Says how much CPU time that took.
    pub(super) fn bound_unfinished(&mut self, now: Now) -> Duration {
        if !self.setup.unfinished.is_over() {
            return Duration::ZERO;
        }
        let started = (self.setup.cpu)();
        for _ in 0..LET_GO_MAX {
            match self.most_unfinished(now) {
                Some(Most::Follow(slot)) => {
                    if let Some(follow) = self.follows.get_mut(&slot) {
                        let before = (self.setup.cpu)();
                        follow.let_go(now, &mut self.stages, &self.setup);
                        follow.debt += (self.setup.cpu)().saturating_sub(before);
                        self.agenda.wake(slot);
                    }
                }
                Some(Most::Journal(slot, stream)) => {
                    let (stages, setup) = (&mut self.stages, &self.setup);
                    self.journals.let_go(slot, stream, now, stages, setup);
                }
                None => break,
            }
            if !self.setup.unfinished.is_over() {
                break;
            }
        }
        (self.setup.cpu)().saturating_sub(started)
    }

    /// Of those that could let go now.
    fn most_unfinished(&mut self, now: Now) -> Option<Most> {
        let stages = &mut self.stages;
        let follows = self
            .follows
            .iter()
            .filter(|(_, follow)| follow.unfinished_bytes() > 0 && follow.may_let_go(now, stages));
        let follow = follows.map(|(slot, f)| (f.unfinished_bytes(), *slot)).max();
        let journal = self.journals.most_held(now.mono, &mut self.stages);
        match (follow, journal) {
            (Some(follow), journal) if journal.is_none_or(|j| j.0 <= follow.0) => {
                Some(Most::Follow(follow.1))
            }
            (_, journal) => journal.map(|(_, slot, stream)| Most::Journal(slot, stream)),
        }
    }
}
