//! One container as its lane follows it: its files in order, what waits, what is unanswered.
//!
//! The books are kept in source bytes: every byte handed on is `issued`, and comes back `answered`,
//! settled or abandoned. When something was abandoned, reading stops until all is answered; then the
//! container is read again from its oldest unsettled byte, leaving out what has settled meanwhile.

mod file;
mod settle;
mod standing;
mod status;
mod take;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::Setup;
use super::stages::{Stages, Standing};
use crate::clock::Now;
use crate::enrich::pods::Pods;
use crate::filter::chain::{Held, Suspended};
use crate::record::{Container, FileId};
use crate::route::annotations::Wrong;
use crate::route::{PodState, Wait};
use crate::source::container_log::discover::Found;
use crate::source::container_log::files::Inode;
use crate::source::container_log::partial::Partials;

use file::File;

/// A blocked container is tried again after so long, doubling up to the most.
const BLOCKED_MIN: Duration = Duration::from_secs(1);
const BLOCKED_MAX: Duration = Duration::from_secs(300);

pub struct Follow {
    slot: u32,
    folder: String,
    /// The container as its path tells it.
    found: Arc<Container>,
    standing: Standing,
    /// What is known of its pod, and what is wrong with its annotations.
    pod: PodState,
    wrong: Option<Wrong>,
    /// When it was found, and when it stops to wait for its pod's facts.
    since: Duration,
    waits_until: Option<Duration>,
    files: VecDeque<File>,
    partials: Partials,
    held: Held,
    /// A batch that a filter failed on: nothing is read until it is on its way again.
    suspended: Option<Suspended>,
    issued: u64,
    answered: u64,
    /// Something was abandoned, and all of it is to be read again.
    rewinding: bool,
    /// No reading before this moment; and the next wait.
    blocked_until: Option<Duration>,
    blocked_for: Duration,
    /// When something was last read, and the time of the newest record, nanoseconds since the epoch.
    read_at: Duration,
    newest: u64,
    /// The instance of the container whose lines were read last.
    restart: u32,
    /// CPU time that its turns have overrun.
    pub debt: Duration,
    /// Its folder is gone: no file will come.
    pub gone: bool,
}

impl Follow {
    #[must_use]
    pub fn new(
        slot: u32,
        folder: String,
        found: Arc<Container>,
        record_bytes_max: usize,
        now: Duration,
    ) -> Self {
        Self {
            slot,
            folder,
            found,
            standing: Standing::Waits(Wait::Pod { for_ever: false }),
            pod: PodState::Awaited,
            wrong: None,
            since: now,
            waits_until: None,
            files: VecDeque::new(),
            partials: Partials::new(record_bytes_max),
            held: Held::default(),
            suspended: None,
            issued: 0,
            answered: 0,
            rewinding: false,
            blocked_until: None,
            blocked_for: BLOCKED_MIN,
            read_at: Duration::ZERO,
            newest: 0,
            restart: 0,
            debt: Duration::ZERO,
            gone: false,
        }
    }

    #[must_use]
    pub fn folder(&self) -> &str {
        &self.folder
    }

    /// Whether this very file is open here already.
    #[must_use]
    pub fn has(&self, inode: &Inode) -> bool {
        self.files.iter().any(|f| f.tail.stat().inode == *inode)
    }

    /// Takes a file over, behind those that are older.
    pub fn add(
        &mut self,
        found: Found,
        id: FileId,
        from_end: bool,
        now: Now,
        (pods, setup): (&Pods, &Setup),
    ) {
        let mut file = File::new(found, id, from_end, now, &setup.board);
        file.container = standing::enriched(pods, &file.found);
        // What is being read, or was, stays in front.
        let first_unread = self.files.iter().position(|f| !f.read_out).unwrap_or(0);
        let mut place = self.files.len();
        while place > first_unread + 1 && self.files[place - 1].order() > file.order() {
            place -= 1;
        }
        if let Some(former) = place.checked_sub(1).and_then(|p| self.files.get_mut(p)) {
            former.superseded_at.get_or_insert(now.mono);
        }
        if place < self.files.len() {
            // Found late, with its successor here already.
            file.superseded_at = Some(now.mono);
        }
        self.files.insert(place, file);
    }

    /// Whether a turn would find something to do.
    #[must_use]
    pub fn is_due(&self, now: Duration) -> bool {
        match &self.suspended {
            Some(suspended) => suspended.is_due(),
            None => self.may_read(now) && self.files.iter().any(|f| f.is_due(now)),
        }
    }

    fn may_read(&self, now: Duration) -> bool {
        let blocked = self.blocked_until.is_some_and(|until| until > now);
        !self.rewinding && !self.waits() && !blocked && self.suspended.is_none()
    }

    /// Whether its next turn goes on with a batch that a filter failed on.
    #[must_use]
    pub fn is_suspended(&self) -> bool {
        self.suspended.is_some()
    }

    /// Whether another turn would find out more about a batch that a filter failed on.
    #[must_use]
    pub fn isolates(&self) -> bool {
        self.suspended.as_ref().is_some_and(|s| !s.waits())
    }

    /// Abandons the batch that a filter failed on, if there is one: it is read again.
    pub fn abandon_suspended(&mut self) {
        self.suspended = None;
    }

    /// When there may be something to do.
    #[must_use]
    pub fn next_due(&self) -> Duration {
        if self.suspended.is_some() {
            // What it waits for is looked at again after the least rest.
            return Duration::ZERO;
        }
        if self.rewinding {
            return Duration::MAX;
        }
        if self.waits() {
            return self.waits_until.unwrap_or(Duration::MAX);
        }
        let looks = self.files.iter().map(|f| f.tail.next_look());
        let next = looks.min().unwrap_or(Duration::MAX);
        self.blocked_until.map_or(next, |until| until.max(next))
    }

    /// Whether every byte handed on is answered for, what filters hold apart.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        self.issued == self.answered + self.held.source_bytes()
    }

    /// Reads one chunk and hands it on. Says whether there is more.
    pub fn read(&mut self, now: Now, stages: &mut Stages, setup: &Setup) -> bool {
        if let Some(suspended) = self.suspended.take() {
            return self.resume(suspended, now, stages, setup);
        }
        if !self.may_read(now.mono) {
            return false;
        }
        for place in 0..self.files.len() {
            let next_has_data = self
                .files
                .get(place + 1)
                .is_some_and(|f| f.tail.stat().len > 0);
            match self.files[place].ready(now.mono, next_has_data) {
                Ok(file::Ready::ReadOut) => {}
                Ok(file::Ready::Waiting) => return false,
                Ok(file::Ready::Truncated { unread }) => {
                    return self.truncated(place, unread, now, stages, setup);
                }
                Ok(file::Ready::Unread) if matches!(self.standing, Standing::Skips) => {
                    return self.skip(place, now, stages, setup);
                }
                Ok(file::Ready::Unread) => {
                    return self.begin_instance(place, now, stages, setup)
                        && self.read_file(place, now, stages, setup);
                }
                Err(error) => {
                    setup.metrics.source.read_failures.inc();
                    let container = self.files[place].container.label();
                    tracing::warn!(container, %error, "log file cannot be read, and is tried again");
                    return false;
                }
            }
        }
        false
    }

    /// The same descriptor is another file from here on. Says whether reading goes on.
    fn truncated(
        &mut self,
        place: usize,
        unread: u64,
        now: Now,
        stages: &mut Stages,
        setup: &Setup,
    ) -> bool {
        let file = &mut self.files[place];
        setup.metrics.source.lost_bytes.inc_by(unread);
        tracing::warn!(
            container = file.container.label(),
            unread_bytes = unread,
            "log file was truncated; it is read from its start"
        );
        let id = setup
            .file_ids
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        file.restart_file(FileId(id));
        // The rest of a split line went with the cut: what comes next is another line.
        self.let_go(place, false, now, stages, setup)
    }
}
