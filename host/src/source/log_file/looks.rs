//! When to look at a file again: soon while it grows by much, and ever later while it does not.
//!
//! Looks that are not urgent fall together, on the second: so a lane with a thousand files wakes once a
//! second, and not for each, and what little was added to each is read, filtered and packed as one batch.

use std::time::Duration;

/// Shortest and longest time between two looks.
const AFTER_MIN: Duration = Duration::from_millis(50);
const AFTER_MAX: Duration = Duration::from_secs(1);
/// Growth that is worth another look soon, bytes.
const MUCH_BYTES: u64 = 64 * 1024;

/// When one file is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Looks {
    next: Duration,
    after: Duration,
}

impl Looks {
    /// Soon.
    #[must_use]
    pub fn from(now: Duration) -> Self {
        Self {
            next: now,
            after: AFTER_MIN,
        }
    }

    #[must_use]
    pub fn next(&self) -> Duration {
        self.next
    }

    /// Whether they are as rare as they get.
    #[must_use]
    pub fn are_rare(&self) -> bool {
        self.after == AFTER_MAX
    }

    /// It was looked at, and its size had changed by `change_bytes`.
    pub fn looked(&mut self, now: Duration, change_bytes: u64) {
        self.after = match change_bytes {
            MUCH_BYTES.. => AFTER_MIN,
            _ => (self.after * 2).min(AFTER_MAX),
        };
        self.next = now + self.after;
        if self.are_rare() {
            let late = self.next.as_nanos() % AFTER_MAX.as_nanos();
            self.next -= Duration::from_nanos(u64::try_from(late).unwrap_or(0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks at files that were found at different moments and grow so much at each, in ten seconds:
    /// how many different moments there are in the last five, and the longest time between two.
    fn moments(change_bytes: u64) -> (usize, Duration) {
        let (mut all, mut longest) = (Vec::new(), Duration::ZERO);
        for file in 0..50 {
            let mut now = Duration::from_millis(13 * file);
            let mut looks = Looks::from(now);
            while now < Duration::from_secs(10) {
                looks.looked(now, change_bytes);
                assert!(looks.next() > now);
                longest = longest.max(looks.next() - now);
                now = looks.next();
                all.push(now);
            }
        }
        all.retain(|at| (5.0..10.0).contains(&at.as_secs_f64()));
        all.sort_unstable();
        all.dedup();
        (all.len(), longest)
    }

    #[test]
    fn files_that_grow_by_little_or_not_at_all_are_looked_at_together_once_a_second() {
        for change_bytes in [0, 100, MUCH_BYTES - 1] {
            assert_eq!(moments(change_bytes), (5, AFTER_MAX));
        }
    }

    #[test]
    fn a_file_that_grows_by_much_is_looked_at_when_it_needs_to_be() {
        let (many, longest) = moments(MUCH_BYTES);
        assert!(many > 200 && longest == AFTER_MIN, "{many} {longest:?}");
    }
}
