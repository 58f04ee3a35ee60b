//! Traps on every batch.
//! No second try and no fresh instance helps.

use logsieve_filter::{Batch, Filter, Unjudged, export_filter};

struct Traps;

impl Filter for Traps {
    fn batch(&mut self, _: &mut Batch<'_>) -> Result<(), Unjudged> {
        // One `unreachable` in Wasm, without the words that a panic says first.
        std::process::abort()
    }
}

export_filter!(Traps);
