//! Looks for all matches of a pattern that reads the rest of the record anew for each.
//! That time is spent in the agent's own code, where no tick reaches a guest.

use logsieve_filter::patterns::PatternSet;
use logsieve_filter::{Batch, Filter, Unjudged, export_filter};

#[derive(serde::Deserialize)]
struct NoSettings {}

struct EvilPatterns(PatternSet);

impl Filter for EvilPatterns {
    fn batch(&mut self, batch: &mut Batch<'_>) -> Result<(), Unjudged> {
        let matches = self.0.find(batch).len();
        batch.record(0).replace(format!("{matches} matches"));
        Ok(())
    }
}

export_filter!(EvilPatterns, |_: NoSettings| {
    PatternSet::compile([".*[^A-Z]|[A-Z]"]).map(EvilPatterns)
});
