//! The promise that source bytes are kept or read again.
//!
//! Whoever holds a receipt answers for its ranges: `settle` it, or drop it, and the lane reads them
//! again. There is no third way, so an early `return` cannot lose a record. Several requests may
//! carry parts of one batch: each takes a [`Part`], and the ranges settle when the last is settled.
//!
//! A range settles as one, whatever became of its records. What did is *counted* beside it, by
//! whoever knows: the chain what filters discarded and what was quarantined, the sender what the
//! service took and refused. The counts arrive with the news that the ranges are settled, and count
//! for nothing where they are abandoned, since all of it happens again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::Sender;

use super::ledger::{Count, Ending, Tally};

/// An open file, by a number that is never used again while the agent runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u64);

/// Source bytes `from..to` of a file; offsets are of uncompressed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    pub file: FileId,
    pub from: u64,
    pub to: u64,
}

impl Range {
    fn len(&self) -> u64 {
        self.to - self.from
    }
}

/// How a promise ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Delivered, discarded, rejected or quarantined: never read again.
    Settled,
    /// To be read again.
    Abandoned,
}

/// What a lane hears when a receipt ends. Each receipt sends it exactly once.
#[derive(Debug)]
pub struct News {
    /// The container's slot in its lane.
    pub slot: u32,
    pub fate: Fate,
    pub ranges: Vec<Range>,
    /// What became of the records; of no meaning where they are abandoned.
    pub tally: Tally,
    /// Marker records among these, each of which stands for lost bytes.
    pub markers: u32,
}

/// Where news goes: the lane that issued the receipt.
pub type NewsSender = Arc<dyn Fn(News) + Send + Sync>;

/// Makes a sender over a channel of anything that news can become.
#[must_use]
pub fn news_channel<E: From<News> + Send + 'static>(to: Sender<E>) -> NewsSender {
    Arc::new(move |news| {
        // A lane that is gone has no use for news: its ranges stay unsettled in the checkpoint.
        let _ = to.send(E::from(news));
    })
}

/// Ranges of source bytes that somebody answers for.
pub struct Receipt {
    slot: u32,
    ranges: Vec<Range>,
    tally: Tally,
    markers: u32,
    news: NewsSender,
}

impl std::fmt::Debug for Receipt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receipt")
            .field("slot", &self.slot)
            .field("ranges", &self.ranges)
            .finish_non_exhaustive()
    }
}

impl Receipt {
    #[must_use]
    pub fn new(slot: u32, news: NewsSender) -> Self {
        Self {
            slot,
            ranges: Vec::new(),
            tally: Tally::default(),
            markers: 0,
            news,
        }
    }

    /// Some of its records came to this ending, and are no longer among those that it answers for.
    pub fn count(&mut self, ending: Ending, count: Count) {
        self.tally.add(ending, count);
    }

    /// One of its records is a marker: it is answered for though it has no source bytes.
    pub fn mark(&mut self) {
        self.markers += 1;
    }

    #[must_use]
    pub fn ranges(&self) -> &[Range] {
        &self.ranges
    }

    /// Source bytes in all ranges.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.ranges.iter().map(Range::len).sum()
    }

    /// Answers for one more range; joined with the last where they touch.
    pub fn add(&mut self, range: Range) {
        debug_assert!(range.from < range.to, "an empty range: {range:?}");
        match self.ranges.last_mut() {
            Some(last) if last.file == range.file && last.to == range.from => last.to = range.to,
            _ => self.ranges.push(range),
        }
    }

    /// Answers for what `other` answered for, after its own.
    pub fn join(&mut self, mut other: Receipt) {
        for range in std::mem::take(&mut other.ranges) {
            self.add(range);
        }
        self.tally += std::mem::take(&mut other.tally);
        self.markers += std::mem::take(&mut other.markers);
    }

    /// Keeps the first `bytes` source bytes; the rest is the new receipt's. What was counted stays
    /// here: only records that have not come to an ending are split off.
    #[must_use]
    pub fn split_off(&mut self, bytes: u64) -> Receipt {
        let mut rest = Receipt::new(self.slot, self.news.clone());
        let mut left = bytes;
        let mut kept = 0;
        while kept < self.ranges.len() && left >= self.ranges[kept].len() {
            left -= self.ranges[kept].len();
            kept += 1;
        }
        rest.ranges = self.ranges.split_off(kept);
        if left > 0
            && let Some(first) = rest.ranges.first_mut()
        {
            let cut = first.from + left;
            self.ranges.push(Range { to: cut, ..*first });
            first.from = cut;
        }
        rest
    }

    /// Keeps the promise: these bytes are never read again.
    pub fn settle(mut self) {
        self.end(Fate::Settled);
    }

    /// Forgets the promise without news: for a lane that reads its container again anyway.
    pub fn forget(mut self) {
        self.ranges.clear();
        self.markers = 0;
    }

    /// Hands the promise to several requests.
    #[must_use]
    pub fn share(self) -> Parts {
        Parts(Arc::new(Shared {
            settled: AtomicU32::new(0),
            given: AtomicU32::new(0),
            delivered: Sum::default(),
            rejected: Sum::default(),
            receipt: Some(self),
            closed: AtomicBool::new(false),
        }))
    }

    fn end(&mut self, fate: Fate) {
        if self.ranges.is_empty() && self.markers == 0 {
            return;
        }
        (self.news)(News {
            slot: self.slot,
            fate,
            ranges: std::mem::take(&mut self.ranges),
            tally: std::mem::take(&mut self.tally),
            markers: std::mem::take(&mut self.markers),
        });
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        self.end(Fate::Abandoned);
    }
}

/// A [`Count`] that several requests add to.
#[derive(Default)]
struct Sum {
    records: AtomicU64,
    bytes: AtomicU64,
}

impl Sum {
    fn add(&self, count: Count) {
        self.records.fetch_add(count.records, Ordering::Relaxed);
        self.bytes.fetch_add(count.bytes, Ordering::Relaxed);
    }

    fn get(&self) -> Count {
        let get = |of: &AtomicU64| of.load(Ordering::Relaxed);
        Count::new(get(&self.records), get(&self.bytes))
    }
}

struct Shared {
    given: AtomicU32,
    settled: AtomicU32,
    delivered: Sum,
    rejected: Sum,
    receipt: Option<Receipt>,
    closed: AtomicBool,
}

impl Drop for Shared {
    fn drop(&mut self) {
        let kept = self.closed.load(Ordering::Acquire)
            && self.given.load(Ordering::Acquire) == self.settled.load(Ordering::Acquire);
        match self.receipt.take() {
            Some(mut receipt) if kept => {
                receipt.count(Ending::Delivered, self.delivered.get());
                receipt.count(Ending::Rejected, self.rejected.get());
                receipt.settle();
            }
            // Dropped unsettled: abandoned.
            _ => {}
        }
    }
}

/// A receipt being handed out. `close` it when every request that carries records has its part;
/// dropped unclosed, the ranges are abandoned.
pub struct Parts(Arc<Shared>);

impl Parts {
    /// A part for one more request, which carries so many of the records.
    #[must_use]
    pub fn part(&self, carries: Count) -> Part {
        self.0.given.fetch_add(1, Ordering::Relaxed);
        Part {
            shared: self.0.clone(),
            carries,
            rejected: Count::default(),
        }
    }

    /// All parts are given: when each is settled, so is the receipt.
    pub fn close(self) {
        self.0.closed.store(true, Ordering::Release);
    }
}

/// One request's part of a receipt: settle it, or drop it to abandon the whole receipt.
pub struct Part {
    shared: Arc<Shared>,
    carries: Count,
    rejected: Count,
}

impl std::fmt::Debug for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Part")
            .field("carries", &self.carries)
            .finish_non_exhaustive()
    }
}

impl Part {
    /// The records that this part of the request carries.
    #[must_use]
    pub fn carries(&self) -> Count {
        self.carries
    }

    /// The service refused so many of them for good; `settle` it all the same.
    pub fn reject(&mut self, count: Count) {
        self.rejected += count;
    }

    /// What is not rejected is delivered.
    pub fn settle(self) {
        let Self {
            shared,
            carries,
            rejected,
        } = self;
        shared.delivered.add(Count::new(
            carries.records.saturating_sub(rejected.records),
            carries.bytes.saturating_sub(rejected.bytes),
        ));
        shared.rejected.add(rejected);
        shared.settled.fetch_add(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, channel};

    const ONE: Count = Count {
        records: 1,
        bytes: 10,
    };

    fn range(from: u64, to: u64) -> Range {
        Range {
            file: FileId(1),
            from,
            to,
        }
    }

    fn receipt(ranges: &[Range]) -> (Receipt, Receiver<News>) {
        let (to, news) = channel::<News>();
        let mut receipt = Receipt::new(3, news_channel(to));
        ranges.iter().for_each(|r| receipt.add(*r));
        (receipt, news)
    }

    fn fates(news: &Receiver<News>) -> Vec<(Fate, Vec<Range>)> {
        news.try_iter().map(|n| (n.fate, n.ranges)).collect()
    }

    #[test]
    fn a_receipt_dropped_unsettled_is_abandoned() {
        let (receipt, news) = receipt(&[range(0, 5), range(5, 9)]);
        drop(receipt);
        assert_eq!(fates(&news), [(Fate::Abandoned, vec![range(0, 9)])]);
    }

    #[test]
    fn a_receipt_splits_at_any_byte() {
        for at in 0..=9 {
            let (mut receipt, news) = receipt(&[range(0, 5), range(7, 11)]);
            let rest = receipt.split_off(at);
            assert_eq!(receipt.bytes(), at);
            assert_eq!(rest.bytes(), 9 - at);
            receipt.join(rest);
            assert_eq!(receipt.ranges(), [range(0, 5), range(7, 11)]);
            receipt.settle();
            assert_eq!(fates(&news).len(), 1);
        }
    }

    #[test]
    fn a_receipt_in_two_requests_settles_when_both_are_answered() {
        let (receipt, news) = receipt(&[range(0, 5)]);
        let parts = receipt.share();
        let (one, two) = (parts.part(ONE), parts.part(ONE));
        one.settle();
        parts.close();
        assert!(fates(&news).is_empty());
        two.settle();
        assert_eq!(fates(&news), [(Fate::Settled, vec![range(0, 5)])]);
    }

    #[test]
    fn one_broken_part_abandons_the_whole_receipt() {
        let (receipt, news) = receipt(&[range(0, 5)]);
        let parts = receipt.share();
        let (one, two) = (parts.part(ONE), parts.part(ONE));
        parts.close();
        one.settle();
        drop(two);
        assert_eq!(fates(&news), [(Fate::Abandoned, vec![range(0, 5)])]);
    }

    #[test]
    fn a_receipt_that_is_not_handed_out_whole_is_abandoned() {
        let (receipt, news) = receipt(&[range(0, 5)]);
        let parts = receipt.share();
        parts.part(ONE).settle();
        drop(parts);
        assert_eq!(fates(&news), [(Fate::Abandoned, vec![range(0, 5)])]);
    }

    #[test]
    fn what_became_of_the_records_arrives_with_the_news() {
        let (mut receipt, news) = receipt(&[range(0, 50)]);
        receipt.count(Ending::Discarded, Count::new(2, 7));
        receipt.count(Ending::Quarantined, ONE);
        let held = receipt.split_off(40);
        let parts = receipt.share();
        let (one, mut two) = (parts.part(ONE), parts.part(Count::new(3, 30)));
        parts.close();
        one.settle();
        two.reject(Count::new(1, 10));
        two.settle();
        let tally = news.recv().unwrap().tally;
        let wanted = Tally {
            delivered: Count::new(3, 30),
            discarded: Count::new(2, 7),
            quarantined: ONE,
            rejected: ONE,
        };
        assert_eq!(tally, wanted);
        held.settle();
        assert_eq!(news.recv().unwrap().tally, Tally::default());
    }

    #[test]
    fn a_marker_is_answered_for_though_it_has_no_source_bytes() {
        let (mut marker, news) = receipt(&[]);
        marker.mark();
        drop(marker);
        let heard = news.recv().unwrap();
        assert_eq!((heard.fate, heard.markers), (Fate::Abandoned, 1));
    }
}
