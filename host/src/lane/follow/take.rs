//! From a chunk of a file to batches on their way: decode, and hand on. A batch that a filter blocks
//! stops the container here, and nowhere else.

use std::io;
use std::time::Duration;

use super::file::File;
use super::{BLOCKED_MAX, BLOCKED_MIN, Follow, UNREADABLE_MAX, UNREADABLE_MIN};
use crate::clock::Now;
use crate::filter::chain::{Blocked, Suspended};
use crate::lane::Setup;
use crate::lane::stages::{CHUNK_BYTES, Stages, Standing, Way};
use crate::record::{Batch, Container, Count, FileId, Receipt};
use crate::source::log_file::decode::{Decoded, Piece, Place};
use crate::source::log_file::partial::{Joined, Partials};
use crate::telemetry::metrics::Raised;

/// One of the ways in which split lines are taken out.
pub(super) type Flush = fn(&mut Partials, &mut dyn FnMut(Joined<'_>));

impl Follow {
    /// A container that was restarted completes nothing that its former instance left unfinished.
    pub(super) fn begin_instance(
        &mut self,
        place: usize,
        now: Now,
        stages: &mut Stages,
        setup: &Setup,
    ) -> bool {
        let restart = self.files[place].restart;
        let same = std::mem::replace(&mut self.restart, restart) == restart;
        let flushed = same || self.flush_all(now, stages, setup);
        self.adopt(place, stages, setup);
        flushed
    }

    /// Lets go what is unfinished: split lines, held records.
    fn flush_all(&mut self, now: Now, stages: &mut Stages, setup: &Setup) -> bool {
        if !self.partials.any_pending() && self.held.is_empty() {
            self.partials.clear();
            return true;
        }
        let mut batch = self.empty_batch(stages, setup);
        self.flush_partials(&mut batch, Partials::flush);
        self.partials.clear();
        self.hand_on(batch, true, now, stages, setup)
    }

    pub(super) fn empty_batch(&self, stages: &mut Stages, setup: &Setup) -> Batch {
        let mut columns = std::mem::take(&mut stages.spare);
        columns.clear();
        Batch {
            columns,
            receipt: Receipt::new(self.account.slot, setup.news.clone()),
        }
    }

    pub(super) fn read_file(
        &mut self,
        place: usize,
        now: Now,
        stages: &mut Stages,
        setup: &Setup,
    ) -> bool {
        let file = &mut self.files[place];
        file.learn_key(&setup.board, &self.account.folder, now);
        let until = file.skip_settled();
        let format = file.format;
        match file.tail.find_line(&mut stages.decoder, format, now.wall) {
            Ok(rest) => self.partials.resume(rest),
            Err(error) => return self.unreadable(place, &error, now.mono, setup),
        }
        let mut chunk = std::mem::take(&mut stages.chunk);
        let read = file.tail.read(&mut chunk, until);
        if read.is_ok() {
            self.readable(place);
        }
        let file = &mut self.files[place];
        let more = match read {
            Ok(read) if read > 0 && !file.tail.is_same().unwrap_or(true) => {
                // It was cut, and is already longer than what was read of it.
                self.truncated(place, now, setup)
            }
            // Nothing where the last look saw something: it is shorter now.
            Ok(0) => file.look(now.mono).is_ok() && file.tail.is_cut(),
            Ok(read) => {
                if file.compressed {
                    // It may be longer than was said: that is to be known before this much is settled.
                    let _ = file.look(now.mono);
                }
                let cut = until.is_some_and(|until| file.tail.offset() + read as u64 == until);
                self.take_chunk(place, &chunk[..read], cut, now, stages, setup)
            }
            Err(error) => self.unreadable(place, &error, now.mono, setup),
        };
        stages.chunk = chunk;
        self.read_at = now.mono;
        more
    }

    /// Waits longer with each failure in a row; only the first is told. Says whether there is something else
    /// to read.
    pub(super) fn unreadable(
        &mut self,
        place: usize,
        error: &io::Error,
        now: Duration,
        setup: &Setup,
    ) -> bool {
        setup.metrics.source.read_failures.inc();
        let wait = match self.unreadable {
            Some((_, wait)) => (wait * 2).min(UNREADABLE_MAX),
            None => {
                let container = self.files[place].container.label();
                tracing::warn!(container, %error, "log file cannot be read, and is tried again until it can");
                UNREADABLE_MIN
            }
        };
        self.unreadable = Some((now + wait, wait));
        false
    }

    fn readable(&mut self, place: usize) {
        if self.unreadable.take().is_some() {
            let container = self.files[place].container.label();
            tracing::info!(container, "log file can be read again");
        }
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
            let mut batch = self.empty_batch(stages, setup);
            // A line longer than a chunk, the rest of one, or a last line without its newline.
            let whole = rest.len() == CHUNK_BYTES || cut;
            let decoded = self.decode(place, rest, whole, now, stages, &mut batch);
            let records = batch.columns.len();
            count(&decoded, records, setup);
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
            self.pace.spend(decoded.consumed, now.mono);
            self.files[place].told_time(decoded.timed, now.wall);
            if self.files[place].advance(decoded.consumed) {
                self.account.books.read += Count::new(records as u64, decoded.consumed as u64);
            }
            self.account.books.last_time = batch
                .columns
                .times
                .last()
                .copied()
                .unwrap_or(self.account.books.last_time);
            rest = &rest[decoded.consumed..];
            if !self.hand_on(batch, false, now, stages, setup) {
                return false;
            }
        }
        // Behind the end of the file that is written to, only another look finds more.
        let file = &self.files[place];
        !chunk.is_empty() && (file.has_unread() || file.superseded_at.is_some())
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
            format: file.format,
            now: now.wall,
            untimed: file.untimed(now.wall),
        };
        let (columns, receipt) = (&mut batch.columns, &mut batch.receipt);
        let newline = memchr::memchr(b'\n', bytes);
        if file.tail.long_line.is_none() && newline.is_some() {
            return stages
                .decoder
                .decode(bytes, at, &mut self.partials, columns, receipt);
        }
        // A chunk's end is the file's only if nothing more stands behind it, as of now.
        let last = newline.is_none()
            && !whole
            && file.ends_here(now.mono)
            && file.look(now.mono).is_ok()
            && !file.tail.is_cut()
            && file.tail.unread() <= bytes.len() as u64;
        if file.tail.long_line.is_none() && !whole && !last {
            return Decoded::default();
        }
        let piece = &bytes[..newline.map_or(bytes.len(), |n| n + 1)];
        let piece = Piece {
            bytes: piece,
            head: file.tail.long_line.take(),
            last,
        };
        let (head, decoded) =
            stages
                .decoder
                .decode_piece(piece, at, &mut self.partials, columns, receipt);
        if newline.is_none() && !last {
            file.tail
                .goes_on(head, at.at, at.at + decoded.consumed as u64);
        }
        decoded
    }

    /// Sends a batch through the stages; false stops the container's reading.
    pub(super) fn hand_on(
        &mut self,
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
        self.account.issued += batch.receipt.bytes();
        self.newest = batch
            .columns
            .times
            .last()
            .map_or(self.newest, |t| self.newest.max(*t));
        let container = self.container.clone();
        let Standing::Reads(routed) = &self.standing else {
            // The batch is dropped, and read again when the container is.
            return false;
        };
        if self.account.rewinding {
            // What was held in front of it is read again first.
            return false;
        }
        let mut way = Way {
            slot: self.account.slot,
            container: &container,
            routed,
            held: &mut self.held,
        };
        let came = stages.process(batch, &mut way, last, now);
        self.came(came, &container, now, setup) && self.suspended.is_none()
    }

    /// Goes on with a batch that a filter failed on. Says whether another turn would be of use.
    pub(super) fn resume(
        &mut self,
        suspended: Suspended,
        now: Now,
        stages: &mut Stages,
        setup: &Setup,
    ) -> bool {
        let container = suspended.container().clone();
        let Standing::Reads(routed) = &self.standing else {
            return false;
        };
        let mut way = Way {
            slot: self.account.slot,
            container: &container,
            routed,
            held: &mut self.held,
        };
        let came = stages.resume(suspended, &mut way, now);
        self.came(came, &container, now, setup)
    }

    /// What a batch came to; false stops the container's reading.
    fn came(
        &mut self,
        came: Result<Option<Suspended>, Blocked>,
        container: &Container,
        now: Now,
        setup: &Setup,
    ) -> bool {
        match came {
            Ok(None) => {
                self.unblock();
                true
            }
            Ok(Some(suspended)) => {
                let goes = !suspended.waits();
                self.suspended = Some(suspended);
                goes
            }
            Err(blocked) => {
                self.block(container, &blocked, now.mono, setup);
                false
            }
        }
    }

    fn block(&mut self, container: &Container, blocked: &Blocked, now: Duration, setup: &Setup) {
        tracing::error!(
            container = container.label(),
            error = %blocked,
            retry_after = ?self.blocked_for,
            "reading stops until the filter takes the batch; nothing is lost or sent unfiltered"
        );
        let gauge = &setup.metrics.source.blocked_containers;
        self.is_blocked.get_or_insert_with(|| Raised::new(gauge));
        self.blocked_until = Some(now + self.blocked_for);
        self.blocked_for = (self.blocked_for * 2).min(BLOCKED_MAX);
        self.account.rewinding = true;
    }

    pub(super) fn unblock(&mut self) {
        if self.is_blocked.take().is_some() {
            self.blocked_until = None;
            self.blocked_for = BLOCKED_MIN;
        }
    }

    /// Lets go what nothing will complete: held records, split lines.
    pub fn flush_idle(&mut self, now: Now, stages: &mut Stages, setup: &Setup) {
        if self.flush_due(setup) > now.mono || !self.may_read(now.mono) {
            return;
        }
        let quiet = now.mono.saturating_sub(self.read_at);
        let ended = self.is_final() || quiet >= setup.source.partial_idle;
        let pieces = self.partials.any_pending() && ended;
        // While reading waits for the service, what completes them may stand there unseen.
        let draining = self.draining;
        let grown = |f: &mut File| {
            if !draining {
                return f.has_grown(now.mono);
            }
            // In a stop only deleted files are read on, and this one may be deleted by now.
            f.look(now.mono).is_ok() && f.is_unlinked() && f.has_unread()
        };
        if self.files.iter_mut().any(grown) {
            return;
        }
        let mut batch = self.empty_batch(stages, setup);
        if pieces {
            self.flush_partials(&mut batch, Partials::flush);
        }
        self.hand_on(batch, true, now, stages, setup);
    }

    /// Takes split lines out, in `how`.
    pub(super) fn flush_partials(&mut self, batch: &mut Batch, how: Flush) {
        let Batch { columns, receipt } = batch;
        let (let_go, books) = (&mut self.let_go, &mut self.account.books);
        how(&mut self.partials, &mut |joined| {
            let end = joined.ranges.last().map(|r| (r.file, r.to));
            let known = &mut let_go[joined.stream as usize];
            let is_again = |known: (FileId, u64)| end.is_some_and(|e| e.0 == known.0 && e <= known);
            if !known.is_some_and(is_again) {
                // Its bytes were counted when they were read, and it was no record then.
                books.read += Count::new(1, 0);
                *known = end;
            }
            for range in joined.ranges.drain(..) {
                receipt.add(range);
            }
            let source = u32::try_from(receipt.bytes()).unwrap_or(u32::MAX);
            columns.text.extend_from_slice(joined.text);
            columns.close(joined.time, joined.stream, joined.form, source);
        });
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
