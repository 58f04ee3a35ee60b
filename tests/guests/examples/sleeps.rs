//! Sleeps for an hour at a record that contains `sleep`, and for no time at `yield`.
//! The host would wait with it, where no tick reaches: so it must not wait at all.

use guests::wasi::wasi::clocks::monotonic_clock::subscribe_duration;
use logsieve_filter::{Filter, Record, export_filter};

struct Sleeps;

impl Filter for Sleeps {
    fn record(&mut self, record: &mut Record<'_>) {
        let text = record.text_lossy();
        if text.contains("sleep") {
            subscribe_duration(3_600_000_000_000).block();
        } else if text.contains("yield") {
            subscribe_duration(0).block();
        }
    }
}

export_filter!(Sleeps);
