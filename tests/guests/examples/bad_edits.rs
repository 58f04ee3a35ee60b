//! Breaks the rule of the contract that its settings name.
//! It stands beside the SDK, which would put things right, or refuse them, before the agent sees them.
#![cfg_attr(
    not(target_arch = "wasm32"),
    allow(dead_code, reason = "only Wasm has a use for the exports")
)]

use std::sync::OnceLock;

use logsieve_filter::wire::exports::logsieve::filter::filter::Guest;
use logsieve_filter::wire::logsieve::filter::records::{Batch, Change, Edit, Outcome, Splice};

/// `{"rule": "NAME"}`
static SETTINGS: OnceLock<String> = OnceLock::new();

struct BadEdits;

impl Guest for BadEdits {
    fn configure(settings: String) -> Result<(), String> {
        SETTINGS
            .set(settings)
            .map_err(|_| "configured twice".into())
    }

    fn process(batch: Batch) -> Result<Outcome, String> {
        let records = batch.ends.len() as u32;
        let edit = |at, change| Edit { at, change };
        let splice = |start, end| {
            edit(
                0,
                Change::Splice(Splice {
                    start,
                    end,
                    text: Vec::new(),
                }),
            )
        };
        let route = || Change::Route("nowhere".into());
        let settings = SETTINGS.get().map_or("", String::as_str);
        let (edits, hold) = match settings.rsplit('"').nth(1).unwrap_or_default() {
            "out_of_range" => (vec![edit(records, Change::Drop)], 0),
            "out_of_order" => (vec![edit(1, Change::Drop), edit(0, Change::Drop)], 0),
            "splice_past_the_end" => (vec![splice(0, batch.ends[0] + 1)], 0),
            "overlapping_splices" => (vec![splice(0, 2), splice(1, 3)], 0),
            "drop_twice" => (vec![edit(0, Change::Drop), edit(0, Change::Drop)], 0),
            "drop_and_replace" => (
                vec![edit(0, Change::Drop), edit(0, Change::Replace(vec![]))],
                0,
            ),
            "time_after_add" => (
                vec![edit(0, Change::Add(vec![])), edit(0, Change::SetTime(1))],
                0,
            ),
            "unknown_route" => (vec![edit(0, route())], 0),
            "long_route" => (vec![edit(0, Change::Route("nowhere ".repeat(100_000)))], 0),
            "edit_on_held" => (vec![edit(records - 1, Change::Drop)], 1),
            "hold_on_last" => (Vec::new(), u32::from(batch.last)),
            "hold_too_many" => (Vec::new(), records + 1),
            other => return Err(format!("no rule is called `{other}`")),
        };
        Ok(Outcome { edits, hold })
    }
}

#[cfg(target_arch = "wasm32")]
logsieve_filter::wire::export!(BadEdits with_types_in logsieve_filter::wire);
