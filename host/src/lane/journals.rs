//! The journals of a lane, beside its containers. They take turns with each other after the containers of
//! a step, in the same measure of CPU time.

use std::collections::BTreeMap;
use std::time::Duration;

use super::journal::{Journal, STREAMS_MAX};
use super::stages::Stages;
use super::turns::{STEP, TURN};
use super::{Lane, LeftBehind, Setup};
use crate::clock::Now;
use crate::record::News;
use crate::record::status::ContainerStatus;
use crate::source::journal::discover::Found;

/// By the slots of their receipts.
#[derive(Default)]
pub(super) struct Journals(BTreeMap<u32, Journal>);

impl Lane {
    /// A file of a journal appeared.
    pub(super) fn journal_found(&mut self, found: Found, now: Now) {
        let journals = &mut self.journals.0;
        let known = journals.values_mut().find(|j| j.folder() == found.folder);
        if let Some(journal) = known {
            journal.add(found, now, &self.setup);
            return;
        }
        self.next_slot = self.next_slot.wrapping_add(1);
        let before = u32::try_from((journals.len() + 1) * STREAMS_MAX).unwrap_or(u32::MAX);
        let slots = (self.next_slot, u32::MAX - before);
        let (config, node) = (found.config.clone(), (*found.node).clone());
        let unfinished = self.setup.unfinished.permit();
        let mut journal = Journal::new(slots, &found.folder, config, node, unfinished);
        journal.add(found, now, &self.setup);
        journals.insert(self.next_slot, journal);
    }

    /// The last run of the agent had left something of a journal's file unread, or the file was to go
    /// on. If it is not here, that is lost.
    pub(super) fn journal_left_behind(&mut self, left: LeftBehind, now: Now) {
        let mut journals = self.journals.0.values_mut();
        match journals.find(|j| j.folder() == left.folder) {
            Some(journal) if journal.has_key(&left.key) => {}
            Some(journal) if left.bytes > 0 => journal.missed(left, now, &self.setup),
            // It was read to its end.
            _ if left.bytes == 0 => self.setup.board.told(&left.key),
            // There is no such journal now; should there be one at a later start, it is told there.
            _ => {}
        }
    }
}

impl Journals {
    /// Gives every journal with something unread a turn. Says whether there is more to do.
    pub(super) fn turns(&mut self, now: Now, stages: &mut Stages, setup: &Setup) -> bool {
        let started = (setup.cpu)();
        let mut more = false;
        for journal in self.0.values_mut().filter(|j| j.is_due(now.mono)) {
            if (setup.cpu)().saturating_sub(started) > STEP {
                return true;
            }
            more |= turn_of(journal, now, stages, setup);
            journal.count_unfinished();
        }
        more
    }

    pub(super) fn hear(&mut self, news: News, now: Now, setup: &Setup) {
        if let Some(journal) = self.0.values_mut().find(|j| j.owns(news.slot)) {
            journal.hear(news, now, setup);
        }
    }

    pub(super) fn tidy(&mut self, now: Now, around: bool, stages: &mut Stages, setup: &Setup) {
        for journal in self.0.values_mut() {
            journal.tidy(now, around, stages, setup);
            journal.count_unfinished();
        }
    }

    /// The stream whose filters hold most, of those that could let go now: bytes, journal and stream.
    pub(super) fn most_held(
        &self,
        now: Duration,
        stages: &mut Stages,
    ) -> Option<(usize, u32, usize)> {
        let of_each = self.0.iter().filter_map(|(slot, journal)| {
            let (bytes, stream) = journal.most_held(now, stages)?;
            Some((bytes, *slot, stream))
        });
        of_each.max()
    }

    pub(super) fn let_go(
        &mut self,
        slot: u32,
        stream: usize,
        now: Now,
        stages: &mut Stages,
        setup: &Setup,
    ) {
        if let Some(journal) = self.0.get_mut(&slot) {
            journal.let_go(stream, now, stages, setup);
        }
    }

    pub(super) fn replan(&mut self, stages: &Stages, now: Duration, renumbered: bool) {
        for journal in self.0.values_mut() {
            journal.replan(stages, now, renumbered);
        }
    }

    pub(super) fn drain(&mut self) {
        self.0.values_mut().for_each(Journal::drain);
    }

    pub(super) fn are_drained(&self) -> bool {
        self.0.values().all(Journal::is_drained)
    }

    pub(super) fn next_due(&self) -> impl Iterator<Item = Duration> {
        self.0.values().map(Journal::next_due)
    }

    pub(super) fn status(&self, now: Now) -> impl Iterator<Item = ContainerStatus> {
        self.0.values().map(move |journal| journal.status(now))
    }
}

/// One journal's turn, as a container's. Says whether there is more.
fn turn_of(journal: &mut Journal, now: Now, stages: &mut Stages, setup: &Setup) -> bool {
    if journal.debt >= TURN {
        journal.debt -= TURN;
        return true;
    }
    let allowed = TURN - std::mem::take(&mut journal.debt);
    let started = (setup.cpu)();
    loop {
        let more = journal.read(now, stages, setup);
        let used = (setup.cpu)().saturating_sub(started);
        if !more || used >= allowed {
            journal.debt = used.saturating_sub(allowed);
            return more || journal.isolates();
        }
    }
}
