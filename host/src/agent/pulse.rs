//! Tells a wedged agent from a patient one. Each thread that has to go round beats once a round;
//! `/healthz` fails when one has not for a minute, and the kubelet starts the agent again.
//!
//! Whether CloudWatch answers is no part of it: an agent that waits for the service is well.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Clock;

/// A thread that has not beaten for this long is wedged: a round takes about a second.
const WEDGED_AFTER: Duration = Duration::from_secs(60);

/// The beats of all threads.
#[derive(Clone)]
pub struct Pulse {
    clock: Clock,
    threads: Vec<Beat>,
}

/// One thread's.
#[derive(Clone)]
pub struct Beat {
    name: Arc<str>,
    clock: Clock,
    at_ms: Arc<AtomicU64>,
}

impl Beat {
    pub fn now(&self) {
        let now = self.clock.now().mono.as_millis();
        self.at_ms
            .store(u64::try_from(now).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn silent_for(&self, now: Duration) -> Duration {
        now.saturating_sub(Duration::from_millis(self.at_ms.load(Ordering::Relaxed)))
    }
}

impl Pulse {
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            threads: Vec::new(),
        }
    }

    /// The beat of one more thread.
    pub fn thread(&mut self, name: &str) -> Beat {
        let beat = Beat {
            name: name.into(),
            clock: self.clock,
            at_ms: Arc::default(),
        };
        beat.now();
        self.threads.push(beat.clone());
        beat
    }

    /// The thread that is wedged, if one is: the one that has been silent for longest.
    #[must_use]
    pub fn wedged(&self) -> Option<String> {
        self.wedged_at(self.clock.now().mono)
    }

    fn wedged_at(&self, now: Duration) -> Option<String> {
        let silent = self.threads.iter().map(|t| (t.silent_for(now), t));
        let (since, thread) = silent.max_by_key(|(since, _)| *since)?;
        (since >= WEDGED_AFTER).then(|| {
            format!(
                "thread `{}` has not moved for {} s",
                thread.name,
                since.as_secs()
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_does_not_beat_is_wedged_after_a_minute() {
        let mut pulse = Pulse::new(Clock::start());
        let lane = pulse.thread("lane-0");
        let checkpoint = pulse.thread("checkpoint");
        let later = Duration::from_millis(lane.at_ms.load(Ordering::Relaxed)) + WEDGED_AFTER;
        assert_eq!(pulse.wedged_at(later - Duration::from_millis(1)), None);
        let long_ago = checkpoint.at_ms.load(Ordering::Relaxed);
        lane.at_ms.store(long_ago + 1000, Ordering::Relaxed);
        let wedged = pulse.wedged_at(later).unwrap();
        assert!(wedged.contains("`checkpoint`"), "{wedged}");
    }
}
