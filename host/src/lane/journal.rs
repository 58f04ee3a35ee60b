//! One journal of the node as its lane follows it: its files in order, and the streams that their entries
//! belong to.
//!
//! All streams share one place of reading and one set of books, as all are written to the same files; each
//! has its own route, and what its filters hold. A receipt answers for the bytes between the ends of
//! entries, so the books balance. What stops one unit (a filter that blocks, a log group that is full)
//! stops that unit: its entries are passed over, and read later from where it stopped. The journal is
//! the buffer, and what is kept in memory of it is a place for each unit and file.

mod behind;
mod book;
mod file;
mod hand;
mod roster;
mod run;
mod settle;
mod stream;
mod take;
mod unfinished;
mod unit;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Setup;
use super::account::{Account, Kept};
use super::stages::Stages;
use crate::checkpoint::store::FileKey;
use crate::clock::Now;
use crate::record::status::{ContainerStatus, FileStatus, State};
use crate::record::{Container, Facts, FileId, Permit, Receipt};
use crate::route::Wait;
use crate::source::journal;
use crate::source::journal::discover::Found;
use crate::source::journal::streams::Told;

use super::stages::Standing;
use file::File;
use roster::Roster;
pub use roster::STREAMS_MAX;

/// A journal that cannot be read, or of which no unit can go on, is tried again after this long.
const BLOCKED: Duration = Duration::from_secs(1);

pub struct Journal {
    account: Account,
    config: Arc<journal::Config>,
    /// Stands for the journal as a whole: in its books and in what is told of it.
    container: Arc<Container>,
    files: VecDeque<File>,
    /// Files that are there and could not be begun yet.
    refused: BTreeSet<FileKey>,
    roster: Roster,
    /// Entries that could not be read: settled once that is told, or else the next start tells it.
    damaged: Vec<Receipt>,
    /// What its filters hold takes this of the budget.
    unfinished: Permit,
    /// Its files cannot be read.
    blocked_until: Option<Duration>,
    /// Whether the last run went back, for which unit, and in which file.
    goes_back: bool,
    last_back: usize,
    back_in: Option<FileId>,
    /// Since when no unit can go on.
    stuck_since: Option<Duration>,
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
        unfinished: Permit,
    ) -> Self {
        let container = stream::container(&node, &Told::new(), folder);
        Self {
            account: Account::new(slot, folder.to_owned()),
            roster: Roster::new(first_slot, folder, config.clone(), node),
            config,
            container,
            files: VecDeque::new(),
            refused: BTreeSet::new(),
            damaged: Vec::new(),
            unfinished,
            blocked_until: None,
            goes_back: false,
            last_back: 0,
            back_in: None,
            stuck_since: None,
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
        let refused = found.refused.clone();
        let mut file = match File::open(
            found,
            key.clone(),
            &self.config,
            &mut self.roster,
            now,
            setup,
        ) {
            Ok(file) => file,
            Err(error) => {
                setup.metrics.source.read_failures.inc();
                refused.store(true, Ordering::Relaxed);
                if self.refused.insert(key) {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(
                        path,
                        error,
                        "a journal file cannot be read, and is tried again"
                    );
                }
                return;
            }
        };
        self.refused.remove(&key);
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
        self.files.iter().any(|f| f.key == *key) || self.refused.contains(key)
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
        !blocked && !self.draining
    }

    /// Whether a turn would find something to do.
    #[must_use]
    pub fn is_due(&self, now: Duration) -> bool {
        let behind = self.files.iter().any(|f| !f.behind.is_empty());
        let waits = behind || self.front().is_some_and(|f| f.is_due(now));
        self.roster.suspended().is_some() || (self.may_read(now) && waits)
    }

    /// When there may be something to do.
    #[must_use]
    pub fn next_due(&self) -> Duration {
        let units = || self.roster.units.iter();
        if self.roster.streams.iter().any(|s| s.suspended.is_some()) {
            return Duration::ZERO;
        }
        if self.draining {
            return Duration::MAX;
        }
        let blocked = units().filter_map(|u| u.blocked_until);
        let front = self.front().map(File::next_look);
        let next = blocked.chain(front).min().unwrap_or(Duration::MAX);
        self.blocked_until.map_or(next, |until| until.max(next))
    }

    /// Whether another turn would find out more about a batch that a filter failed on.
    #[must_use]
    pub fn isolates(&self) -> bool {
        let streams = self.roster.streams.iter();
        let mut suspended = streams.filter_map(|s| s.suspended.as_ref());
        suspended.any(|s| !s.waits())
    }

    /// The agent stops: nothing more is read, as it can be read at the next start.
    pub fn drain(&mut self) {
        self.draining = true;
        (0..self.roster.units.len()).for_each(|unit| self.roster.recall(unit));
    }

    /// Whether all that a stop waits for is done.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        let held = self.roster.held_bytes();
        self.account.going() == held && self.account.books.is_all_marked()
    }

    /// The lane runs another plan. `renumbered`: destinations are not what they were to filters.
    pub fn replan(&mut self, stages: &Stages, now: Duration, renumbered: bool) {
        for number in 0..self.roster.streams.len() {
            let stream = &mut self.roster.streams[number];
            let unit = stream.unit;
            if stream.replan(stages, renumbered) {
                self.roster.recall(unit);
            }
        }
        // Whatever stopped it may work now.
        let until = |until: Option<Duration>| until.map(|until| until.min(now));
        self.blocked_until = until(self.blocked_until);
        for unit in &mut self.roster.units {
            unit.blocked_until = until(unit.blocked_until);
        }
    }

    /// Why units cannot go on, for people.
    fn why_blocked(&self) -> Option<String> {
        if self.blocked_until.is_some() {
            return Some("its files cannot be read".to_owned());
        }
        let blocked = |(number, unit): &(usize, &unit::Unit)| {
            let is_module =
                |s: &stream::Stream| matches!(s.standing, Standing::Waits(Wait::Module { .. }));
            unit.blocked_until.is_some() || self.roster.streams_of(*number).any(is_module)
        };
        let units = self.roster.units.iter().enumerate();
        let mut blocked = units.filter(blocked).map(|(_, unit)| unit.name.as_str());
        let first = blocked.next()?;
        let others = match blocked.count() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Some(format!(
            "a filter of `{first}`{others} fails, or has no module that works; other units are read"
        ))
    }

    #[must_use]
    pub fn status(&self, now: Now) -> ContainerStatus {
        let file = |file: &File| FileStatus {
            restart: 0,
            length: file.extent.seen_to(),
            offset: file.reader.offset(),
            committed_offset: file.extent.seen_to().saturating_sub(file.lag()),
            unlinked: file.reader.stat().links == 0,
        };
        let files = self.files.iter().map(file).collect();
        let why = self.why_blocked();
        ContainerStatus {
            container: self.account.folder.clone(),
            state: match why {
                Some(_) => State::Blocked,
                None => State::Reads,
            },
            why,
            ledger: Some(self.ledger()),
            ..ContainerStatus::of_files(files, self.newest, now.wall)
        }
    }
}
