//! Asks for more memory than any filter gets and goes on without it; traps on a record that
//! contains `poison`.

use logsieve_filter::{Filter, Record, export_filter};

struct CopesWithoutMemory;

impl Filter for CopesWithoutMemory {
    fn record(&mut self, record: &mut Record<'_>) {
        if record.text_lossy().contains("poison") {
            std::process::abort();
        }
        let refused = Vec::<u8>::new().try_reserve_exact(1 << 30).is_err();
        record.replace(format!("refused: {refused}"));
    }
}

export_filter!(CopesWithoutMemory);
