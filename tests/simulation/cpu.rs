//! CPU time, counted: a turn's cost is the looks at this clock and the bytes that were read, so that it
//! is the same on every machine and in every run.

use std::cell::Cell;
use std::time::Duration;

/// What one look costs: about what the lane does between two of them.
const LOOK: Duration = Duration::from_micros(20);

thread_local!(static SPENT: Cell<Duration> = const { Cell::new(Duration::ZERO) });

/// The clock that the lane is given.
pub fn cpu() -> Duration {
    spend(LOOK);
    SPENT.get()
}

/// Work that takes so long is done.
pub fn spend(time: Duration) {
    SPENT.set(SPENT.get() + time);
}
