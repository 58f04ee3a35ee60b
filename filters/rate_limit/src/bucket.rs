//! How much a container has left: two buckets, of records and of bytes, which fill as time passes and never
//! hold more than a burst. What a record costs may empty a bucket below nothing: the next ones wait for
//! it, so a record larger than a burst passes once in a while, and not never.

use crate::Settings;

const NANOS: f64 = 1e9;

/// What every container may write.
#[derive(Clone, Copy)]
pub(crate) struct Allowance {
    /// A second; infinite where there is no limit.
    records: f64,
    bytes: f64,
    burst_seconds: f64,
}

impl Allowance {
    pub(crate) fn of(settings: &Settings) -> Self {
        let rate = |given: Option<u32>| given.map_or(f64::INFINITY, f64::from);
        Self {
            records: rate(settings.records_per_second),
            bytes: rate(settings.bytes_per_second),
            burst_seconds: settings.burst_seconds.into(),
        }
    }
}

/// What one container has left.
pub(crate) struct Buckets {
    allowance: Allowance,
    records: f64,
    bytes: f64,
    /// The latest time that was seen, nanoseconds.
    seen: u64,
}

impl Buckets {
    pub(crate) fn full(allowance: Allowance, now: u64) -> Self {
        Self {
            allowance,
            records: allowance.records * allowance.burst_seconds,
            bytes: allowance.bytes * allowance.burst_seconds,
            seen: now,
        }
    }

    pub(crate) fn seen(&self) -> u64 {
        self.seen
    }

    /// Takes a record's cost out, if there is anything left.
    pub(crate) fn take(&mut self, bytes: usize, now: u64) -> bool {
        self.fill(now);
        if self.records <= 0.0 || self.bytes <= 0.0 {
            return false;
        }
        self.records -= 1.0;
        self.bytes -= bytes as f64;
        true
    }

    fn fill(&mut self, now: u64) {
        let Allowance {
            records,
            bytes,
            burst_seconds,
        } = self.allowance;
        let passed = now.saturating_sub(self.seen) as f64 / NANOS;
        self.records = (self.records + records * passed).min(records * burst_seconds);
        self.bytes = (self.bytes + bytes * passed).min(bytes * burst_seconds);
        let behind = self.seen.saturating_sub(now) as f64 / NANOS;
        // Two outputs are a little out of step, which is to win nothing; a clock that was set back is.
        if now > self.seen || behind > burst_seconds {
            self.seen = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(records: Option<u32>, bytes: Option<u32>) -> Buckets {
        let settings = Settings {
            records_per_second: records,
            bytes_per_second: bytes,
            burst_seconds: 2,
            ..Settings::default()
        };
        Buckets::full(Allowance::of(&settings), 0)
    }

    const SECOND: u64 = 1_000_000_000;

    fn passed(buckets: &mut Buckets, times: impl Iterator<Item = u64>) -> usize {
        times.filter(|&time| buckets.take(100, time)).count()
    }

    #[test]
    fn a_burst_passes_and_then_so_many_a_second() {
        let mut buckets = buckets(Some(10), None);
        assert_eq!(passed(&mut buckets, std::iter::repeat_n(0, 100)), 20);
        let hundred_a_second = (0..1000).map(|n| n * SECOND / 100);
        assert_eq!(passed(&mut buckets, hundred_a_second), 100);
        assert_eq!(
            passed(&mut buckets, std::iter::repeat_n(100 * SECOND, 100)),
            20
        );
    }

    #[test]
    fn bytes_are_limited_beside_records() {
        let mut buckets = buckets(Some(1000), Some(1000));
        assert_eq!(passed(&mut buckets, std::iter::repeat_n(0, 100)), 20);
        // Larger than a burst: it passes, and the next ones wait for it.
        assert!(buckets.take(10_000, 2 * SECOND));
        assert!(!buckets.take(1, 9 * SECOND));
        assert!(buckets.take(1, 11 * SECOND));
    }

    #[test]
    fn times_out_of_step_win_nothing_and_a_clock_set_back_goes_on() {
        let mut buckets = buckets(Some(10), None);
        passed(&mut buckets, std::iter::repeat_n(100 * SECOND, 100));
        let out_of_step = (0..1000).map(|n| (100 - n % 2) * SECOND);
        assert_eq!(passed(&mut buckets, out_of_step), 0);
        assert_eq!(passed(&mut buckets, std::iter::once(0)), 0);
        assert_eq!(passed(&mut buckets, std::iter::repeat_n(SECOND, 100)), 10);
    }
}
