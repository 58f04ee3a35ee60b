//! The logsieve agent: follows a node's container logs, runs every record through WebAssembly
//! filters, and forwards what is left.
//!
//! The modules stand in the order in which a record meets them, with what composes the stages behind
//! them. (The blank lines keep rustfmt from sorting them.) Stages never import each other: `lane`
//! composes them, `agent` starts them, `config` says how. `tests/tidy.rs` holds the arrows.

pub mod clock; // the seam for time

pub mod record; // the nouns that every stage shares: columns, containers, receipts, budget

pub mod source; // follow files, decode lines into records

pub mod enrich; // say which pod wrote them

pub mod route; // choose their chain, format and destination

pub mod filter; // run the user's Wasm over them

pub mod sink; // pack, send, and settle the receipts

pub mod checkpoint; // remember what was settled

pub mod telemetry; // metrics, the agent's own log, the admin page

pub mod config; // what the user wrote -> what the agent runs

pub mod lane; // one thread's way through all stages

pub mod agent; // lanes and the runtime around them

pub mod cli; // the commands
