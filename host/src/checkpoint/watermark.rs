//! How far one file is settled.
//!
//! Receipts return in any order. The watermark is the end of the longest settled prefix: a byte below it
//! is never read again, and a byte above it that is settled is remembered, so that reading again from
//! the watermark skips it, in this run and, for as many ranges as are saved, in the next. Only a journal
//! takes settled bytes back: those of entries that it had passed over.

use std::collections::BTreeMap;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watermark {
    prefix: u64,
    /// Settled ranges above the prefix, from -> to, neither touching nor overlapping.
    above: BTreeMap<u64, u64>,
    /// The bytes in them: a journal has thousands of ranges at times.
    above_bytes: u64,
}

impl Watermark {
    /// A file of which everything below `prefix` is settled.
    #[must_use]
    pub fn at(prefix: u64) -> Self {
        Self {
            prefix,
            above: BTreeMap::new(),
            above_bytes: 0,
        }
    }

    /// As it was saved: the prefix, and settled ranges above it.
    #[must_use]
    pub fn of(prefix: u64, above: &[(u64, u64)]) -> Self {
        let mut watermark = Self::at(prefix);
        for (from, to) in above {
            watermark.settle(*from, *to);
        }
        watermark
    }

    /// Settled ranges above the prefix, the lowest first.
    pub fn above(&self) -> impl Iterator<Item = (u64, u64)> {
        self.above.iter().map(|(from, to)| (*from, *to))
    }

    /// The same as far as `end`.
    #[must_use]
    pub fn up_to(&self, end: u64) -> Self {
        let mut within = Self::at(self.prefix.min(end));
        for (from, to) in self.above().take_while(|(from, _)| *from < end) {
            within.settle(from, to.min(end));
        }
        within
    }

    /// The end of all that is settled.
    #[must_use]
    pub fn end(&self) -> u64 {
        let last = self.above.last_key_value();
        last.map_or(self.prefix, |(_, to)| *to)
    }

    /// The oldest unsettled byte.
    #[must_use]
    pub fn prefix(&self) -> u64 {
        self.prefix
    }

    /// Settles `from..to`. Says whether the prefix moved.
    pub fn settle(&mut self, mut from: u64, mut to: u64) -> bool {
        if to <= self.prefix || from >= to {
            return false;
        }
        if from > self.prefix {
            while let Some((&start, &end)) = self.above.range(..=to).next_back() {
                if end < from {
                    break;
                }
                from = from.min(start);
                to = to.max(end);
                self.remove(start, end);
            }
            self.insert(from, to);
            return false;
        }
        self.prefix = to;
        while let Some((&start, &end)) = self.above.first_key_value() {
            if start > self.prefix {
                break;
            }
            self.prefix = self.prefix.max(end);
            self.remove(start, end);
        }
        true
    }

    /// Takes `from..to` back: it was settled, and is not any more.
    pub fn unsettle(&mut self, from: u64, to: u64) {
        if from < self.prefix {
            let prefix = std::mem::replace(&mut self.prefix, from);
            if to < prefix {
                self.insert(to, prefix);
                return;
            }
        }
        while let Some((&start, &end)) = self.above.range(..to).next_back() {
            if end <= from {
                return;
            }
            self.remove(start, end);
            if to < end {
                self.insert(to, end);
            }
            if start < from {
                self.insert(start, from);
            }
        }
    }

    fn insert(&mut self, from: u64, to: u64) {
        self.above.insert(from, to);
        self.above_bytes += to - from;
    }

    fn remove(&mut self, from: u64, to: u64) {
        self.above.remove(&from);
        self.above_bytes -= to - from;
    }

    /// Where to read from `offset` on: the next unsettled byte, and where the unsettled run ends
    /// (none: nothing above is settled).
    #[must_use]
    pub fn next_unsettled(&self, offset: u64) -> (u64, Option<u64>) {
        let mut from = offset.max(self.prefix);
        if let Some((_, &end)) = self.above.range(..=from).next_back() {
            from = from.max(end);
        }
        let until = self.above.range(from..).next().map(|(&start, _)| start);
        (from, until)
    }

    /// Settled bytes at and behind `offset`.
    #[must_use]
    pub fn settled_beyond(&self, offset: u64) -> u64 {
        let above = self.above.iter();
        let beyond = above.map(|(from, to)| to.saturating_sub(offset.max(*from)));
        self.prefix.saturating_sub(offset) + beyond.sum::<u64>()
    }

    /// Settled bytes, below and above the prefix.
    #[must_use]
    pub fn settled_bytes(&self) -> u64 {
        self.prefix + self.above_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_watermark_is_the_end_of_the_longest_settled_prefix() {
        let mut w = Watermark::at(10);
        assert!(!w.settle(20, 30));
        assert!(!w.settle(40, 50));
        assert_eq!(w.prefix(), 10);
        assert!(w.settle(10, 20));
        assert_eq!(w.prefix(), 30);
        assert_eq!(w.next_unsettled(30), (30, Some(40)));
        assert_eq!(w.next_unsettled(45), (50, None));
        assert!(w.settle(30, 40));
        assert_eq!(w, Watermark::at(50));
    }

    proptest! {
        /// Against a plain map of bytes.
        #[test]
        fn ranges_settle_and_are_taken_back_in_any_order(
            ranges in proptest::collection::vec((0_u64..64, 1_u64..16, prop::bool::weighted(0.8)), 0..40),
        ) {
            let mut w = Watermark::default();
            let mut bytes = [false; 80];
            for (from, len, settles) in ranges {
                if settles {
                    w.settle(from, from + len);
                } else {
                    w.unsettle(from, from + len);
                }
                (from..from + len).for_each(|b| bytes[usize::try_from(b).unwrap()] = settles);
                let prefix = bytes.iter().position(|b| !b).unwrap() as u64;
                prop_assert_eq!(w.prefix(), prefix);
                let above: Vec<_> = w.above().collect();
                prop_assert_eq!(&Watermark::of(w.prefix(), &above), &w);
                let end = bytes.iter().rposition(|b| *b).map_or(0, |last| last as u64 + 1);
                prop_assert_eq!(w.end(), end);
                prop_assert_eq!(w.settled_bytes(), bytes.iter().filter(|b| **b).count() as u64);
                for at in 0..80_u64 {
                    let beyond = bytes[usize::try_from(at).unwrap()..].iter();
                    prop_assert_eq!(w.settled_beyond(at), beyond.filter(|b| **b).count() as u64);
                    let unsettled = |b: &u64| !bytes[usize::try_from(*b).unwrap()];
                    let next = (at..80).find(unsettled);
                    let (from, until) = w.next_unsettled(at);
                    prop_assert_eq!(next.unwrap_or(80), from.min(80));
                    if let Some(until) = until {
                        prop_assert!((from..until).all(|b| unsettled(&b)));
                        prop_assert!(!unsettled(&until));
                    }
                }
            }
        }
    }
}
