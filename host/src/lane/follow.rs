//! One container as its lane follows it: its files in order, what waits, what is unanswered.
//!
//! Its `account` says what became of every byte that was seen. When something was abandoned, reading
//! stops until all is answered; then the container is read again from its oldest unsettled byte, leaving
//! out what has settled meanwhile.

mod due;
mod ending;
mod file;
mod losses;
mod pace;
mod packed;
mod plain;
mod settle;
mod standing;
mod status;
mod take;
mod unfinished;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::Setup;
use super::account::{Account, Kept};
use super::stages::{Stages, Standing};
use crate::checkpoint::board::Board;
use crate::checkpoint::store::FileKey;
use crate::clock::Now;
use crate::enrich::pods::Pods;
use crate::filter::chain::{Held, Suspended};
use crate::record::{Container, FileId, Permit};
use crate::route::annotations::Wrong;
use crate::route::{PodState, Wait};
use crate::source::log_file::files::Inode;
use crate::source::log_file::partial::Partials;
use crate::source::log_file::sighting::Found;
use crate::telemetry::metrics::Raised;

use file::File;
use pace::Pace;
use packed::Packed;

/// How long until a blocked container is tried again: at first, and at most (it doubles).
const BLOCKED_MIN: Duration = Duration::from_secs(1);
const BLOCKED_MAX: Duration = Duration::from_secs(300);

/// The same of a file that cannot be read.
const UNREADABLE_MIN: Duration = Duration::from_millis(100);
const UNREADABLE_MAX: Duration = Duration::from_secs(10);

pub struct Follow {
    account: Account,
    /// The container as its path tells it.
    found: Arc<Container>,
    /// Whose records are read: of the restart, and with the facts, of the file being read.
    container: Arc<Container>,
    standing: Standing,
    /// What is known of its pod, and what is wrong with its annotations.
    pod: PodState,
    wrong: Option<Wrong>,
    /// When it was found, and when it stops to wait for its pod's facts.
    since: Duration,
    waits_until: Option<Duration>,
    /// It is among those that the metric says are waiting.
    shown_waiting: bool,
    files: VecDeque<File>,
    /// Plain files that may be copies of others, and the one that is written to.
    aside: Vec<File>,
    /// Those that were cut lately.
    cut: Vec<plain::Cut>,
    live: Option<Inode>,
    pace: Pace,
    partials: Partials,
    /// By stream, where the pieces ended that were let go last without their line's end.
    let_go: [Option<(FileId, u64)>; 2],
    held: Held,
    /// What these two take of the budget.
    unfinished: Permit,
    /// A batch that a filter failed on: nothing is read until it is on its way again.
    suspended: Option<Suspended>,
    /// No reading before this moment; and the next wait.
    blocked_until: Option<Duration>,
    blocked_for: Duration,
    /// It is among those that the metric says are blocked.
    is_blocked: Option<Raised>,
    /// The file that is read next could not be: no reading before this moment, and how long that wait is.
    unreadable: Option<(Duration, Duration)>,
    /// When something was last read, and the time of the newest record, nanoseconds since the epoch.
    read_at: Duration,
    newest: u64,
    /// The instance of the container whose lines were read last.
    restart: u32,
    /// CPU time that its turns have overrun.
    pub debt: Duration,
    /// Its folder is gone: no file will come.
    pub gone: bool,
    /// The agent stops: only what nobody can read again is still read.
    draining: bool,
}

impl Follow {
    #[must_use]
    pub fn new(
        slot: u32,
        folder: String,
        found: Arc<Container>,
        setup: &Setup,
        now: Duration,
    ) -> Self {
        let most = setup.source.record_bytes_max.as_u64();
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Self {
            account: Account::new(slot, folder),
            container: found.clone(),
            found,
            standing: Standing::Waits(Wait::Pod { for_ever: false }),
            pod: PodState::Awaited,
            wrong: None,
            since: now,
            waits_until: None,
            shown_waiting: false,
            files: VecDeque::new(),
            aside: Vec::new(),
            cut: Vec::new(),
            live: None,
            pace: Pace::default(),
            partials: Partials::new(most),
            let_go: [None; 2],
            held: Held::default(),
            unfinished: setup.unfinished.permit(),
            suspended: None,
            blocked_until: None,
            blocked_for: BLOCKED_MIN,
            is_blocked: None,
            unreadable: None,
            read_at: Duration::ZERO,
            newest: 0,
            restart: 0,
            debt: Duration::ZERO,
            gone: false,
            draining: false,
        }
    }

    #[must_use]
    pub fn folder(&self) -> &str {
        &self.account.folder
    }

    /// Whether this file is open here already, under this name or, before it was compressed, another;
    /// or settled to its end by now.
    #[must_use]
    pub fn has(&self, found: &Found, board: &Board) -> bool {
        let mut open = self.files.iter().chain(&self.aside);
        if open.any(|f| f.tail.stat().inode == found.stat.inode) {
            return true;
        }
        let Some(key) = file::key_of(found) else {
            return false;
        };
        let open = self.files.iter().find(|f| f.key() == Some(&key));
        if open.is_some_and(|open| open.compressed || found.compressed) {
            return true;
        }
        let settled = found.compressed && board.is_settled(&key, found.stat.len);
        if settled {
            board.told(&key);
        }
        settled
    }

    /// Keeps what was found, and is open here already, if it is the compressed form of that.
    pub fn keep_packed(&mut self, found: Found) {
        let Some(key) = file::key_of(&found).filter(|_| found.compressed) else {
            return;
        };
        let mut files = self.files.iter_mut();
        let original = files.find(|f| !f.compressed && f.key() == Some(&key));
        if let Some(original) = original {
            original.packed = Some(Packed::new(found));
        }
    }

    /// Whether the file that the checkpoint knows by this key is open here.
    #[must_use]
    pub fn has_key(&self, key: &FileKey) -> bool {
        self.files.iter().any(|f| f.key() == Some(key))
    }

    /// Takes a file over, behind those that are older. The live one is the newest of its restart,
    /// whatever clocks say: else a clock that was set back would make it end.
    pub fn add(
        &mut self,
        found: Found,
        id: FileId,
        from_end: bool,
        now: Now,
        (pods, setup): (&Pods, &Setup),
    ) {
        self.gone = false;
        let live = found.live;
        let mut file = File::new(found, id, from_end, now.mono, setup.pods.wait);
        file.container = standing::enriched(pods, &file.found);
        if file.is_plain() {
            self.live = live;
            return self.meet(file, now, setup);
        }
        file.learn_key(&setup.board, &self.account.folder, now);
        self.insert(file, live, now);
    }

    /// Puts a file in its place among the others.
    fn insert(&mut self, mut file: File, live: Option<Inode>, now: Now) {
        let is_live = live == Some(file.tail.stat().inode);
        let first = self.files.iter().position(|f| !f.read_out);
        let first = first.unwrap_or(self.files.len());
        let mut place = self.files.len();
        while let Some(former) = self.files.get_mut(place.wrapping_sub(1)) {
            let former_is_live = live == Some(former.tail.stat().inode);
            let newer = if former.restart == file.restart {
                former_is_live || (!is_live && former.is_newer_than(&mut file))
            } else {
                former.restart > file.restart
            };
            if place <= first || !newer {
                break;
            }
            place -= 1;
        }
        if let Some(former) = place.checked_sub(1).and_then(|p| self.files.get_mut(p)) {
            former.superseded_at.get_or_insert(now.mono);
        }
        if place < self.files.len() || file.compressed {
            // Found late, with its successor here already or never to grow.
            file.superseded_at = Some(now.mono);
        }
        if self.files.get(place).is_some_and(|f| f.extent.is_begun()) {
            // It breaks in upon that one, whose pieces are not its own.
            self.restart = losses::NO_RESTART;
        }
        self.files.insert(place, file);
    }

    /// Whether all its files are deleted, so that nobody can read them at the next start.
    fn is_deleted(&self) -> bool {
        self.gone || self.files.iter().all(File::is_unlinked)
    }

    /// How many of the files are to be read: all, or in a drain those up to the last deleted one of
    /// which something is unread.
    fn read_until(&self) -> usize {
        if !self.draining {
            return self.files.len();
        }
        let deleted = self
            .files
            .iter()
            .rposition(|f| f.is_unlinked() && f.tail.unread() > 0);
        deleted.map_or(0, |last| last + 1)
    }

    /// Whether all that can still come of what is unfinished is here, and nobody can read it again:
    /// all files are deleted, or, in a drain, those that have something unsettled are.
    #[must_use]
    pub fn is_final(&self) -> bool {
        let unsettled = |f: &File| f.is_unlinked() && !f.is_settled();
        let last = self.draining && self.read_until() == 0 && self.files.iter().any(unsettled);
        last || self.is_deleted()
    }

    /// How near to being deleted the file is that is read next: whether it is already, and how many
    /// newer ones there are. None where nothing is behind.
    #[must_use]
    pub fn urgency(&self) -> Option<(bool, usize)> {
        let place = self.files.iter().position(|f| !f.read_out)?;
        let file = &self.files[place];
        let newer = self.files.len() - place - 1;
        (file.has_unread() && (file.is_unlinked() || newer > 0))
            .then(|| (file.is_unlinked(), newer))
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

    /// Whether every byte handed on is answered for, what filters hold apart.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        self.account.going() == self.held.source_bytes()
    }

    /// The agent stops: from here on only files are read that nobody can read at the next start.
    pub fn drain(&mut self, now: Now, setup: &Setup) {
        self.draining = true;
        for file in &mut self.files {
            // A file that cannot be looked at counts as what it was at the last look.
            let _ = file.look(now.mono);
            file.commit(&setup.board, &self.account.folder, now);
        }
    }

    /// Whether all that a stop waits for is done.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        let unfinished = self.partials.any_pending() || !self.held.is_empty();
        let flushing = unfinished && self.is_final();
        let may = self.blocked_until.is_none() && !self.waits();
        let reading = may && (self.read_until() > 0 || flushing);
        self.is_answered() && self.account.books.is_all_marked() && !reading
    }

    /// Reads one chunk and hands it on. Says whether there is more.
    pub fn read(&mut self, now: Now, stages: &mut Stages, setup: &Setup) -> bool {
        if let Some(suspended) = self.suspended.take() {
            return self.resume(suspended, now, stages, setup);
        }
        if !self.may_read(now.mono) {
            return false;
        }
        for place in 0..self.read_until() {
            let next_has_data = self.next_has_data(place, now);
            match self.files[place].ready(now.mono, next_has_data) {
                Ok(ending::Ready::ReadOut) => self.damaged(place, now, setup),
                Ok(ending::Ready::Waiting) => return false,
                Ok(ending::Ready::Truncated) => return self.truncated(place, now, setup),
                Ok(ending::Ready::Unread) if matches!(self.standing, Standing::Skips) => {
                    return self.skip(place, now, stages, setup);
                }
                Ok(ending::Ready::Unread) => {
                    return self.begin_instance(place, now, stages, setup)
                        && self.read_file(place, now, stages, setup);
                }
                Err(error) => return self.unreadable(place, &error, now.mono, setup),
            }
        }
        false
    }

    /// Whether the file behind this one has begun.
    fn next_has_data(&mut self, place: usize, now: Now) -> bool {
        let ending = !self.files[place].read_out && !self.files[place].has_unread();
        let Some(next) = self.files.get_mut(place + 1) else {
            return false;
        };
        if ending && next.tail.stat().len == 0 && next.tail.next_look() <= now.mono {
            // What cannot be looked at has not begun.
            let _ = next.look(now.mono);
        }
        next.tail.stat().len > 0
    }
}
