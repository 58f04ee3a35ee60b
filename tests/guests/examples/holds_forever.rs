//! Holds back every record for as long as it may.
//! So it meets each limit on what is held.

use logsieve_filter::{Batch, Filter, Unjudged, export_filter};

struct HoldsForever;

impl Filter for HoldsForever {
    fn batch(&mut self, batch: &mut Batch<'_>) -> Result<(), Unjudged> {
        if !batch.is_last() {
            batch.hold(batch.len());
        }
        Ok(())
    }
}

export_filter!(HoldsForever);
