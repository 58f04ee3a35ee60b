//! Calls itself without end, so that the stack runs out.
//! The stack is the lane's own: it has to end in a trap, not in the agent.

use logsieve_filter::{Batch, Filter, Unjudged, export_filter};

struct Recursion;

#[expect(unconditional_recursion, reason = "that is what it is for")]
fn deeper(n: u64) -> u64 {
    std::hint::black_box(deeper(std::hint::black_box(n + 1)) + n)
}

impl Filter for Recursion {
    fn batch(&mut self, _: &mut Batch<'_>) -> Result<(), Unjudged> {
        std::hint::black_box(deeper(0));
        Ok(())
    }
}

export_filter!(Recursion);
