//! Panics on a record that contains `panic`.
//! A panic ends as a trap; its message is to reach the agent's log before.

use logsieve_filter::{Filter, Record, export_filter};

struct Panics;

impl Filter for Panics {
    fn record(&mut self, record: &mut Record<'_>) {
        assert!(!record.text_lossy().contains("panic"), "this is the panic");
    }
}

export_filter!(Panics);
