//! Replaces each record by 2 MiB.
//! That fits into its memory, and is more than the limit on output.

use logsieve_filter::{Filter, Record, export_filter};

struct HugeOutput;

impl Filter for HugeOutput {
    fn record(&mut self, record: &mut Record<'_>) {
        record.replace(vec![b'x'; 2 << 20]);
    }
}

export_filter!(HugeOutput);
