//! When a filter that fails time and again is left alone.
//!
//! Five failed batches in a row, and it rests: 1 s, doubling to 5 min, its policy applied meanwhile
//! without a call. A batch failed if none of its records got through, or if there was no time to
//! find out: a single poisonous record in each batch is no reason to hold back all the others.

use std::time::Duration;

use super::instance::Failure;

/// Failed batches in a row before a rest.
const FAILED_MAX: u32 = 5;
/// The first rest, and the longest.
const REST_MIN: Duration = Duration::from_secs(1);
const REST_MAX: Duration = Duration::from_secs(300);

/// One filter's failures in a row, in one lane.
#[derive(Debug, Default)]
pub struct Rest {
    failed: u32,
    until: Duration,
    /// The latest rest.
    wait: Duration,
    why: String,
}

impl Rest {
    /// The failure that stands for all while it rests.
    #[must_use]
    pub fn at(&self, now: Duration) -> Option<Failure> {
        (now < self.until).then(|| Failure::Rests {
            batches: self.failed,
            why: self.why.clone(),
        })
    }

    /// A batch got through.
    pub fn passed(&mut self) {
        if self.failed > 0 {
            *self = Self::default();
        }
    }

    /// A batch failed. Says how long it rests from now on, if it does.
    pub fn failed(&mut self, now: Duration, why: &Failure) -> Option<Duration> {
        self.failed += 1;
        if self.failed < FAILED_MAX {
            return None;
        }
        self.wait = (self.wait * 2).clamp(REST_MIN, REST_MAX);
        self.until = now + self.wait;
        self.why = why.to_string();
        Some(self.wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trap() -> Failure {
        Failure::Trap {
            cause: "unreachable".into(),
        }
    }

    #[test]
    fn after_five_failed_batches_in_a_row_a_filter_rests_for_longer_and_longer() {
        let mut rest = Rest::default();
        let mut now = Duration::from_secs(10);
        for _ in 1..FAILED_MAX {
            assert_eq!(rest.failed(now, &trap()), None);
            assert!(rest.at(now).is_none());
        }
        let mut rests = Vec::new();
        for _ in 0..12 {
            let wait = rest.failed(now, &trap()).unwrap();
            assert!(rest.at(now).is_some());
            now += wait;
            assert!(rest.at(now).is_none(), "it is tried again");
            rests.push(wait.as_secs());
        }
        assert_eq!(rests, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        rest.passed();
        assert_eq!(rest.failed(now, &trap()), None, "it starts anew");
    }
}
