//! The books of one container or journal, as its lane keeps them, and the markers that stand for what was lost.
//!
//! Files that are open hold their own part (`Extent`); here is the rest: what has settled, what is
//! lost, and files that are gone while parts of them are still on their way. A loss is counted at
//! once, and told in the stream by a marker record that is sent until it is taken.

use std::ops::RangeInclusive;

use crate::checkpoint::store::FileKey;
use crate::checkpoint::watermark::Watermark;
use crate::clock::Now;
use crate::record::{Batch, Cause, Columns, Count, Ledger, Range, Receipt, Stream, Tally};

use super::extent::Extent;
use super::loss::Loss;

/// A file that is gone, with bytes on their way that may still settle.
#[derive(Debug)]
struct Departed {
    extent: Extent,
    cause: Cause,
    key: Option<FileKey>,
}

#[derive(Debug, Default)]
pub struct Books {
    settled: u64,
    lost: u64,
    lost_at_least: bool,
    /// Bytes seen of files that are closed.
    closed_seen: u64,
    departed: Vec<Departed>,
    pub read: Count,
    pub records: Tally,
    losses: Vec<Loss>,
    /// Losses whose markers are on their way.
    marking: Vec<Loss>,
    /// When the last record was written that was read.
    pub last_time: u64,
}

impl Books {
    /// A range of an open file has settled so many new bytes.
    pub fn settled(&mut self, bytes: u64) {
        self.settled += bytes;
    }

    /// A range of a file that is not open has settled. Says what the checkpoint calls that file, and what
    /// of it is settled now.
    pub fn settle_departed(&mut self, range: Range) -> Option<(FileKey, Watermark)> {
        let is_of = |d: &Departed| d.extent.id == range.file;
        let at = self.departed.iter().position(is_of)?;
        let (_, bytes) = self.departed[at].extent.settle(range.from, range.to);
        self.settled += bytes;
        let settled = self.departed[at].extent.watermark().clone();
        let key = self.departed[at].key.clone();
        if self.departed[at].extent.unsettled() == 0 {
            let departed = self.departed.swap_remove(at);
            self.closed_seen += departed.extent.seen();
        }
        Some((key?, settled))
    }

    /// Whether something of a file that is gone is on its way.
    #[must_use]
    pub fn is_on_way(&self, key: &FileKey) -> bool {
        self.departed.iter().any(|d| d.key.as_ref() == Some(key))
    }

    /// A range of a file that is gone was abandoned. Says how many bytes are lost, and what the checkpoint
    /// calls that file.
    pub fn lose_departed(&mut self, range: Range, now: u64) -> (u64, Option<FileKey>) {
        let Some(at) = self.departed.iter().position(|d| d.extent.id == range.file) else {
            return (0, None);
        };
        let departed = &mut self.departed[at];
        let bytes = (range.to - range.from).min(departed.extent.unsettled());
        departed.extent.lose(bytes);
        let (cause, key) = (departed.cause, departed.key.clone());
        if departed.extent.unsettled() == 0 {
            let departed = self.departed.swap_remove(at);
            self.closed_seen += departed.extent.seen();
        }
        self.lose(cause, None, bytes, false, key.clone(), self.since_last(now));
        (bytes, key)
    }

    /// Entries of one unit are gone that were to be read later: those that had been passed over, with so
    /// many bytes that their file's extent has given away; and `again` bytes that it counts as lost.
    pub fn lose_left(
        &mut self,
        cause: Cause,
        unit: &str,
        (entries, bytes): (u64, u64),
        again: u64,
        key: Option<&FileKey>,
        now: u64,
    ) {
        self.closed_seen += bytes;
        let (of, bytes, between) = (Some(unit), bytes + again, self.since_last(now));
        let loss = self.lose(cause, of, bytes, false, key.cloned(), between);
        loss.entries += entries;
    }

    /// The unit whose losses are to be marked, where all are of one.
    #[must_use]
    pub fn losses_are_of(&self) -> Option<&str> {
        let first = self.losses.first()?.of.as_deref()?;
        let same = |l: &Loss| l.of.as_deref() == Some(first);
        self.losses.iter().all(same).then_some(first)
    }

    /// What would have to be told of a file that is gone, should the agent end now: its bytes whose
    /// marker is not taken yet, and those on their way, which nobody can read again. None: nothing.
    #[must_use]
    pub fn owed(&self, key: &FileKey) -> Option<(Cause, u64)> {
        let losses = self.losses.iter().chain(&self.marking);
        let lost = losses.flat_map(|l| l.keys.iter().map(|(key, bytes)| (key, l.cause, *bytes)));
        let going = self.departed.iter();
        let going = going.filter_map(|d| Some((d.key.as_ref()?, d.cause, d.extent.unsettled())));
        let owed = lost.chain(going).filter(|(of, ..)| *of == key);
        owed.map(|(_, cause, bytes)| (cause, bytes))
            .reduce(|(cause, sum), (_, bytes)| (cause, sum + bytes))
    }

    /// A file is closed: everything of it is settled.
    pub fn close(&mut self, extent: &Extent) {
        debug_assert_eq!(extent.unread() + extent.unsettled(), 0, "{extent:?}");
        self.closed_seen += extent.seen();
    }

    /// A file is gone before all of it was settled: what was not read, or not read again, from `offset`
    /// on, is lost; what is on its way may still arrive. Says how many bytes are lost.
    pub fn depart(
        &mut self,
        mut extent: Extent,
        offset: u64,
        cause: Cause,
        key: Option<FileKey>,
        now: u64,
    ) -> u64 {
        let unread = extent.cut_off(offset);
        if unread > 0 {
            self.lose(
                cause,
                None,
                unread,
                false,
                key.clone(),
                self.since_last(now),
            );
        }
        if extent.unsettled() > 0 {
            self.departed.push(Departed { extent, cause, key });
        } else {
            self.closed_seen += extent.seen();
        }
        unread
    }

    /// Nothing is on its way any more: what is not settled of files that are gone is lost. Says how
    /// many bytes.
    pub fn give_up_departed(&mut self, now: u64) -> u64 {
        let mut bytes = 0;
        for departed in std::mem::take(&mut self.departed) {
            let lost = departed.extent.unsettled();
            bytes += lost;
            self.closed_seen += departed.extent.seen();
            self.lose(
                departed.cause,
                None,
                lost,
                false,
                departed.key,
                self.since_last(now),
            );
        }
        bytes
    }

    /// Bytes of a file that was never open here are lost; `at_least`: and perhaps more.
    pub fn lose_unseen(
        &mut self,
        cause: Cause,
        bytes: u64,
        at_least: bool,
        key: FileKey,
        between: (u64, u64),
    ) {
        self.closed_seen += bytes;
        self.lost_at_least |= at_least;
        self.lose(cause, None, bytes, at_least, Some(key), between);
    }

    /// Bytes behind the end of an open file are lost, and perhaps more.
    pub fn lose_missing(&mut self, bytes: u64, key: Option<FileKey>, now: u64) {
        self.closed_seen += bytes;
        self.lost_at_least = true;
        self.lose(Cause::Damaged, None, bytes, true, key, self.since_last(now));
    }

    /// The end of an open file has left its extent: so many bytes were seen of it, and so many are lost.
    pub fn lose_end(
        &mut self,
        cause: Cause,
        (seen, bytes): (u64, u64),
        key: Option<FileKey>,
        now: u64,
    ) {
        self.closed_seen += seen;
        if bytes > 0 {
            self.lose(cause, None, bytes, false, key, self.since_last(now));
        }
    }

    /// So many entries of a journal are among what is lost for this cause.
    pub fn lose_entries(&mut self, cause: Cause, entries: u64, now: u64) {
        let loss = self.lose(cause, None, 0, false, None, self.since_last(now));
        loss.entries += entries;
    }

    /// Since the last record that was read, until now.
    fn since_last(&self, now: u64) -> (u64, u64) {
        match self.last_time {
            0 => (now, now),
            last => (last.min(now), now),
        }
    }

    /// Says which loss it is part of: there is one marker for each cause, however often it strikes before the
    /// marker is sent.
    fn lose(
        &mut self,
        cause: Cause,
        of: Option<&str>,
        bytes: u64,
        at_least: bool,
        key: Option<FileKey>,
        between: (u64, u64),
    ) -> &mut Loss {
        self.lost += bytes;
        let same = |l: &Loss| l.cause == cause && l.of.as_deref() == of;
        let at = self.losses.iter().position(same).unwrap_or_else(|| {
            self.losses.push(Loss {
                cause,
                of: of.map(str::to_owned),
                bytes: 0,
                entries: 0,
                at_least,
                between,
                keys: Vec::new(),
            });
            self.losses.len() - 1
        });
        let loss = &mut self.losses[at];
        loss.bytes += bytes;
        loss.at_least |= at_least;
        loss.between = (loss.between.0.min(between.0), loss.between.1.max(between.1));
        loss.keys.extend(key.map(|key| (key, bytes)));
        loss
    }

    /// The losses that are to be marked now: their markers are on their way from here on.
    pub fn take_losses(&mut self) -> &[Loss] {
        if self.marking.is_empty() {
            self.marking = std::mem::take(&mut self.losses);
            return &self.marking;
        }
        &[]
    }

    /// Their markers, which `receipt` answers for from here on. Each stands at the place of its gap, so
    /// that whoever reads there sees it; unless that is not one of the `times` that the destination takes.
    pub fn take_markers(
        &mut self,
        mut receipt: Receipt,
        times: &RangeInclusive<u64>,
        now: Now,
    ) -> Batch {
        let mut columns = Columns::default();
        for loss in self.take_losses() {
            let at = Some(loss.between.0).filter(|t| times.contains(t));
            let time = at.unwrap_or(now.wall);
            columns.push(loss.text().as_bytes(), time, Stream::Stderr, 0);
            receipt.mark();
        }
        Batch { columns, receipt }
    }

    #[must_use]
    pub fn has_losses_to_mark(&self) -> bool {
        self.marking.is_empty() && !self.losses.is_empty()
    }

    /// The markers were taken.
    pub fn marked(&mut self) -> Vec<Loss> {
        std::mem::take(&mut self.marking)
    }

    /// The markers have to be sent again.
    pub fn mark_again(&mut self) {
        let later = std::mem::replace(&mut self.losses, std::mem::take(&mut self.marking));
        self.losses.extend(later);
    }

    #[must_use]
    pub fn is_all_marked(&self) -> bool {
        self.losses.is_empty() && self.marking.is_empty()
    }

    /// The books as of now; `open` are the files that are open.
    #[must_use]
    pub fn ledger<'a>(&self, open: impl Iterator<Item = &'a Extent>) -> Ledger {
        let mut ledger = Ledger {
            seen_bytes: self.closed_seen,
            settled_bytes: self.settled,
            lost_bytes: self.lost,
            lost_at_least: self.lost_at_least,
            read: self.read,
            records: self.records,
            ..Ledger::default()
        };
        for extent in open {
            ledger.seen_bytes += extent.seen();
            ledger.unread_bytes += extent.unread();
            ledger.unsettled_bytes += extent.unsettled();
            ledger.open_files += 1;
        }
        for departed in &self.departed {
            // What was not read of it is in `lost`.
            ledger.seen_bytes += departed.extent.seen();
            ledger.unsettled_bytes += departed.extent.unsettled();
        }
        ledger
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::FileId;

    fn range(from: u64, to: u64) -> Range {
        let file = FileId(1);
        Range { file, from, to }
    }

    fn extent(read_to: u64, seen_to: u64) -> Extent {
        let mut extent = Extent::new(FileId(1), 100);
        extent.read(read_to);
        extent.saw(seen_to);
        extent
    }

    #[test]
    fn what_was_on_its_way_when_its_file_went_may_still_settle() {
        let mut books = Books::default();
        assert_eq!(
            books.depart(extent(150, 180), 150, Cause::Truncated, None, 9),
            30
        );
        let ledger = books.ledger(std::iter::empty());
        assert_eq!((ledger.lost_bytes, ledger.unsettled_bytes), (30, 50));
        assert!(ledger.balances(), "{ledger:?}");
        books.settle_departed(range(100, 120));
        books.settle_departed(range(120, 150));
        let ledger = books.ledger(std::iter::empty());
        assert_eq!((ledger.lost_bytes, ledger.settled_bytes), (30, 50));
        assert!(ledger.balances(), "{ledger:?}");
    }

    /// It had gone back to read again, and came only so far.
    #[test]
    fn what_was_to_be_read_again_is_lost_with_the_file() {
        let mut books = Books::default();
        let mut extent = extent(150, 180);
        let (_, settled) = extent.settle(140, 150);
        books.settled(settled);
        assert_eq!(books.depart(extent, 120, Cause::Truncated, None, 9), 50);
        let ledger = books.ledger(std::iter::empty());
        assert_eq!((ledger.lost_bytes, ledger.unsettled_bytes), (50, 20));
        assert!(ledger.balances(), "{ledger:?}");
    }

    #[test]
    fn what_nothing_can_bring_back_is_lost_once() {
        let mut books = Books::default();
        books.depart(extent(150, 180), 150, Cause::GivenUp, None, 9);
        books.settle_departed(range(120, 150));
        assert_eq!(books.give_up_departed(9), 20);
        let ledger = books.ledger(std::iter::empty());
        assert_eq!((ledger.lost_bytes, ledger.settled_bytes), (50, 30));
        assert!(ledger.balances(), "{ledger:?}");
    }

    #[test]
    fn a_marker_that_is_not_taken_is_sent_again() {
        let mut books = Books::default();
        books.depart(
            extent(100, 1_048_676),
            100,
            Cause::Truncated,
            None,
            2_000_000_000,
        );
        assert_eq!(
            books.take_losses()[0].text(),
            "logsieve: 1,048,576 bytes of this container's log truncated away unread between \
             1970-01-01T00:00:02.000000000Z and 1970-01-01T00:00:02.000000000Z"
        );
        assert!(books.take_losses().is_empty() && !books.is_all_marked());
        books.mark_again();
        assert_eq!(books.take_losses().len(), 1);
        books.marked();
        assert!(books.is_all_marked());
    }
}
