//! Joins lines that start with a blank to the line before, and holds the last event; traps on
//! `poison`.

use logsieve_filter::{Batch, Filter, Unjudged, export_filter};

struct JoinsAndTraps;

impl Filter for JoinsAndTraps {
    fn batch(&mut self, batch: &mut Batch<'_>) -> Result<(), Unjudged> {
        let texts: Vec<String> = (0..batch.len())
            .map(|at| batch.record(at).text_lossy().into_owned())
            .collect();
        if texts.iter().any(|text| text.contains("poison")) {
            std::process::abort();
        }
        let starts: Vec<usize> = (0..texts.len())
            .filter(|at| *at == 0 || !texts[*at].starts_with(' '))
            .collect();
        for (n, start) in starts.iter().enumerate() {
            let end = starts.get(n + 1).copied().unwrap_or(texts.len());
            if end == texts.len() && !batch.is_last() {
                batch.hold(end - start);
            } else if end - start > 1 {
                batch.record(*start).replace(texts[*start..end].join("+"));
                (start + 1..end).for_each(|at| batch.record(at).discard());
            }
        }
        Ok(())
    }
}

export_filter!(JoinsAndTraps);
