//! Traps on a record that contains `poison`, and on one that contains `tired` unless it is the
//! first that this instance sees; numbers the others, from 1 in every instance.

use logsieve_filter::{Filter, Record, export_filter};

struct TrapsOnOneRecord {
    seen: u32,
}

impl Filter for TrapsOnOneRecord {
    fn record(&mut self, record: &mut Record<'_>) {
        let text = record.text_lossy();
        if text.contains("poison") || (text.contains("tired") && self.seen > 0) {
            std::process::abort();
        }
        self.seen += 1;
        record.replace(format!("{} {text}", self.seen));
    }
}

#[derive(serde::Deserialize)]
struct NoSettings {}

export_filter!(TrapsOnOneRecord, |_: NoSettings| {
    Ok::<_, String>(TrapsOnOneRecord { seen: 0 })
});
