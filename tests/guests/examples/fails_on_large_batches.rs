//! Fails on more than 100 records at once, whatever is in them.
//! So do filters that need memory or time for each record.

use logsieve_filter::{Batch, Filter, Unjudged, export_filter};

struct FailsOnLargeBatches;

impl Filter for FailsOnLargeBatches {
    fn batch(&mut self, batch: &mut Batch<'_>) -> Result<(), Unjudged> {
        if batch.len() > 100 {
            std::process::abort();
        }
        Ok(())
    }
}

export_filter!(FailsOnLargeBatches);
