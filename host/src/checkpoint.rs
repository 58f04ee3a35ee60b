//! Remembers what was settled, so that a restart reads the rest and nothing else.
//!
//! `watermark` says how far one file is settled, `board` gathers that from all lanes, `store` keeps
//! it on disk. At least once, whatever crashes: an offset is written only after the sink took every
//! byte below it.

pub mod board;
pub mod store;
pub mod watermark;
