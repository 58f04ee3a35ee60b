//! Gives back 64 records that all lie in the same 8 MiB of its memory: the copies that an agent
//! would make of them are 512 MiB.
#![cfg_attr(
    not(target_arch = "wasm32"),
    allow(dead_code, reason = "only Wasm has a use for the exports")
)]

use logsieve_filter::wire::exports::logsieve::filter::filter::Guest;
use logsieve_filter::wire::logsieve::filter::records::{Batch, Change, Edit, Outcome};

const BYTES: usize = 8 << 20;

struct RepeatsMemory;

impl Guest for RepeatsMemory {
    fn configure(_: String) -> Result<(), String> {
        Ok(())
    }

    fn process(_: Batch) -> Result<Outcome, String> {
        let text = vec![b'x'; BYTES].leak().as_mut_ptr();
        // SAFETY: none, on purpose. Each of them owns the same bytes, which ends badly only when a
        // second one is freed: after the agent has taken them, if ever it does.
        let again = || unsafe { Vec::from_raw_parts(text, BYTES, BYTES) };
        let add = |_| Edit {
            at: 0,
            change: Change::Add(again()),
        };
        let edits = (0..64).map(add).collect();
        Ok(Outcome { edits, hold: 0 })
    }
}

#[cfg(target_arch = "wasm32")]
logsieve_filter::wire::export!(RepeatsMemory with_types_in logsieve_filter::wire);
