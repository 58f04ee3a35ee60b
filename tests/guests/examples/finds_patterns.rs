//! Replaces each record by where the patterns of its settings match: `0:3..5 1:7..7`, with `!` in
//! front where the shorter question says that any of them matches.

use logsieve_filter::patterns::PatternSet;
use logsieve_filter::{Batch, Filter, Unjudged, export_filter};

#[derive(serde::Deserialize)]
struct Settings {
    patterns: Vec<String>,
}

struct FindsPatterns(PatternSet);

impl Filter for FindsPatterns {
    fn batch(&mut self, batch: &mut Batch<'_>) -> Result<(), Unjudged> {
        let mut told = vec![Vec::new(); batch.len()];
        for at in self.0.matches(batch) {
            told[at].push("!".to_owned());
        }
        for found in self.0.find(batch) {
            told[found.at].push(format!("{}:{:?}", found.pattern, found.range));
        }
        for (at, told) in told.into_iter().enumerate() {
            batch.record(at).replace(told.join(" "));
        }
        Ok(())
    }
}

export_filter!(FindsPatterns, |settings: Settings| {
    PatternSet::compile(settings.patterns).map(FindsPatterns)
});
