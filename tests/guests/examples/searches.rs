//! Looks for the matches of `pattern` in every batch, and does nothing with them.
//! What that costs above the search itself is a figure.

use logsieve_filter::patterns::PatternSet;
use logsieve_filter::{Batch, Filter, Unjudged, export_filter};

#[derive(serde::Deserialize)]
struct Settings {
    pattern: String,
}

struct Searches(PatternSet);

impl Filter for Searches {
    fn batch(&mut self, batch: &mut Batch<'_>) -> Result<(), Unjudged> {
        std::hint::black_box(self.0.find(batch).len());
        Ok(())
    }
}

export_filter!(Searches, |settings: Settings| {
    PatternSet::compile([settings.pattern]).map(Searches)
});
