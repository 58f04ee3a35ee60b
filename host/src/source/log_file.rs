//! One log file, whoever writes it: what every source of files shares.
//!
//! `files` is the seam to the node's disk, `gz` reads compressed files as if they were plain, `tail` reads one
//! from an offset on, `identity` says what makes it the same file, `decode` turns its lines into records and
//! `partial` joins the pieces of lines that were split.

pub mod decode;
pub mod files;
pub mod gz;
pub mod identity;
pub mod line;
pub mod partial;
pub mod tail;
