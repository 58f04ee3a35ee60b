//! What time brings to a lane, beside turns: records that nothing completes are let go, files that are done
//! are closed, deleted ones that keep too much of the node's disk are given up, losses are told, and
//! the books are posted.

use std::sync::Arc;

use super::Lane;
use super::follow::Follow;
use crate::checkpoint::store::{Entry, FileKey};
use crate::checkpoint::watermark::Watermark;
use crate::clock::Now;
use crate::record::{Cause, Container, Facts};
use crate::source::container_log::discover::describe;
use crate::source::files;
use crate::source::journal::FOLDER;

/// A file as the checkpoint remembers it, that may be gone.
pub struct LeftBehind {
    pub key: FileKey,
    /// Bytes that were seen of it and not settled.
    pub bytes: u64,
    /// When that was, nanoseconds since the Unix epoch.
    pub since: u64,
    /// Why they are lost, where the last run knew that already, and could not tell it.
    pub cause: Option<Cause>,
    pub folder: String,
    pub container: Arc<Container>,
}

impl LeftBehind {
    /// Of an entry of the checkpoint; none if it has nothing to lose. `node`: facts of the node.
    #[must_use]
    pub fn new(node: &Facts, key: FileKey, entry: Entry) -> Option<Self> {
        let behind = entry.behind?;
        let settled = Watermark::of(entry.offset, &entry.above).settled_bytes();
        Some(Self {
            bytes: behind.len.saturating_sub(settled),
            since: entry.at * 1_000_000_000,
            cause: behind.cause,
            container: match files::is_plain(&behind.folder) {
                true => files::describe(node, &behind.folder),
                false => describe(node, &behind.folder, key.restart),
            },
            folder: behind.folder,
            key,
        })
    }
}

impl Lane {
    /// Whether everything is looked at in this step. Once a second, on the second: as idle files are, so
    /// that a lane wakes for both.
    pub(super) fn looks_around(&mut self, now: Now) -> bool {
        let around = now.mono.as_secs() != self.looked_around.as_secs();
        if around {
            self.looked_around = now.mono;
            self.agenda.wake_all();
            self.bound_pinned(now);
            self.unreadable.tidy(now.mono, &self.setup);
            self.setup.metrics.ledgers.expire(seconds(now));
            let follows = &self.follows;
            let is_followed = |pod: &str| follows.values().any(|f| f.is_of(pod));
            self.stages.pods.forget_gone(now.mono, is_followed);
        }
        around
    }

    /// `due`: the containers that something happened to, or that a moment has come for.
    pub(super) fn tidy(&mut self, due: &[u32], around: bool, now: Now) {
        for slot in due {
            let Some(follow) = self.follows.get_mut(slot) else {
                continue;
            };
            follow.decide_if_late(&self.stages, &self.setup, now.mono);
            follow.flush_idle(now, &mut self.stages, &self.setup);
            follow.rewind_if_answered(now, &self.setup);
            follow.mark_losses(now, &mut self.stages, &self.setup);
            if around {
                follow.look_around(now, &self.setup);
            }
            follow.close_finished(now, &self.setup);
            follow.count_unfinished();
            follow.show_waiting(&self.setup);
            debug_assert_eq!(follow.mistake(), None);
            if follow.has_ended() {
                self.end(*slot, now);
            } else {
                let next = follow.next_due(&self.setup, now.mono);
                self.agenda.put(*slot, next);
            }
        }
        self.journals
            .tidy(now, around, &mut self.stages, &self.setup);
    }

    fn end(&mut self, slot: u32, now: Now) {
        self.agenda.forget(slot);
        if let Some(mut follow) = self.follows.remove(&slot) {
            follow.post(&self.setup);
            let ledgers = &self.setup.metrics.ledgers;
            ledgers.end(follow.folder(), seconds(now));
            self.slots.remove(follow.folder());
            self.stages.forget(slot);
        }
    }

    /// Lets go of the oldest deleted files while all of them keep too much of the node's disk.
    fn bound_pinned(&mut self, now: Now) {
        let own: u64 = self.follows.values().map(Follow::pinned).sum();
        let own = i64::try_from(own).unwrap_or(i64::MAX);
        let gauge = &self.setup.metrics.source.pinned_bytes;
        gauge.inc_by(own - std::mem::replace(&mut self.pinned, own));
        let most = self.setup.source.pinned_bytes_max.as_u64();
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        while gauge.get() > most {
            let oldest = self.follows.iter().filter_map(|(slot, follow)| {
                let (since, place) = follow.oldest_pinned()?;
                Some((since, *slot, place))
            });
            let Some((_, slot, place)) = oldest.min() else {
                return;
            };
            if let Some(follow) = self.follows.get_mut(&slot) {
                let before = follow.pinned();
                follow.give_up(place, now, &self.setup);
                let freed = i64::try_from(before - follow.pinned()).unwrap_or(0);
                self.pinned -= freed;
                gauge.dec_by(freed);
            }
        }
    }

    /// The last run of the agent had left something of a file unread, or the file was to go on. If it
    /// is not here, that is lost.
    pub(super) fn left_behind(&mut self, left: LeftBehind, now: Now) {
        if left.folder.starts_with(FOLDER) {
            return self.journal_left_behind(left, now);
        }
        let gone = !self.slots.contains_key(&left.folder);
        if gone && left.bytes == 0 {
            // It was read to its end.
            self.setup.board.told(&left.key);
        }
        if !self.setup.board.is_behind(&left.key) {
            return;
        }
        let slot = self.slot(&left.folder, &left.container, now);
        let Some(follow) = slot.and_then(|slot| self.follows.get_mut(&slot)) else {
            return;
        };
        // Nothing was found there: with the last marker the container is done.
        follow.gone |= gone;
        follow.sort_aside(now, &self.setup);
        if !self.setup.board.is_behind(&left.key) {
            // A copy of it is here.
            return;
        }
        if follow.has_key(&left.key) {
            return;
        }
        if left.bytes == 0 && files::is_plain(&left.folder) {
            // It was read to its end, and is written anew since, as `dmesg` with each boot.
            return self.setup.board.told(&left.key);
        }
        follow.missed(left, now, &self.setup);
    }
}

fn seconds(now: Now) -> u64 {
    now.wall / 1_000_000_000
}
