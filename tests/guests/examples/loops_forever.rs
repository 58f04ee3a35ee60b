//! Never returns from a batch.
//! It does nothing meanwhile: no call of the agent, no memory, so only a tick can end it.

use logsieve_filter::{Batch, Filter, Unjudged, export_filter};

struct LoopsForever;

impl Filter for LoopsForever {
    fn batch(&mut self, _: &mut Batch<'_>) -> Result<(), Unjudged> {
        loop {
            std::hint::black_box(());
        }
    }
}

export_filter!(LoopsForever);
