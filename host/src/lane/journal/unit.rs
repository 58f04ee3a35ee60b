//! One unit of a journal: what it has on its way, and what stops it. What stops one unit does not stop the
//! others: its entries are passed over, and read when it can go on.
//!
//! Records of one unit keep their order. So when something of it comes back unsettled, nothing more of it
//! is read before all is answered.

use std::collections::VecDeque;
use std::time::Duration;

use crate::record::{Batch, FileId, Range, Receipt};

/// How long until a unit that cannot go on is tried again: at first, and at most (it doubles).
const BLOCKED_MIN: Duration = Duration::from_secs(1);
const BLOCKED_MAX: Duration = Duration::from_secs(300);

/// A batch on its way: some entries between two places of a file.
struct OnWay {
    file: FileId,
    from: u64,
    to: u64,
    /// Bytes that are not answered for.
    bytes: u64,
}

pub struct Unit {
    pub name: String,
    /// By which sinks and receipts know it.
    pub slot: u32,
    /// The streams of its name, each with other facts.
    pub streams: Vec<usize>,
    /// In the order of reading.
    on_way: VecDeque<OnWay>,
    /// What was read and not handed on, by stream: a filter failed on what stood before it.
    pub waiting: VecDeque<(usize, Batch)>,
    /// Something came back unsettled.
    pub recalls: bool,
    pub blocked_until: Option<Duration>,
    pub blocked_for: Duration,
    /// When something of it was last read.
    pub read_at: Duration,
}

impl Unit {
    #[must_use]
    pub fn new(name: String, slot: u32) -> Self {
        Self {
            name,
            slot,
            streams: Vec::new(),
            on_way: VecDeque::new(),
            waiting: VecDeque::new(),
            recalls: false,
            blocked_until: None,
            blocked_for: BLOCKED_MIN,
            read_at: Duration::ZERO,
        }
    }

    /// This is on its way from here on.
    pub fn sets_out(&mut self, receipt: &Receipt) {
        let ranges = receipt.ranges();
        if let (Some(first), Some(last)) = (ranges.first(), ranges.last()) {
            self.on_way.push_back(OnWay {
                file: first.file,
                from: first.from,
                to: last.to,
                bytes: receipt.bytes(),
            });
        }
    }

    /// A range is answered for, which may be of several batches.
    pub fn answered(&mut self, range: Range) {
        let mut from = range.from;
        for way in self.on_way.iter_mut().filter(|w| w.file == range.file) {
            let to = range.to.min(way.to);
            if from < to {
                way.bytes = way.bytes.saturating_sub(to - from.max(way.from));
                from = to;
            }
        }
        while self.on_way.front().is_some_and(|w| w.bytes == 0) {
            self.on_way.pop_front();
        }
    }

    /// Whether nothing is on its way.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        self.on_way.is_empty()
    }

    /// Where the oldest batch of a file begins that is on its way, and the bytes of all.
    #[must_use]
    pub fn on_way_of(&self, file: FileId) -> Option<(u64, u64)> {
        let mut of_file = self.on_way.iter().filter(|w| w.file == file && w.bytes > 0);
        let first = of_file.next()?;
        Some((
            first.from,
            first.bytes + of_file.map(|w| w.bytes).sum::<u64>(),
        ))
    }

    /// Whether nothing of it may be read now.
    #[must_use]
    pub fn is_stopped(&self, now: Duration) -> bool {
        let blocked = self.blocked_until.is_some_and(|until| until > now);
        self.recalls || blocked || !self.waiting.is_empty()
    }

    /// Reads nothing for a while, and then what is unsettled again.
    pub fn block(&mut self, now: Duration) {
        self.blocked_until = Some(now + self.blocked_for);
        self.blocked_for = (self.blocked_for * 2).min(BLOCKED_MAX);
    }

    /// Its filters take batches.
    pub fn goes_on(&mut self) {
        self.blocked_until = None;
        self.blocked_for = BLOCKED_MIN;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn range(from: u64, to: u64) -> Range {
        let file = FileId(1);
        Range { file, from, to }
    }

    #[test]
    fn a_range_may_be_of_several_batches() {
        let mut unit = Unit::new("kubelet.service".into(), 1);
        for ranges in [
            [range(0, 10), range(30, 40)],
            [range(40, 50), range(70, 80)],
        ] {
            let mut receipt = Receipt::new(1, Arc::new(|_| ()));
            ranges.into_iter().for_each(|r| receipt.add(r));
            unit.sets_out(&receipt);
            receipt.forget();
        }
        assert_eq!(unit.on_way_of(FileId(1)), Some((0, 40)));
        unit.answered(range(0, 10));
        unit.answered(range(30, 50));
        assert_eq!(unit.on_way_of(FileId(1)), Some((40, 10)));
        unit.answered(range(70, 80));
        assert!(unit.is_answered());
    }
}
