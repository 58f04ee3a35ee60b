//! The promise that source bytes are kept or read again.
//!
//! Whoever holds a receipt answers for its ranges: `settle` it, or drop it, and the lane reads them
//! again. There is no third way, so an early `return` cannot lose a record. Several requests may
//! carry records of one batch: each takes a [`Part`], and settles what it alone answers for.
//!
//! A range settles as one, whatever became of its records. What did is *counted* beside it, by
//! whoever knows: the chain what filters discarded and what was quarantined, the sender what the
//! service took and refused. The counts arrive with the news that the ranges are settled, and count
//! for nothing where they are abandoned, since all of it happens again.

mod parts;

use std::sync::Arc;
use std::sync::mpsc::Sender;

pub use parts::{Part, Parts};

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
    bound: bool,
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
            bound: false,
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

    /// Its records are answered for together: text may have gone from one to another.
    pub fn bind(&mut self) {
        self.bound = true;
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
        self.bound |= other.bound;
        self.tally += std::mem::take(&mut other.tally);
        self.markers += std::mem::take(&mut other.markers);
    }

    /// Keeps the first `bytes` source bytes; the rest is the new receipt's. What was counted stays
    /// here: only records that have not come to an ending are split off.
    #[must_use]
    pub fn split_off(&mut self, bytes: u64) -> Receipt {
        let mut rest = Receipt::new(self.slot, self.news.clone());
        rest.bound = self.bound;
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
        Parts::of(self)
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
    fn what_became_of_the_records_arrives_with_the_news() {
        let (mut receipt, news) = receipt(&[range(0, 50)]);
        receipt.count(Ending::Discarded, Count::new(2, 7));
        receipt.count(Ending::Quarantined, ONE);
        let held = receipt.split_off(40);
        let parts = receipt.share();
        let (one, mut two) = (parts.part(ONE, 0..40), parts.part(Count::new(3, 30), 0..40));
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
