//! Takes memory, a MiB at a time, until it is refused.
//! An allocation that fails ends in a trap, as it does in most languages.

use logsieve_filter::{Batch, Filter, Unjudged, export_filter};

struct GrowsMemory;

impl Filter for GrowsMemory {
    fn batch(&mut self, _: &mut Batch<'_>) -> Result<(), Unjudged> {
        let mut taken = Vec::new();
        loop {
            // Looked at, so that the compiler does not leave it out.
            taken.push(std::hint::black_box(vec![1_u8; 1 << 20]));
        }
    }
}

export_filter!(GrowsMemory);
