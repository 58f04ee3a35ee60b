//! Fails on every second batch that an instance, or the next one, is handed: by the clock, not by
//! what is in it.

use guests::wasi::wasi::clocks::monotonic_clock::now;
use logsieve_filter::{Batch, Filter, Unjudged, export_filter};

struct NonDeterministic;

impl Filter for NonDeterministic {
    fn batch(&mut self, _: &mut Batch<'_>) -> Result<(), Unjudged> {
        // A nanosecond is nobody's choice.
        if now().is_multiple_of(2) {
            std::process::abort();
        }
        Ok(())
    }
}

export_filter!(NonDeterministic);
