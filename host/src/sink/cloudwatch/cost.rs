//! What a destination costs, as far as bytes tell: an estimate from the last hour.
//!
//! CloudWatch Logs bills what it takes in: the bytes of each message and 26 for each event, however
//! they were sent. Storage, queries and what discounts an account has are not in it.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::group::Class;
use crate::clock::Clock;
use crate::telemetry::metrics::DestinationMetrics;

/// Price of a GB taken in, US East (N. Virginia), "Collect (Data Ingestion)" on the page
/// <https://aws.amazon.com/cloudwatch/pricing/>, for log groups of each class.
pub const STANDARD: Price = Price { cents: 50 };
pub const INFREQUENT_ACCESS: Price = Price { cents: 25 };

/// A GB as AWS bills it.
const GB: f64 = (1_u64 << 30) as f64;
const DAY: f64 = 24.0 * 3600.0;
/// How often the estimate is made, and from how many of those.
const EVERY: Duration = Duration::from_secs(60);
const SAMPLES_MAX: usize = 60;

/// Of a GB, in US cents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    cents: u32,
}

impl Price {
    #[must_use]
    pub fn of(class: Class) -> Self {
        match class {
            Class::Standard => STANDARD,
            Class::InfrequentAccess => INFREQUENT_ACCESS,
        }
    }

    /// Dollars a day, where it is `bytes` in the time `within`.
    fn per_day(self, bytes: u64, within: Duration) -> f64 {
        let seconds = within.as_secs_f64();
        if seconds <= 0.0 {
            return 0.0;
        }
        bytes as f64 / seconds * DAY / GB * f64::from(self.cents) / 100.0
    }
}

impl<'de> Deserialize<'de> for Price {
    /// Written in dollars.
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let dollars = f64::deserialize(from)?;
        let cents = (dollars * 100.0).round();
        if !(0.0..=100_000.0).contains(&cents) {
            return Err(serde::de::Error::custom(
                "a price in US dollars is expected",
            ));
        }
        Ok(Self {
            cents: cents as u32,
        })
    }
}

/// Keeps the estimate current, for as long as it is polled.
pub async fn estimate(metrics: DestinationMetrics, price: Price, clock: Clock) {
    let mut samples = VecDeque::from([(clock.now().mono, 0)]);
    loop {
        tokio::time::sleep(EVERY).await;
        let now = (clock.now().mono, metrics.billed_bytes.get());
        let day = since(&mut samples, now, price);
        metrics.dollars_per_day.set(day);
    }
}

fn since(samples: &mut VecDeque<(Duration, u64)>, now: (Duration, u64), price: Price) -> f64 {
    let first = samples.front().copied().unwrap_or(now);
    samples.push_back(now);
    if samples.len() > SAMPLES_MAX {
        samples.pop_front();
    }
    price.per_day(now.1 - first.1, now.0.saturating_sub(first.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_costs_what_the_last_hours_rate_comes_to() {
        let mut samples = VecDeque::from([(Duration::ZERO, 0)]);
        let mut day = 0.0;
        // A gigabyte each minute for two hours, then nothing for one.
        for minute in 1..=120_u32 {
            let bytes = u64::from(minute) << 30;
            day = since(&mut samples, (EVERY * minute, bytes), STANDARD);
        }
        assert!((day - 24.0 * 60.0 * 0.5).abs() < 1e-6, "{day}");
        for minute in 121..=180_u32 {
            day = since(&mut samples, (EVERY * minute, 120 << 30), STANDARD);
        }
        assert!(day.abs() < 1e-6, "{day}");
        assert!(samples.len() <= SAMPLES_MAX);
    }

    #[test]
    fn a_price_is_written_in_dollars() {
        let read = |text: &str| serde_json::from_str::<Price>(text);
        assert_eq!(read("0.5").unwrap(), STANDARD);
        assert!(read("-1").is_err());
    }
}
