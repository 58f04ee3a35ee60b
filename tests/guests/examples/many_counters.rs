//! Counts under 100 names that are allowed and 3 that are not, at every batch.
//! Each name would be a metric of its own for whoever watches the agent.

use logsieve_filter::report::count;
use logsieve_filter::{Batch, Filter, Unjudged, export_filter};

struct ManyCounters;

impl Filter for ManyCounters {
    fn batch(&mut self, batch: &mut Batch<'_>) -> Result<(), Unjudged> {
        ["", "Bad", "a-b"].iter().for_each(|name| count(name, 1));
        for n in 0..100 {
            count(&format!("counter_{n}"), batch.len() as u64);
        }
        Ok(())
    }
}

export_filter!(ManyCounters);
