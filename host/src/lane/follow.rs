//! One container as its lane follows it: its files in order, what waits, what is unanswered.
//!
//! The books are kept in source bytes: every byte handed on is `issued`, and comes back `answered`,
//! settled or abandoned. When something was abandoned, reading stops until all is answered; then the
//! container is read again from its oldest unsettled byte, leaving out what has settled meanwhile.

mod file;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::Setup;
use super::stages::{CHUNK_BYTES, Routed, Stages, Way};
use crate::clock::Now;
use crate::filter::chain::{Blocked, Held};
use crate::record::{Batch, Container, Fate, FileId, News, Receipt};
use crate::source::container_log::decode::{Decoded, Place};
use crate::source::container_log::discover::Found;
use crate::source::container_log::partial::Partials;

use file::File;

/// A blocked container is tried again after so long, doubling up to the most.
const BLOCKED_MIN: Duration = Duration::from_secs(1);
const BLOCKED_MAX: Duration = Duration::from_secs(300);

pub struct Follow {
    slot: u32,
    folder: String,
    routed: Routed,
    files: VecDeque<File>,
    partials: Partials,
    held: Held,
    issued: u64,
    answered: u64,
    /// Something was abandoned, and all of it is to be read again.
    rewinding: bool,
    /// No reading before this moment; and the next wait.
    blocked_until: Option<Duration>,
    blocked_for: Duration,
    /// When something was last read.
    read_at: Duration,
    /// CPU time that its turns have overrun.
    pub debt: Duration,
    /// Its folder is gone: no file will come.
    pub gone: bool,
}

impl Follow {
    #[must_use]
    pub fn new(slot: u32, folder: String, routed: Routed, record_bytes_max: usize) -> Self {
        Self {
            slot,
            folder,
            routed,
            files: VecDeque::new(),
            partials: Partials::new(record_bytes_max),
            held: Held::default(),
            issued: 0,
            answered: 0,
            rewinding: false,
            blocked_until: None,
            blocked_for: BLOCKED_MIN,
            read_at: Duration::ZERO,
            debt: Duration::ZERO,
            gone: false,
        }
    }

    #[must_use]
    pub fn folder(&self) -> &str {
        &self.folder
    }

    #[must_use]
    pub fn routed(&self) -> &Routed {
        &self.routed
    }

    /// Takes a file over, behind those that are older.
    pub fn add(&mut self, found: Found, id: FileId, from_end: bool, now: Now, setup: &Setup) {
        let file = File::new(found, id, from_end, now, &setup.board);
        // What is being read, or was, stays in front.
        let first_unread = self.files.iter().position(|f| !f.read_out).unwrap_or(0);
        let mut place = self.files.len();
        while place > first_unread + 1 && self.files[place - 1].order() > file.order() {
            place -= 1;
        }
        if let Some(former) = place.checked_sub(1).and_then(|p| self.files.get_mut(p)) {
            former.superseded_at.get_or_insert(now.mono);
        }
        self.files.insert(place, file);
    }

    /// The container id of a restart has become known.
    pub fn relabel(&mut self, restart: u32, container: &Arc<Container>) {
        for file in self.files.iter_mut().filter(|f| f.restart == restart) {
            file.container = container.clone();
        }
    }

    /// Whether a turn would find something to do.
    #[must_use]
    pub fn is_due(&self, now: Duration) -> bool {
        self.may_read(now) && self.files.iter().any(|f| f.is_due(now))
    }

    fn may_read(&self, now: Duration) -> bool {
        !self.rewinding && self.blocked_until.is_none_or(|until| until <= now)
    }

    /// When there may be something to do.
    #[must_use]
    pub fn next_due(&self) -> Duration {
        if self.rewinding {
            return Duration::MAX;
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
                    self.truncated(place, unread, setup);
                    return true;
                }
                Ok(file::Ready::Unread) => return self.read_file(place, now, stages, setup),
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

    fn truncated(&mut self, place: usize, unread: u64, setup: &Setup) {
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
    }

    fn read_file(&mut self, place: usize, now: Now, stages: &mut Stages, setup: &Setup) -> bool {
        let mut chunk = std::mem::take(&mut stages.chunk);
        let file = &mut self.files[place];
        file.learn_key(&setup.board, now);
        let until = file.skip_settled();
        let read = file.tail.read(&mut chunk, until).unwrap_or_else(|error| {
            setup.metrics.source.read_failures.inc();
            let container = file.container.label();
            tracing::warn!(container, %error, "log file cannot be read, and is tried again");
            0
        });
        let more = self.take_chunk(place, &chunk[..read], until.is_some(), now, stages, setup);
        stages.chunk = chunk;
        self.read_at = now.mono;
        more
    }

    /// Decodes a chunk in batches and hands each on.
    fn take_chunk(
        &mut self,
        place: usize,
        chunk: &[u8],
        cut: bool,
        now: Now,
        stages: &mut Stages,
        setup: &Setup,
    ) -> bool {
        let mut rest = chunk;
        while !rest.is_empty() {
            let mut batch = Batch {
                columns: std::mem::take(&mut stages.spare),
                receipt: Receipt::new(self.slot, setup.news.clone()),
            };
            batch.columns.clear();
            // A line longer than a chunk, the rest of one, or a last line without its newline.
            let whole = rest.len() == CHUNK_BYTES || cut;
            let decoded = self.decode(place, rest, whole, now, stages, &mut batch);
            count(&decoded, batch.columns.len(), setup);
            if decoded.consumed == 0 {
                stages.spare = batch.columns;
                batch.receipt.forget();
                // The chunk's end cuts a line as well as the file's does.
                let file = &mut self.files[place];
                let at_end = file.tail.unread() <= rest.len() as u64;
                if at_end {
                    file.torn();
                }
                return !at_end;
            }
            self.files[place].tail.advance(decoded.consumed);
            rest = &rest[decoded.consumed..];
            if !self.hand_on(place, batch, false, now, stages, setup) {
                return false;
            }
        }
        !chunk.is_empty()
    }

    fn decode(
        &mut self,
        place: usize,
        bytes: &[u8],
        whole: bool,
        now: Now,
        stages: &mut Stages,
        batch: &mut Batch,
    ) -> Decoded {
        let file = &mut self.files[place];
        let at = Place {
            file: file.tail.id,
            at: file.tail.offset(),
            now: now.wall,
        };
        let (columns, receipt) = (&mut batch.columns, &mut batch.receipt);
        let newline = memchr::memchr(b'\n', bytes);
        if file.tail.long_line.is_none() && newline.is_some() {
            return stages
                .decoder
                .decode(bytes, at, &mut self.partials, columns, receipt);
        }
        if file.tail.long_line.is_none() && !whole && !file.ends_here(now.mono) {
            return Decoded::default();
        }
        let piece = &bytes[..newline.map_or(bytes.len(), |n| n + 1)];
        let head = file.tail.long_line.take();
        let (head, decoded) =
            stages
                .decoder
                .decode_piece(piece, at, head, &mut self.partials, columns, receipt);
        file.tail.long_line = newline.is_none().then_some(head);
        decoded
    }

    /// Sends a batch through the stages; false stops the container's reading.
    fn hand_on(
        &mut self,
        place: usize,
        batch: Batch,
        last: bool,
        now: Now,
        stages: &mut Stages,
        setup: &Setup,
    ) -> bool {
        if batch.columns.is_empty() && batch.receipt.ranges().is_empty() && !last {
            stages.spare = batch.columns;
            return true;
        }
        self.issued += batch.receipt.bytes();
        let container = self.files[place].container.clone();
        self.reroute_if_changed(place, stages);
        let mut way = Way {
            slot: self.slot,
            container: &container,
            routed: &self.routed,
            held: &mut self.held,
        };
        match stages.process(batch, &mut way, last, now) {
            Ok(()) => {
                if self.blocked_until.take().is_some() {
                    self.blocked_for = BLOCKED_MIN;
                    setup.metrics.source.blocked_containers.dec();
                }
                true
            }
            Err(blocked) => {
                self.block(&container, &blocked, now.mono, setup);
                false
            }
        }
    }

    /// A restarted or renamed container may have other names at its destination.
    fn reroute_if_changed(&mut self, place: usize, stages: &Stages) {
        let file = &mut self.files[place];
        if file
            .routed_as
            .as_ref()
            .is_some_and(|c| Arc::ptr_eq(c, &file.container))
        {
            return;
        }
        file.routed_as = Some(file.container.clone());
        if let Some(routed) = stages.route(&file.container) {
            self.routed = routed;
        }
    }

    fn block(&mut self, container: &Container, blocked: &Blocked, now: Duration, setup: &Setup) {
        tracing::error!(
            container = container.label(),
            error = %blocked,
            retry_after = ?self.blocked_for,
            "reading stops until the filter takes the batch; nothing is lost or sent unfiltered"
        );
        if self.blocked_until.is_none() {
            setup.metrics.source.blocked_containers.inc();
        }
        self.blocked_until = Some(now + self.blocked_for);
        self.blocked_for = (self.blocked_for * 2).min(BLOCKED_MAX);
        self.rewinding = true;
    }

    /// Takes the news of a receipt.
    pub fn hear(&mut self, news: News, now: Now, setup: &Setup) {
        let bytes: u64 = news.ranges.iter().map(|r| r.to - r.from).sum();
        self.answered += bytes;
        match news.fate {
            Fate::Settled => setup.metrics.source.settled_bytes.inc_by(bytes),
            Fate::Abandoned => {
                setup.metrics.source.read_again_bytes.inc_by(bytes);
                self.rewinding = true;
                return;
            }
        };
        for range in news.ranges {
            // A file that is not here any more was truncated or given up.
            if let Some(file) = self.files.iter_mut().find(|f| f.tail.id == range.file)
                && file.watermark.settle(range.from, range.to)
            {
                file.commit(&setup.board, now);
            }
        }
    }

    /// Goes back to the oldest unsettled byte, once nothing is on its way any more.
    pub fn rewind_if_answered(&mut self, now: Duration) {
        if !self.rewinding || !self.is_answered() {
            return;
        }
        self.answered += self.held.forget();
        self.partials.clear();
        for file in &mut self.files {
            file.rewind();
        }
        self.rewinding = false;
        self.read_at = now;
    }

    /// Lets go what nothing will complete: held records, split lines.
    pub fn flush_idle(&mut self, now: Now, stages: &mut Stages, setup: &Setup) {
        let waits = self.partials.any_pending() || !self.held.is_empty();
        if !waits || !self.may_read(now.mono) || self.files.iter().any(File::has_unread) {
            return;
        }
        let Some(place) = self.files.len().checked_sub(1) else {
            return;
        };
        let quiet = now.mono.saturating_sub(self.read_at);
        let ended = self.gone || self.files.iter().all(|f| f.tail.stat().links == 0);
        let mut batch = Batch {
            columns: std::mem::take(&mut stages.spare),
            receipt: Receipt::new(self.slot, setup.news.clone()),
        };
        batch.columns.clear();
        if self.partials.any_pending()
            && (quiet >= setup.source.partial_idle || (ended && quiet >= setup.hold_idle))
        {
            self.flush_partials(&mut batch);
        }
        if !batch.columns.is_empty() || (!self.held.is_empty() && quiet >= setup.hold_idle) {
            let last = quiet >= setup.hold_idle;
            self.hand_on(place, batch, last, now, stages, setup);
        } else {
            stages.spare = batch.columns;
        }
    }

    fn flush_partials(&mut self, batch: &mut Batch) {
        let Batch { columns, receipt } = batch;
        self.partials.flush(&mut |joined| {
            for range in joined.ranges.drain(..) {
                receipt.add(range);
            }
            let source = u32::try_from(receipt.bytes()).unwrap_or(u32::MAX);
            columns.push(joined.text, joined.time, joined.stream, source);
        });
    }

    /// Closes files that are read to their end, settled, and will not grow. Says how many.
    pub fn close_finished(&mut self, now: Duration) -> i64 {
        let before = self.files.len();
        let gone = self.gone;
        self.files.retain(|file| !file.is_finished(now, gone));
        i64::try_from(before - self.files.len()).unwrap_or(0)
    }

    /// Nothing is left of the container.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.gone && self.files.is_empty() && self.issued == self.answered
    }
}

fn count(decoded: &Decoded, records: usize, setup: &Setup) {
    let metrics = &setup.metrics.source;
    metrics.read_bytes.inc_by(decoded.consumed as u64);
    metrics.records.inc_by(records as u64);
    if decoded.undecoded > 0 {
        metrics.undecoded_lines.inc_by(decoded.undecoded);
    }
    if decoded.split > 0 {
        metrics.split_records.inc_by(decoded.split);
    }
}
