//! Filters through the agent's own engine, in this process.
//!
//! Guests that behave in one special way each (`tests/guests`) are loaded as the agent loads its
//! modules, and run as a lane runs them; what becomes of records, of receipts and of the counters
//! is held against the contract in `wit/filter.wit`.

mod bad_edits;
mod changes;
mod compile;
mod conformance;
mod engine;
mod every_guest;
mod failures;
mod holds;
mod isolation;
mod limits;
mod origin;
mod patterns;
mod reports;
mod sizes;
mod swap;
mod wasi;
