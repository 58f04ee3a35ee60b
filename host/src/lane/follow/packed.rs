//! What the kubelet makes of a rotated file: the same bytes, compressed, and then it deletes the original.
//!
//! An original that is open is read to its end, but its compressed form is kept open beside it. When deleted
//! files keep too much of the node's disk, reading goes on there, at the same place: offsets count bytes that
//! are not compressed, so what is on its way and what is settled stay what they are.

use crate::source::log_file::files::{LogFile, Stat};
use crate::source::log_file::sighting::Found;

/// The compressed form of a file.
pub struct Packed {
    file: Box<dyn LogFile>,
    said: Stat,
}

impl Packed {
    #[must_use]
    pub fn new(found: Found) -> Self {
        Self {
            file: found.file,
            said: found.stat,
        }
    }

    /// It and how it stands, if it goes as far as this; what is said of its length may be less than that.
    #[must_use]
    pub fn reaching(self, seen: u64) -> Option<(Box<dyn LogFile>, Stat)> {
        if self.said.len >= seen {
            return Some((self.file, self.said));
        }
        // What cannot be read is nothing to go on with.
        let last = self.file.read_at(&mut [0], seen - 1);
        let stat = last.is_ok_and(|read| read == 1).then(|| self.file.stat());
        Some((self.file, stat?.ok()?))
    }
}
