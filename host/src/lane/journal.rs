//! One journal of the node as its lane follows it: its files in order, and the streams that their entries
//! belong to.
//!
//! All streams share one place of reading, one set of books and one checkpoint, as all are written to the
//! same files; each has its own route, and what its filters hold. A receipt answers for the bytes between
//! the ends of entries, so the books balance and a restart goes on behind the last entry that is settled
//! with all before it. What stops one stream stops the journal: nothing is read that could not be placed.

mod file;
mod hand;
mod settle;
mod stream;
mod take;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::Setup;
use super::account::{Account, Kept};
use super::stages::Stages;
use crate::checkpoint::store::FileKey;
use crate::clock::Now;
use crate::record::status::{ContainerStatus, FileStatus, State};
use crate::record::{Batch, Container, Facts, Receipt};
use crate::source::journal;
use crate::source::journal::discover::Found;
use crate::source::journal::streams::Told;

use file::File;
use stream::Stream;

/// Streams of one journal that are told apart at once.
pub const STREAMS_MAX: usize = 8192;
/// A journal that cannot go on is tried again after so long, doubling up to the most.
const BLOCKED_MIN: Duration = Duration::from_secs(1);
const BLOCKED_MAX: Duration = Duration::from_secs(300);

pub struct Journal {
    account: Account,
    /// The numbers of units, by which sinks know them apart, go up from here.
    first_slot: u32,
    config: Arc<journal::Config>,
    node: Facts,
    /// Stands for the journal as a whole: in its books and in what is told of it.
    container: Arc<Container>,
    files: VecDeque<File>,
    streams: Vec<Stream>,
    by_told: HashMap<Told, usize>,
    /// What was read and not handed on: a filter failed on what stood before it.
    waiting: VecDeque<(usize, Batch)>,
    /// Entries that could not be read: settled once that is told, or else the next start tells it.
    damaged: Vec<Receipt>,
    blocked_until: Option<Duration>,
    blocked_for: Duration,
    /// When something was last read, and the time of the newest record, nanoseconds since the epoch.
    read_at: Duration,
    newest: u64,
    /// CPU time that its turns have overrun.
    pub debt: Duration,
    draining: bool,
}

impl Journal {
    /// `folder` is what it is called in books and checkpoint; `node` are facts of the node.
    #[must_use]
    pub fn new(
        (slot, first_slot): (u32, u32),
        folder: &str,
        config: Arc<journal::Config>,
        node: Facts,
    ) -> Self {
        let container = stream::container(&node, &Told::new(), folder);
        Self {
            account: Account::new(slot, folder.to_owned()),
            first_slot,
            config,
            node,
            container,
            files: VecDeque::new(),
            streams: Vec::new(),
            by_told: HashMap::new(),
            waiting: VecDeque::new(),
            damaged: Vec::new(),
            blocked_until: None,
            blocked_for: BLOCKED_MIN,
            read_at: Duration::ZERO,
            newest: 0,
            debt: Duration::ZERO,
            draining: false,
        }
    }

    #[must_use]
    pub fn folder(&self) -> &str {
        &self.account.folder
    }

    /// Takes a file over: behind those that are older, by the time of their first entries.
    pub fn add(&mut self, found: Found, now: Now, setup: &Setup) {
        let key = FileKey::of_journal(&self.account.folder, &found.reader.header().file_id);
        if self.files.iter().any(|f| f.key == key) {
            return;
        }
        let path = found.path.display().to_string();
        let mut file = match File::open(found, key, &self.config, now, setup) {
            Ok(file) => file,
            Err(error) => {
                setup.metrics.source.read_failures.inc();
                let error = &error as &dyn std::error::Error;
                tracing::warn!(
                    path,
                    error,
                    "a journal file cannot be read, and is left out"
                );
                return;
            }
        };
        let newer = |f: &File| f.began() > file.began();
        let place = self
            .files
            .iter()
            .position(newer)
            .unwrap_or(self.files.len());
        if let Some(former) = place.checked_sub(1).and_then(|p| self.files.get_mut(p)) {
            former.superseded_at.get_or_insert(now.mono);
        }
        if place < self.files.len() {
            file.superseded_at = Some(now.mono);
        }
        file.commit(&setup.board, &self.account.folder, now);
        setup.metrics.source.open_files.inc();
        self.files.insert(place, file);
    }

    /// Whether the file that the checkpoint knows by this key is open here.
    #[must_use]
    pub fn has_key(&self, key: &FileKey) -> bool {
        self.files.iter().any(|f| f.key == *key)
    }

    /// The file that is read: the first that is not read out.
    fn place(&self) -> Option<usize> {
        self.files.iter().position(|f| !f.read_out)
    }

    fn front(&self) -> Option<&File> {
        self.files.get(self.place()?)
    }

    fn may_read(&self, now: Duration) -> bool {
        let blocked = self.blocked_until.is_some_and(|until| until > now);
        !self.account.rewinding && !blocked && !self.draining
    }

    fn suspended(&self) -> Option<usize> {
        self.streams.iter().position(|s| s.suspended.is_some())
    }

    /// Whether a turn would find something to do.
    #[must_use]
    pub fn is_due(&self, now: Duration) -> bool {
        if let Some(at) = self.suspended() {
            return self.streams[at]
                .suspended
                .as_ref()
                .is_some_and(|s| s.is_due());
        }
        let waits = !self.waiting.is_empty() || self.front().is_some_and(|f| f.is_due(now));
        self.may_read(now) && waits
    }

    /// When there may be something to do.
    #[must_use]
    pub fn next_due(&self) -> Duration {
        if self.suspended().is_some() {
            return Duration::ZERO;
        }
        if self.account.rewinding {
            return Duration::MAX;
        }
        let next = self.front().map_or(Duration::MAX, File::next_look);
        self.blocked_until.map_or(next, |until| until.max(next))
    }

    /// Whether another turn would find out more about a batch that a filter failed on.
    #[must_use]
    pub fn isolates(&self) -> bool {
        let mut suspended = self.streams.iter().filter_map(|s| s.suspended.as_ref());
        suspended.any(|s| !s.waits())
    }

    /// Whether its destinations and filters can take a batch, whosever it is.
    #[must_use]
    pub fn has_room(&self, stages: &mut Stages) -> bool {
        let suspended = self.suspended().is_some();
        let mut routed = self.streams.iter().filter_map(Stream::routed);
        routed.all(|r| (suspended || stages.filters_have_room(r)) && stages.has_room(r))
    }

    /// The agent stops: nothing more is read, as it can be read at the next start.
    pub fn drain(&mut self) {
        self.draining = true;
        self.abandon_suspended();
    }

    fn abandon_suspended(&mut self) {
        self.waiting.clear();
        self.streams.iter_mut().for_each(|s| s.suspended = None);
    }

    /// Whether all that a stop waits for is done.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.is_answered() && self.account.books.is_all_marked()
    }

    /// Whether every byte handed on is answered for, what filters hold apart.
    fn is_answered(&self) -> bool {
        let held: u64 = self.streams.iter().map(|s| s.held.source_bytes()).sum();
        self.account.going() == held
    }

    /// The lane runs another plan. `renumbered`: destinations are not what they were to filters.
    pub fn replan(&mut self, stages: &Stages, now: Duration, renumbered: bool) {
        for stream in &mut self.streams {
            self.account.rewinding |= stream.replan(stages, renumbered);
        }
        // Whatever stopped it may work now.
        self.blocked_until = self.blocked_until.map(|until| until.min(now));
    }

    #[must_use]
    pub fn status(&self, now: Now) -> ContainerStatus {
        let file = |file: &File| FileStatus {
            restart: 0,
            length: file.extent.seen_to(),
            offset: file.reader.offset(),
            committed_offset: file.extent.watermark().prefix(),
            unlinked: file.reader.stat().links == 0,
        };
        let files = self.files.iter().map(file).collect();
        let blocked = self.blocked_until.is_some();
        ContainerStatus {
            container: self.account.folder.clone(),
            state: if blocked {
                State::Blocked
            } else {
                State::Reads
            },
            why: blocked.then(|| "a filter fails, or has no module that works".to_owned()),
            ledger: Some(self.ledger()),
            ..ContainerStatus::of_files(files, self.newest, now.wall)
        }
    }
}
