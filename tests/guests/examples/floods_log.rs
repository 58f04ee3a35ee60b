//! Writes 1,000 lines of 2 KiB to the agent's log at every batch.
//! The agent keeps a few of them, and the beginning of each.

use logsieve_filter::report::{Level, log};
use logsieve_filter::{Batch, Filter, Unjudged, export_filter};

struct FloodsLog;

impl Filter for FloodsLog {
    fn batch(&mut self, _: &mut Batch<'_>) -> Result<(), Unjudged> {
        // Letters of two bytes, behind one of a single byte: a cut at 1 KiB falls into one of them.
        let line = format!("x{}", "ü".repeat(1024));
        (0..1000).for_each(|_| log(Level::Warn, &line));
        Ok(())
    }
}

export_filter!(FloodsLog);
