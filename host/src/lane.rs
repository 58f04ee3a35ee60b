//! One thread's way through all stages, for the containers that it owns.
//!
//! `step` is plain code: no thread, no clock, no randomness of its own. It takes what happened, gives
//! each container that has something unread a turn, and gives back the requests that are ready. Its
//! thread is a ten-line loop, and a simulation drives it just as well. No lock and no hand-over
//! stands between reading a line and packing it.

mod account;
mod agenda;
mod follow;
mod journal;
mod journals;
mod stages;
mod status;
mod tidy;
mod turns;
mod unfinished;
mod unreadable;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::checkpoint::board::Board;
use crate::clock::{CpuClock, Now};
use crate::enrich::events::Notice;
use crate::enrich::pods::{self, Expects};
use crate::filter::chain::Filter;
use crate::record::receipt::NewsSender;
use crate::record::status::LaneStatus;
use crate::record::{Container, FileId, News, Share};
use crate::route;
use crate::sink::{self, Request};
use crate::source::container_log;
use crate::source::log_file::decode::Format;
use crate::source::log_file::sighting::{Found, Sighting};
use crate::telemetry::metrics::Metrics;

use agenda::Agenda;
use follow::Follow;
use journals::Journals;
use stages::Stages;
pub use tidy::LeftBehind;
use unreadable::Unreadable;

/// How long a lane rests that has nothing to do, at least and at most.
const REST_MIN: Duration = Duration::from_millis(20);
const REST_MAX: Duration = Duration::from_secs(1);

/// What a lane is told.
pub enum Event {
    Sighting(Sighting),
    /// A file of the node's journal.
    Journal(Box<crate::source::journal::discover::Found>),
    /// The last run of the agent had not read a file to its end; to be told once all files that are
    /// there have been.
    LeftBehind(LeftBehind),
    News(News),
    /// Something of this node's pods has become known.
    Pods(pods::News),
    /// Somebody asks what the lane has.
    Status(tokio::sync::oneshot::Sender<LaneStatus>),
    /// Run this from the next batch on.
    Plan(Box<Plan>),
    /// Stop reading; send what is packed.
    Drain,
}

impl From<News> for Event {
    fn from(news: News) -> Self {
        Self::News(news)
    }
}

/// What a lane runs.
pub struct Plan {
    pub table: route::Table,
    /// Filters by name, as chains index them; none while one has no module that works.
    pub filters: Vec<(String, Option<Filter>)>,
    /// Destinations as routes index them.
    pub destinations: Vec<Planned>,
    /// Another wait for held records, where there is one.
    pub hold_idle: Option<Duration>,
}

/// A destination of a plan.
pub struct Planned {
    pub name: String,
    /// The number of its outlet.
    pub number: usize,
    pub destination: sink::Destination,
}

/// Makes the part of the budget that one log group of a destination may hold.
pub type ShareOf = Arc<dyn Fn(usize, &str) -> Arc<Share> + Send + Sync>;

/// What a lane needs from the agent.
pub struct Setup {
    pub source: container_log::Config,
    /// How long held records wait for more, once everything is read.
    pub hold_idle: Duration,
    /// There was no checkpoint.
    pub first_start: bool,
    pub board: Arc<Board>,
    pub news: NewsSender,
    pub share_of: ShareOf,
    /// The part of the budget for lines whose end is not written and records that filters hold.
    pub unfinished: Arc<Share>,
    pub metrics: Arc<Metrics>,
    pub cpu: CpuClock,
    /// Numbers for files, shared by all lanes.
    pub file_ids: Arc<AtomicU64>,
    pub pods: PodsSetup,
}

/// What a lane may expect to hear of pods; nothing, by default.
#[derive(Clone, Default)]
pub struct PodsSetup {
    pub expects: Expects,
    /// How long a container waits for facts that nothing but templates and filters ask for.
    pub wait: Duration,
    /// Where wrong annotations are told.
    pub notices: Option<tokio::sync::mpsc::Sender<Notice>>,
}

impl Setup {
    fn next_file_id(&self) -> FileId {
        FileId(self.file_ids.fetch_add(1, Ordering::Relaxed))
    }
}

/// What one step came to.
#[derive(Default)]
pub struct Step {
    /// Requests by the number of their destination's outlet, in order.
    pub requests: Vec<(usize, Request)>,
    /// How long nothing needs to be done, unless something happens.
    pub rest: Duration,
    /// Whether what happens meanwhile may wait a moment for more of its kind: nothing waits for room.
    pub gathers: bool,
}

pub struct Lane {
    setup: Setup,
    stages: Stages,
    /// In order, so that a simulation sees the same run twice.
    follows: BTreeMap<u32, Follow>,
    agenda: Agenda,
    slots: HashMap<String, u32>,
    next_slot: u32,
    journals: Journals,
    /// Whose turn comes first in the next step.
    first: usize,
    looked_around: Duration,
    unreadable: Unreadable,
    /// Bytes that its deleted files keep on the node's disk.
    pinned: i64,
    draining: bool,
}

impl Lane {
    #[must_use]
    pub fn new(setup: Setup, plan: Plan) -> Self {
        Self {
            stages: Stages::new(&setup, plan),
            setup,
            follows: BTreeMap::new(),
            agenda: Agenda::default(),
            slots: HashMap::new(),
            next_slot: 0,
            journals: Journals::default(),
            first: 0,
            looked_around: Duration::ZERO,
            unreadable: Unreadable::default(),
            pinned: 0,
            draining: false,
        }
    }

    /// Takes in what happened, and does what there is to do.
    pub fn step(&mut self, now: Now, events: impl Iterator<Item = Event>) -> Step {
        for event in events {
            self.take(event, now);
        }
        self.stages.crowded = false;
        let around = self.looks_around(now);
        let due = self.agenda.due(now.mono);
        let busy = self.turns(&due, now) | self.journals.turns(now, &mut self.stages, &self.setup);
        self.bound_unfinished(now);
        self.tidy(&due, around, now);
        self.stages.flush(now, self.draining);
        Step {
            requests: std::mem::take(&mut self.stages.requests),
            rest: if busy { Duration::ZERO } else { self.rest(now) },
            gathers: !busy && !self.stages.crowded,
        }
    }

    /// Whether everything that was read is answered for, and deleted files are read to their end. Held
    /// records and unfinished lines of other files are read again at the next start.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        let all = || self.follows.values().all(Follow::is_drained);
        self.draining && all() && self.journals.are_drained()
    }

    fn take(&mut self, event: Event, now: Now) {
        match event {
            Event::Sighting(Sighting::Found(found)) => self.found(found, now),
            Event::Journal(found) => self.journal_found(*found, now),
            Event::Sighting(Sighting::Relabelled {
                folder,
                restart,
                container,
            }) => {
                if let Some((follow, stages)) = self.wake(&folder) {
                    follow.relabel(restart, &container, &stages.pods);
                }
            }
            Event::Sighting(Sighting::Gone { folder }) => {
                if let Some((follow, _)) = self.wake(&folder) {
                    follow.gone = true;
                }
            }
            // For whoever keeps the checkpoint.
            Event::Sighting(Sighting::Present { .. } | Sighting::Listed) => {}
            Event::LeftBehind(left) => self.left_behind(left, now),
            Event::Sighting(Sighting::Failed { path, source }) => {
                self.unreadable.failed(path, &source, now.mono, &self.setup);
            }
            Event::News(news) => match self.follows.get_mut(&news.slot) {
                Some(follow) => {
                    self.agenda.wake(news.slot);
                    follow.hear(news, now, &self.setup);
                }
                None => self.journals.hear(news, now, &self.setup),
            },
            Event::Pods(news) => self.learn(news, now),
            // Whoever asked may have stopped waiting.
            Event::Status(to) => drop(to.send(self.status(now))),
            Event::Plan(plan) => self.change(*plan, now),
            Event::Drain => {
                self.draining = true;
                self.journals.drain();
                self.agenda.wake_all();
                for follow in self.follows.values_mut() {
                    // Finding out what a filter fails on may take longer than a stop.
                    follow.abandon_suspended();
                    follow.drain(now, &self.setup);
                }
            }
        }
    }

    /// Another plan takes the place of the one in force, between two batches. What filters hold goes
    /// to whoever runs under their name; where a chain changes, it is taken back and read again.
    fn change(&mut self, plan: Plan, now: Now) {
        self.setup.hold_idle = plan.hold_idle.unwrap_or(self.setup.hold_idle);
        let renumbered = self.stages.change(plan, &self.setup, now);
        self.journals.replan(&self.stages, now.mono, renumbered);
        self.agenda.wake_all();
        for follow in self.follows.values_mut() {
            follow.replan(&self.stages, &self.setup, now.mono, renumbered);
        }
    }

    /// A container that something happens to.
    fn wake(&mut self, folder: &str) -> Option<(&mut Follow, &Stages)> {
        let slot = *self.slots.get(folder)?;
        self.agenda.wake(slot);
        Some((self.follows.get_mut(&slot)?, &self.stages))
    }

    fn found(&mut self, found: Found, now: Now) {
        let slot = self.slot(&found.folder, &found.container, now);
        let Some(follow) = slot.and_then(|slot| self.follows.get_mut(&slot)) else {
            return;
        };
        if follow.has(&found, &self.setup.board) {
            return follow.keep_packed(found);
        }
        let id = self.setup.next_file_id();
        // A source of plain files knows by itself what is new.
        let may = self.setup.first_start || found.format != Format::Container;
        let from_end = found.from_end && may;
        follow.add(found, id, from_end, now, (&self.stages.pods, &self.setup));
        if self.draining {
            // It waits for the next start, unless it is deleted before this one ends.
            follow.drain(now, &self.setup);
        }
        self.setup.metrics.source.open_files.inc();
    }

    /// Takes in what has become known of a pod or a namespace.
    fn learn(&mut self, news: pods::News, now: Now) {
        let follows = self.follows.iter_mut();
        let concerned: Vec<_> = follows.filter(|(_, f)| f.is_concerned_by(&news)).collect();
        self.stages.pods.learn(news, now.mono);
        for (slot, follow) in concerned {
            self.agenda.wake(*slot);
            follow.learn(&self.stages, &self.setup, now.mono);
        }
    }

    /// Where a container is followed that something happens to, from now on if it was not; none if it is
    /// never read.
    fn slot(&mut self, folder: &str, container: &Arc<Container>, now: Now) -> Option<u32> {
        if let Some(slot) = self.slots.get(folder) {
            self.agenda.wake(*slot);
            return Some(*slot);
        }
        let slot = self.next_slot.wrapping_add(1);
        let (of, found) = (folder.to_owned(), container.clone());
        let mut follow = Follow::new(slot, of, found, &self.setup, now.mono);
        if !follow.decide(&self.stages, &self.setup, now.mono) {
            // No route takes it, or one excludes it: its files are not kept open.
            let container = container.label();
            tracing::debug!(container, "not read: no route takes it");
            return None;
        }
        self.next_slot = slot;
        self.slots.insert(folder.to_owned(), slot);
        self.follows.insert(slot, follow);
        self.agenda.wake(slot);
        Some(slot)
    }

    fn rest(&self, now: Now) -> Duration {
        let due = self.agenda.next().into_iter();
        let due = due
            .chain(self.journals.next_due())
            .chain(self.stages.next_flush());
        let next = due.min().unwrap_or(now.mono + REST_MAX);
        next.saturating_sub(now.mono).clamp(REST_MIN, REST_MAX)
    }
}

#[cfg(test)]
mod tests;
