//! Whose turn it is, and how long it lasts. Turns are counted in CPU time of the lane's thread, so that a
//! container with a slow filter takes no more of it than any other.

use std::cmp::Reverse;
use std::time::Duration;

use super::follow::Follow;
use super::stages::Stages;
use super::{Lane, Setup};
use crate::clock::Now;

/// CPU time of one turn; what a turn overruns is taken off the container's next ones.
pub(super) const TURN: Duration = Duration::from_millis(2);
/// A step ends after this much CPU time, so that events are looked at.
pub(super) const STEP: Duration = Duration::from_millis(40);

impl Lane {
    /// Gives each of these containers with something unread a turn: those whose file is nearest to being
    /// deleted first, in half of the step at most, so that the others have theirs. Says whether there
    /// is more to do.
    pub(super) fn turns(&mut self, due: &[u32], now: Now) -> bool {
        let (mut urgent, mut others) = (Vec::new(), Vec::new());
        for slot in due {
            let Some(follow) = self.follows.get(slot).filter(|f| f.is_due(now.mono)) else {
                continue;
            };
            match follow.urgency() {
                Some(urgency) => urgent.push((Reverse(urgency), *slot)),
                None => others.push(*slot),
            }
        }
        urgent.sort_unstable();
        let first = self.first % others.len().max(1);
        others.rotate_left(first);
        let started = (self.setup.cpu)();
        let urgent: Vec<u32> = urgent.into_iter().map(|(_, slot)| slot).collect();
        let most = if others.is_empty() { STEP } else { STEP / 2 };
        let (_, mut more) = self.turn_each(&urgent, started, most, now);
        let (turns, more_of_others) = self.turn_each(&others, started, STEP, now);
        more |= more_of_others;
        self.first = first + turns.max(1);
        more
    }

    /// Gives turns until `most` of CPU time has passed since `started`. Says how many, and whether there is
    /// more to do.
    fn turn_each(
        &mut self,
        slots: &[u32],
        started: Duration,
        most: Duration,
        now: Now,
    ) -> (usize, bool) {
        let mut more = false;
        // One look at the clock for each turn: it is a call of the kernel.
        let mut at = (self.setup.cpu)();
        for (turn, slot) in slots.iter().enumerate() {
            if at.saturating_sub(started) > most {
                return (turn, true);
            }
            if let Some(follow) = self.follows.get_mut(slot) {
                more |= turn_of(*slot, follow, &mut self.stages, &self.setup, &mut at, now);
                follow.count_unfinished();
                at += self.bound_unfinished(now);
            }
        }
        (slots.len(), more)
    }
}

/// One container's turn, begun at `at` of this thread's CPU time, which goes on: reads until its CPU
/// time is used up or nothing more is there. Says whether there is more.
fn turn_of(
    slot: u32,
    follow: &mut Follow,
    stages: &mut Stages,
    setup: &Setup,
    at: &mut Duration,
    now: Now,
) -> bool {
    if follow.debt >= TURN {
        follow.debt -= TURN;
        return true;
    }
    let allowed = TURN - std::mem::take(&mut follow.debt);
    let started = *at;
    loop {
        let room = follow.routed().is_none_or(|routed| {
            let takes = follow.is_suspended() || stages.filters_have_room(routed);
            takes && stages.has_room(slot, routed)
        });
        if !room {
            // What is settled wakes the lane.
            stages.crowded = true;
            return false;
        }
        let more = follow.read(now, stages, setup);
        *at = (setup.cpu)();
        let used = at.saturating_sub(started);
        if !more || used >= allowed {
            follow.debt = used.saturating_sub(allowed);
            return more || follow.isolates();
        }
    }
}
