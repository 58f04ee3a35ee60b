//! When each container of a lane has something to do, so that a step meets only those that have.
//!
//! Whatever happens to a container wakes it: the next step meets it, and then notes when it is to be met
//! again. A flat list: going through the moments of a thousand containers takes microseconds, where going
//! through the containers took a good part of an idle lane's time.

use std::collections::BTreeMap;
use std::time::Duration;

/// By slot, in order, so that a simulation sees the same run twice.
#[derive(Debug, Default)]
pub struct Agenda(BTreeMap<u32, Duration>);

impl Agenda {
    /// There is nothing to do for it before that moment, whatever was said of it.
    pub fn put(&mut self, slot: u32, at: Duration) {
        self.0.insert(slot, at);
    }

    /// Something happened to it.
    pub fn wake(&mut self, slot: u32) {
        self.put(slot, Duration::ZERO);
    }

    /// Something happened to all of them.
    pub fn wake_all(&mut self) {
        self.0.values_mut().for_each(|at| *at = Duration::ZERO);
    }

    pub fn forget(&mut self, slot: u32) {
        self.0.remove(&slot);
    }

    /// Those that have something to do by now.
    #[must_use]
    pub fn due(&self, now: Duration) -> Vec<u32> {
        let mut due = Vec::with_capacity(self.0.len());
        due.extend(self.0.iter().filter(|(_, at)| **at <= now).map(|(s, _)| *s));
        due
    }

    /// When the next one has something to do.
    #[must_use]
    pub fn next(&self) -> Option<Duration> {
        self.0.values().min().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_those_are_met_that_have_something_to_do() {
        let seconds = Duration::from_secs;
        let mut agenda = Agenda::default();
        (1..=3).for_each(|slot| agenda.put(slot, seconds(u64::from(slot))));
        assert_eq!(agenda.due(seconds(2)), [1, 2]);
        assert_eq!(agenda.next(), Some(seconds(1)));
        agenda.put(1, seconds(9));
        agenda.wake(3);
        assert_eq!(agenda.due(Duration::ZERO), [3]);
        agenda.forget(3);
        agenda.wake_all();
        assert_eq!(agenda.due(Duration::ZERO), [1, 2]);
    }
}
