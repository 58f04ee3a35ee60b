//! Filters for the logsieve agent, written in Rust.
//!
//! A filter looks at log records and may drop them, change them or add to them. It is compiled to
//! WebAssembly, and sees nothing of the world but the records that it is handed.
//!
//! ```
//! use logsieve_filter::{Filter, Record, export_filter};
//!
//! struct DropDebug;
//!
//! impl Filter for DropDebug {
//!     fn record(&mut self, record: &mut Record<'_>) {
//!         if record.text().starts_with(b"DEBUG") {
//!             record.discard();
//!         }
//!     }
//! }
//!
//! export_filter!(DropDebug);
//!
//! # use logsieve_filter::testing;
//! // In a test: neither Wasm nor a cluster is needed.
//! assert_eq!(testing::run(DropDebug, ["DEBUG a", "INFO b"]), ["INFO b"]);
//! ```
//!
//! The crate type is `cdylib`, and `cargo build --release --target wasm32-unknown-unknown` leaves a
//! module that the agent loads as it is. README.md has the profile that makes it small.
#![warn(missing_docs)]

// What each is for.
mod batch; // the records in hand, and what the filter wants done with them
mod edits; // collects changes, and puts them into the order that the contract asks for
mod export; // `export_filter!`: what the agent calls
mod filter; // the trait that an author implements
mod json; // reads settings, and names the key that is wrong
pub mod origin; // facts about the container
pub mod patterns; // regular expressions that the agent runs
mod record; // one record
pub mod report; // what a filter tells the outside
mod settings; // the operator's settings, as the author's struct
mod stream; // which output a record was written to
pub mod wire; // the contract, as generated from the WIT

#[cfg(not(target_arch = "wasm32"))]
pub mod native; // runs a filter without Wasm
#[cfg(not(target_arch = "wasm32"))]
pub mod testing; // asserts what a filter does

pub use batch::Batch;
pub use filter::{Filter, Unjudged};
pub use record::Record;
pub use stream::Stream;
pub use wire::logsieve::filter::records::Batch as Columns;

/// What [`export_filter!`] expands to. Not for use by hand: it changes without notice.
#[doc(hidden)]
pub mod __private {
    pub use crate::export::{Slot, no_settings, with_settings};
}

/// Compiles what README.md shows.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
