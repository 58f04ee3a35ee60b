//! The seam for time: nothing else in the agent asks the machine what time it is.
//!
//! A lane is handed a [`Now`] and never reads a clock, so a simulation can play years in seconds.
//! CPU time is the one exception: turns and deadlines are charged in it while they run, so whoever
//! charges is given a [`CpuClock`]; in simulation that one counts something deterministic.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// One moment, on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Since the agent started; never falls. For waits and back-off.
    pub mono: Duration,
    /// Nanoseconds since the Unix epoch; may step. For time stamps only.
    pub wall: u64,
}

/// The machine's clocks.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: Instant,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "this is the seam")]
    #[must_use]
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "this is the seam")]
    #[must_use]
    pub fn now(&self) -> Now {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Now {
            mono: self.started.elapsed(),
            wall: u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX),
        }
    }
}

/// What charges a turn or a call for the work that it does.
pub type CpuClock = fn() -> Duration;

/// CPU time of the calling thread. A CPU quota may stop a thread for most of 100 ms: wall time
/// would blame whoever had the turn.
#[must_use]
pub fn thread_cpu() -> Duration {
    cpu(rustix::time::ClockId::ThreadCPUTime)
}

/// CPU time of the whole process, all threads.
#[must_use]
pub fn process_cpu() -> Duration {
    cpu(rustix::time::ClockId::ProcessCPUTime)
}

fn cpu(id: rustix::time::ClockId) -> Duration {
    let t = rustix::time::clock_gettime(id);
    Duration::new(
        u64::try_from(t.tv_sec).unwrap_or_default(),
        u32::try_from(t.tv_nsec).unwrap_or_default(),
    )
}

/// A time as RFC 3339 in UTC, to the nanosecond.
#[must_use]
pub fn rfc3339(nanos: u64) -> String {
    let time = jiff::Timestamp::from_nanosecond(i128::from(nanos));
    time.map_or_else(|_| nanos.to_string(), |t| format!("{t:.9}"))
}
