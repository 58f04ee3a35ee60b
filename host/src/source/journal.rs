//! The node's journal, read in process from the files that journald writes: no libsystemd, which would
//! have to be as new as the node's, and no `journalctl`, which a small image does not have.
//!
//! An own reader: the crates that there are map files, which a writer that cuts and empties them would
//! turn into a crash, and build an owned map of all fields for each entry. `format` is the published
//! layout, `window` what of a file is in memory, `objects` what lies in it, `chain` the list of its entries,
//! `reader` one file's entries in order, `payload` what is compressed, `streams` tells entries apart by their
//! fields, `text` is what a record says, and `discover` finds the files.

pub mod chain;
mod config;
pub mod discover;
pub mod format;
pub mod objects;
pub mod payload;
pub mod reader;
pub mod select;
pub mod streams;
pub mod text;
pub mod window;

pub use config::{Config, Start};

/// The fact that tells records of a journal and of containers apart, and its value for those.
pub const SOURCE: &str = "log.source";
pub const NAME: &str = "journal";
/// What the journals' names in books and checkpoint begin with, which no folder of a pod does.
pub const FOLDER: &str = "journal:";
/// What stands behind a text that was longer than is read.
pub const CUT: &[u8] =
    b" [logsieve: the rest of this text is too long and was left in the journal]";
