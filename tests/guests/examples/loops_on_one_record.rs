//! Never returns from a record that contains `poison`; all others pass.
//! Only a deadline tells which one it is.

use logsieve_filter::{Filter, Record, export_filter};

struct LoopsOnOneRecord;

impl Filter for LoopsOnOneRecord {
    fn record(&mut self, record: &mut Record<'_>) {
        while record.text_lossy().contains("poison") {
            std::hint::black_box(());
        }
    }
}

export_filter!(LoopsOnOneRecord);
