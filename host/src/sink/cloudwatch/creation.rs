//! How often groups and streams are created.
//!
//! An account may create 50 streams a second in a region, all its nodes together. So each agent
//! creates one a second after a burst of five, a little late at random, and half as many after a
//! throttle, down to one in 16 s: up to 50 agents that all create all the time stay under the
//! account's quota; from there on to 800, throttles tell them to. What several requests miss is
//! created once.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::retry::{Failed, Next, random};
use crate::clock::Clock;

/// Creations that may follow each other at once.
const BURST: f64 = 5.0;
/// Creations a second after that, and the least after throttles.
const RATE: f64 = 1.0;
const RATE_MIN: f64 = 1.0 / 16.0;
/// How much faster it gets with each creation, after throttles.
const RECOVERY: f64 = 1.2;
/// A wait for one's turn is longer than it has to be by up to this part of it.
const JITTER: f64 = 0.5;
/// Names whose creation is remembered, so that it is not repeated.
const REMEMBERED_MAX: usize = 4096;

/// The creations of one account and region.
pub struct Creations {
    clock: Clock,
    /// Who waits for a turn waits here, so all go one by one.
    turn: tokio::sync::Mutex<()>,
    pace: Mutex<Pace>,
    gates: Mutex<HashMap<(String, String), Arc<Gate>>>,
}

/// What came of the last creation of a name, and when.
type Gate = tokio::sync::Mutex<Option<(Duration, Result<(), Failed>)>>;

struct Pace {
    left: f64,
    rate: f64,
    at: Duration,
}

impl Pace {
    /// Takes leave for one creation, or says how long to wait for it.
    fn take(&mut self, now: Duration) -> Result<(), Duration> {
        let earned = now.saturating_sub(self.at).as_secs_f64() * self.rate;
        self.left = (self.left + earned).min(BURST);
        self.at = now;
        if self.left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - self.left) / self.rate));
        }
        self.left -= 1.0;
        Ok(())
    }
}

impl Creations {
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            turn: tokio::sync::Mutex::default(),
            pace: Mutex::new(Pace {
                left: BURST,
                rate: RATE,
                at: clock.now().mono,
            }),
            gates: Mutex::default(),
        }
    }

    /// Waits for leave to create one thing.
    pub async fn leave(&self) {
        let _turn = self.turn.lock().await;
        loop {
            let now = self.clock.now();
            let Err(wait) = self.pace().take(now.mono) else {
                return;
            };
            let late = (random(now.wall) % 1000) as f64 / 1000.0 * JITTER;
            tokio::time::sleep(wait.mul_f64(1.0 + late)).await;
        }
    }

    /// What the service said to a creation sets the pace of the next ones.
    pub fn answered(&self, answer: &Result<(), Failed>) {
        let mut pace = self.pace();
        match answer {
            Ok(()) => pace.rate = (pace.rate * RECOVERY).min(RATE),
            Err(failed) if failed.next == Next::Throttled => {
                pace.rate = (pace.rate / 2.0).max(RATE_MIN);
            }
            Err(_) => {}
        }
    }

    /// Creates what has this name, for all that missed it: who asked before the last creation
    /// ended gets what came of that one.
    ///
    /// # Errors
    /// What the creation came to.
    pub async fn once(
        &self,
        name: (&str, &str),
        asked: Duration,
        create: impl Future<Output = Result<(), Failed>>,
    ) -> Result<(), Failed> {
        let gate = self.gate(name);
        let mut last = gate.lock().await;
        if let Some((ended, result)) = &*last
            && *ended >= asked
        {
            return result.clone();
        }
        let result = create.await;
        *last = Some((self.clock.now().mono, result.clone()));
        result
    }

    fn gate(&self, (group, stream): (&str, &str)) -> Arc<Gate> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        if gates.len() >= REMEMBERED_MAX {
            gates.retain(|_, gate| Arc::strong_count(gate) > 1);
        }
        let key = (group.to_owned(), stream.to_owned());
        gates.entry(key).or_default().clone()
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttled() -> Result<(), Failed> {
        Err(Failed {
            next: Next::Throttled,
            code: "ThrottlingException".into(),
            message: String::new(),
        })
    }

    #[test]
    fn five_creations_go_at_once_and_then_one_a_second() {
        let mut pace = Pace {
            left: BURST,
            rate: RATE,
            at: Duration::ZERO,
        };
        let now = Duration::from_secs(10);
        (0..5).for_each(|_| pace.take(now).unwrap());
        assert_eq!(pace.take(now), Err(Duration::from_secs(1)));
        pace.take(Duration::from_secs(11)).unwrap();
        assert!(pace.take(Duration::from_millis(11_500)).is_err());
    }

    #[test]
    fn a_throttle_halves_the_rate_down_to_one_in_sixteen_seconds() {
        let creations = Creations::new(Clock::start());
        for rate in [0.5, 0.25, 0.125, RATE_MIN, RATE_MIN] {
            creations.answered(&throttled());
            assert!((creations.pace().rate - rate).abs() < 1e-9);
        }
        (0..100).for_each(|_| creations.answered(&Ok(())));
        assert!((creations.pace().rate - RATE).abs() < 1e-9);
    }

    #[tokio::test]
    async fn what_several_requests_miss_is_created_once() {
        let creations = Creations::new(Clock::start());
        let calls = std::sync::atomic::AtomicU32::new(0);
        let create = || async {
            calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            tokio::task::yield_now().await;
            Ok(())
        };
        let asked = creations.clock.now().mono;
        let (one, two) = tokio::join!(
            creations.once(("g", "s"), asked, create()),
            creations.once(("g", "s"), asked, create()),
        );
        assert!(one.is_ok() && two.is_ok());
        // Asked for again later: it was deleted meanwhile.
        let later = creations.clock.now().mono + Duration::from_secs(1);
        creations.once(("g", "s"), later, create()).await.unwrap();
        assert_eq!(calls.into_inner(), 2);
    }
}
