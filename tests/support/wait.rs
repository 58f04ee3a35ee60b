//! Waits for something that another process or thread is about to do.
//!
//! Every wait is bounded, and one that runs out says what it was waiting for. Tests wait for a
//! condition, never for a duration: a slow machine makes them slower, not red.

use std::time::{Duration, Instant};

/// How often a condition is looked at.
const INTERVAL: Duration = Duration::from_millis(10);

/// How long to wait for something that takes well under a second on an idle machine. Long, because
/// it is paid only by a test that is going to fail.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `condition` holds, at most `limit`. True when it does.
pub fn holds_within(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let give_up = Instant::now() + limit;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= give_up {
            return false;
        }
        std::thread::sleep(INTERVAL);
    }
}

/// Waits until `condition` holds, at most [`PATIENCE`].
///
/// # Panics
/// When it does not: with `what`, so that the failure reads as a sentence.
pub fn until(what: &str, condition: impl FnMut() -> bool) {
    assert!(
        holds_within(PATIENCE, condition),
        "waited {PATIENCE:?} in vain until {what}"
    );
}
