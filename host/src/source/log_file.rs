//! One log file, whoever writes it: what every source of files shares.
//!
//! `files` is the seam to the node's disk, `gz` reads compressed files as if they were plain, `tail`
//! reads one from an offset on, `identity` (of containers) and `sample` (of plain files) say what makes
//! it the same file, `looks` says when to look at it, `decode` turns its lines into records and `partial`
//! joins the pieces of lines that were split. `watch` hears from the kernel what comes and goes, and
//! `sighting` is what lanes are told of it.

pub mod ask;
pub mod decode;
pub mod files;
pub mod gz;
pub mod identity;
pub mod line;
pub mod looks;
pub mod partial;
pub mod sample;
pub mod sighting;
pub mod tail;
pub mod watch;
