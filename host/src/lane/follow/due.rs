//! When a container has something to do. Its lane asks whenever something has happened to it, and then leaves
//! it alone until that moment, or until something else happens; once a second it looks at all of them.

use std::time::Duration;

use super::Follow;
use super::file::File;
use crate::lane::Setup;

impl Follow {
    /// When there may be something to do.
    #[must_use]
    pub fn next_due(&self, setup: &Setup, now: Duration) -> Duration {
        if self.waits() {
            return self.waits_until.unwrap_or(Duration::MAX);
        }
        if self.suspended.is_some() || self.account.books.has_losses_to_mark() {
            // What they wait for is looked at again after the least rest.
            return Duration::ZERO;
        }
        let due = self.read_due().min(self.flush_due(setup));
        due.max(self.stopped_until(now))
    }

    /// Whether a turn would find something to do.
    #[must_use]
    pub fn is_due(&self, now: Duration) -> bool {
        match &self.suspended {
            Some(suspended) => suspended.is_due(),
            None => self.may_read(now) && self.read_due() <= now,
        }
    }

    pub(super) fn may_read(&self, now: Duration) -> bool {
        self.stopped_until(now) <= now
    }

    /// Until when nothing is read: at most until something happens.
    fn stopped_until(&self, now: Duration) -> Duration {
        if self.account.rewinding || self.waits() || self.suspended.is_some() {
            return Duration::MAX;
        }
        // A stop reads what nobody can read again, however much that is.
        let paced = self.pace.waits_until(now).filter(|_| !self.draining);
        let unreadable = self.unreadable.map(|(until, _)| until);
        let stops = [self.blocked_until, unreadable, self.id_until(), paced];
        stops.into_iter().flatten().max().unwrap_or_default()
    }

    /// When the files that a turn looks at have something to read: those that are read out, and the one
    /// being read.
    fn read_due(&self) -> Duration {
        let reading = self.files.iter().position(|f| !f.read_out);
        let front = reading.map_or(usize::MAX, |at| at + 1);
        let front = self.files.iter().take(front.min(self.read_until()));
        front.map(File::due).min().unwrap_or(Duration::MAX)
    }

    /// When unfinished records are let go, should nothing complete them until then. Nobody can read again
    /// what is deleted, so a stop lets go those of that, too.
    pub(super) fn flush_due(&self, setup: &Setup) -> Duration {
        let (held, pieces) = (!self.held.is_empty(), self.partials.any_pending());
        if !(held || pieces) || (self.draining && !self.is_final()) {
            return Duration::MAX;
        }
        let waits_for_pieces = !held && !self.is_final();
        let pieces_wait = setup.source.partial_idle.max(setup.hold_idle);
        self.read_at
            + match waits_for_pieces {
                true => pieces_wait,
                false => setup.hold_idle,
            }
    }

    /// Shows whether it waits.
    pub fn show_waiting(&mut self, setup: &Setup) {
        let waits = self.waits() && !self.has_ended();
        if std::mem::replace(&mut self.shown_waiting, waits) != waits {
            let change = if waits { 1 } else { -1 };
            setup.metrics.enrich.waiting_containers.inc_by(change);
        }
    }
}
