//! From a chunk of a file to batches on their way: decode, and hand on. A batch that a filter blocks
//! stops the container here, and nowhere else.

use std::time::Duration;

use super::{BLOCKED_MAX, BLOCKED_MIN, Follow};
use crate::clock::Now;
use crate::filter::chain::{Blocked, Suspended};
use crate::lane::Setup;
use crate::lane::stages::{CHUNK_BYTES, Stages, Standing, Way};
use crate::record::{Batch, Container, Receipt};
use crate::source::container_log::decode::{Decoded, Piece, Place};

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
        if std::mem::replace(&mut self.restart, restart) == restart {
            return true;
        }
        if !self.partials.any_pending() && self.held.is_empty() {
            return true;
        }
        self.let_go(place.saturating_sub(1), true, now, stages, setup)
    }

    /// Hands on what waits for pieces that will not come; with `last`, what filters hold too.
    pub(super) fn let_go(
        &mut self,
        place: usize,
        last: bool,
        now: Now,
        stages: &mut Stages,
        setup: &Setup,
    ) -> bool {
        let mut batch = self.empty_batch(stages, setup);
        self.flush_partials(&mut batch);
        self.hand_on(place, batch, last, now, stages, setup)
    }

    fn empty_batch(&self, stages: &mut Stages, setup: &Setup) -> Batch {
        let mut columns = std::mem::take(&mut stages.spare);
        columns.clear();
        Batch {
            columns,
            receipt: Receipt::new(self.slot, setup.news.clone()),
        }
    }

    pub(super) fn read_file(
        &mut self,
        place: usize,
        now: Now,
        stages: &mut Stages,
        setup: &Setup,
    ) -> bool {
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
        if read > 0 && !file.tail.is_same().unwrap_or(true) {
            stages.chunk = chunk;
            return self.truncated(place, 0, now, stages, setup);
        }
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
            let mut batch = self.empty_batch(stages, setup);
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
        // A chunk's end is the file's only if nothing more stands behind it, as of now.
        let last = newline.is_none()
            && !whole
            && file.ends_here(now.mono)
            && file.tail.look(now.mono).is_ok()
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
        file.tail.long_line = (newline.is_none() && !last).then_some(head);
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
        self.newest = batch
            .columns
            .times
            .last()
            .map_or(self.newest, |t| self.newest.max(*t));
        let container = self.files[place].container.clone();
        self.reroute_if_changed(place, stages);
        let Standing::Reads(routed) = &self.standing else {
            // The batch is dropped, and read again when the container is.
            return false;
        };
        if self.rewinding {
            // What was held in front of it is read again first.
            return false;
        }
        let mut way = Way {
            slot: self.slot,
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
            slot: self.slot,
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
                if self.blocked_until.take().is_some() {
                    self.blocked_for = BLOCKED_MIN;
                    setup.metrics.source.blocked_containers.dec();
                }
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
        if self.blocked_until.is_none() {
            setup.metrics.source.blocked_containers.inc();
        }
        self.blocked_until = Some(now + self.blocked_for);
        self.blocked_for = (self.blocked_for * 2).min(BLOCKED_MAX);
        self.rewinding = true;
    }

    /// Lets go what nothing will complete: held records, split lines.
    pub fn flush_idle(&mut self, now: Now, stages: &mut Stages, setup: &Setup) {
        let quiet = now.mono.saturating_sub(self.read_at);
        if quiet < setup.hold_idle || !self.may_read(now.mono) || self.files.is_empty() {
            return;
        }
        let ended = self.gone || self.files.iter().all(|f| f.tail.stat().links == 0);
        let pieces = self.partials.any_pending() && (ended || quiet >= setup.source.partial_idle);
        // While reading waits for the service, what completes them may stand there unseen.
        let waits = pieces || !self.held.is_empty();
        if !waits || self.files.iter_mut().any(|f| f.has_grown(now.mono)) {
            return;
        }
        let mut batch = self.empty_batch(stages, setup);
        if pieces {
            self.flush_partials(&mut batch);
        }
        self.hand_on(self.files.len() - 1, batch, true, now, stages, setup);
    }

    fn flush_partials(&mut self, batch: &mut Batch) {
        let Batch { columns, receipt } = batch;
        self.partials.flush(&mut |joined| {
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
