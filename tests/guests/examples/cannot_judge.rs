//! Says of every batch that it cannot be judged; at length, when a record asks for that.
//! An error result is the polite failure: what it says reaches the operator.

use logsieve_filter::{Batch, Filter, Unjudged, export_filter};

struct CannotJudge;

impl Filter for CannotJudge {
    fn batch(&mut self, batch: &mut Batch<'_>) -> Result<(), Unjudged> {
        // What is changed before the error must not show.
        batch.record(0).discard();
        let times = if batch.text(0) == b"at length" {
            100_000
        } else {
            1
        };
        Err("the table of tenants is empty".repeat(times).into())
    }
}

export_filter!(CannotJudge);
