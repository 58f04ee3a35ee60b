//! Holds a container to the bytes a second that its route allows: what is more waits in its files.
//!
//! A second's worth may be read at once; a chunk that goes past it is paid for by the wait behind it.

use std::time::Duration;

use bytesize::ByteSize;

/// How much of an unused allowance is kept.
const BURST: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub struct Pace {
    bytes_per_second: Option<u64>,
    /// Until when what was read is paid for.
    paid: Duration,
}

impl Pace {
    /// Sets the limit from now on; none: no limit.
    pub fn limit(&mut self, bytes_per_second: Option<ByteSize>) {
        self.bytes_per_second = bytes_per_second.map(|b| b.as_u64().max(1));
    }

    /// When reading may go on, if it may not now.
    #[must_use]
    pub fn waits_until(&self, now: Duration) -> Option<Duration> {
        (self.bytes_per_second.is_some() && self.paid > now).then_some(self.paid)
    }

    /// Charges for bytes that were read.
    pub fn spend(&mut self, bytes: usize, now: Duration) {
        let Some(rate) = self.bytes_per_second else {
            return;
        };
        let micros = (bytes as u64).saturating_mul(1_000_000) / rate;
        let from = self.paid.max(now.saturating_sub(BURST));
        self.paid = from + Duration::from_micros(micros);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that are read in so many seconds, in chunks, where there is always more.
    fn read_in(seconds: u64, chunk: usize, rate: Option<ByteSize>) -> u64 {
        let mut pace = Pace::default();
        pace.limit(rate);
        let mut bytes = 0;
        for tick in 100..100 + seconds * 50 {
            let now = Duration::from_millis(tick * 20);
            while pace.waits_until(now).is_none() && bytes < 1 << 30 {
                pace.spend(chunk, now);
                bytes += chunk as u64;
            }
        }
        bytes
    }

    #[test]
    fn no_more_is_read_than_a_second_ahead_and_one_chunk() {
        for chunk in [100, 10_000, 256 * 1024] {
            let bytes = read_in(10, chunk, Some(ByteSize(100_000)));
            let most = 11 * 100_000 + chunk as u64;
            assert!((900_000..=most).contains(&bytes), "{chunk}: {bytes}");
        }
        assert_eq!(read_in(1, 1 << 20, None), 1 << 30, "without a limit");
    }
}
