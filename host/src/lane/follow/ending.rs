//! When a file may be left for the next one, and when nothing more can come: while its writer may still
//! hold it open, it is looked at again.

use std::io;
use std::time::Duration;

use super::file::{File, SUPERSEDED_EMPTY};

/// A file that was left for the next one stays open this much longer, and is read again should it grow.
const LINGER: Duration = Duration::from_secs(2);
/// A plain file that grows all the same stays open: whoever writes it hears of a rotation when the rotation
/// of all files is done, or never.
const LINGER_PLAIN: Duration = Duration::from_secs(60);
/// A plain file's last line without an end is taken for whole when nothing was added for this long.
const UNFINISHED: Duration = Duration::from_secs(5);
/// An unlinked file that does not grow is closed after this long.
const UNLINKED_LINGER: Duration = Duration::from_secs(10);

/// Whether a file can be read.
pub enum Ready {
    Unread,
    /// Nothing now; the files behind it wait for it.
    Waiting,
    /// Nothing ever: go on to the next.
    ReadOut,
    Truncated,
}

impl File {
    /// Looks whether there is something to read.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn ready(&mut self, now: Duration, next_has_data: bool) -> io::Result<Ready> {
        // With a successor there, what matters is only whether this one is at its end yet.
        let ending = self.superseded_at.is_some() && !self.read_out;
        if !self.has_unread() && (ending || self.tail.next_look() <= now) {
            self.look(now)?;
            if !self.has_unread() {
                self.end_if_over(now, next_has_data);
            }
        }
        if self.tail.is_cut() {
            return Ok(Ready::Truncated);
        }
        if self.has_unread() {
            self.read_out = false;
            return Ok(Ready::Unread);
        }
        Ok(if self.read_out {
            Ready::ReadOut
        } else {
            Ready::Waiting
        })
    }

    /// Nothing can be read as of this moment's look: so it is read out if the next file has begun.
    fn end_if_over(&mut self, now: Duration, next_has_data: bool) {
        if self.tail.unread() > 0 {
            if self.ends_here(now) {
                // A last line without newline: nobody will finish it.
                self.torn_at = None;
            }
            return;
        }
        let late = |since: Duration| now.saturating_sub(since) >= SUPERSEDED_EMPTY;
        self.read_out |= self
            .superseded_at
            .is_some_and(|since| next_has_data || late(since));
    }

    /// Whether its end is the end: what stands there without a newline is the last line.
    #[must_use]
    pub fn ends_here(&self, now: Duration) -> bool {
        let late = |since: Duration, wait| now.saturating_sub(since) >= wait;
        if self.is_plain() {
            // Nobody says when a line is to have its end, or that there will be no more of it.
            return self.compressed || late(self.tail.grew_at, UNFINISHED);
        }
        let left = self
            .superseded_at
            .is_some_and(|at| late(at, SUPERSEDED_EMPTY));
        let left = left || self.is_unlinked();
        self.compressed || (late(self.tail.grew_at, SUPERSEDED_EMPTY) && left)
    }

    /// Whether it can be closed: read, settled, and not going to grow.
    pub fn is_finished(&mut self, now: Duration, folder_gone: bool) -> bool {
        // While reading was stopped nobody looked, so what the last look saw is not enough to go by.
        self.seems_finished(now, folder_gone)
            && self.look(now).is_ok()
            && self.seems_finished(now, folder_gone)
    }

    fn seems_finished(&self, now: Duration, folder_gone: bool) -> bool {
        if !self.is_settled() || self.tail.is_cut() || self.is_untold() {
            return false;
        }
        let late = |since: Duration, wait| now.saturating_sub(since) >= wait;
        if self.read_out {
            let quiet =
                self.compressed || !self.is_plain() || late(self.tail.grew_at, LINGER_PLAIN);
            return quiet && self.superseded_at.is_some_and(|since| late(since, LINGER));
        }
        let unlinked = self.is_unlinked() || folder_gone;
        let linger = if self.is_plain() {
            LINGER_PLAIN
        } else {
            UNLINKED_LINGER
        };
        unlinked && late(self.tail.grew_at, linger)
    }
}
