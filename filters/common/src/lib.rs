//! What several of the ready filters are made of: a list of rules that names records, how important a
//! record is, one field of it, and a hash that is the same on every machine.
//!
//! It is no filter itself. What only one filter needs stays with that filter.

pub mod field; // one field of a JSON object, or of logfmt
pub mod hash; // spreads texts evenly
pub mod level; // how important a record is
pub mod rules; // names records by text, pattern or level

pub use level::Level;
pub use rules::{List, Rules, RulesOver};
