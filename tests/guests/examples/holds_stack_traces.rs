//! Joins a record with those after it that start with white space, and holds the last such event
//! back while it may go on.

use logsieve_filter::{Batch, Filter, Unjudged, export_filter};

struct HoldsStackTraces;

impl Filter for HoldsStackTraces {
    fn batch(&mut self, batch: &mut Batch<'_>) -> Result<(), Unjudged> {
        let goes_on = |text: &[u8]| text.first().is_some_and(u8::is_ascii_whitespace);
        let mut start = 0;
        while start < batch.len() {
            let more = (start + 1..batch.len()).take_while(|at| goes_on(batch.text(*at)));
            let end = start + 1 + more.count();
            if end == batch.len() && !batch.is_last() {
                batch.hold(end - start);
            } else if end - start > 1 {
                let lines: Vec<_> = (start..end).map(|at| batch.text(at)).collect();
                batch.record(start).replace(lines.join(&b'\n'));
                (start + 1..end).for_each(|at| batch.record(at).discard());
            }
            start = end;
        }
        Ok(())
    }
}

export_filter!(HoldsStackTraces);
