//! The bytes of one file in the books of its container: from where reading began, how far it was read,
//! how far it was seen, and what of it is settled. Each byte is in one place, however often it is read.
//!
//! A journal passes over entries whose unit cannot go on. The watermark has them as settled, so that it
//! stays small, and here they count as unread until they are taken back.

use crate::checkpoint::watermark::Watermark;
use crate::record::FileId;

#[derive(Debug, Clone)]
pub struct Extent {
    pub id: FileId,
    /// Where reading began: what lies below is not in these books.
    from: u64,
    /// The furthest byte that was ever read.
    read_to: u64,
    /// The furthest byte that was ever seen.
    seen_to: u64,
    watermark: Watermark,
    /// Bytes that are not in these books: below where reading began, and settled by the last run.
    given: u64,
    /// Bytes that were passed over.
    passed: u64,
    /// Bytes that will not be read again, and are not settled.
    lost: u64,
}

impl Extent {
    #[must_use]
    pub fn new(id: FileId, from: u64) -> Self {
        Self::resume(id, Watermark::at(from))
    }

    /// Goes on with what the last run has settled. What lies between counts as read, to be read again.
    #[must_use]
    pub fn resume(id: FileId, watermark: Watermark) -> Self {
        let (from, end) = (watermark.prefix(), watermark.end());
        Self {
            id,
            from,
            read_to: end,
            seen_to: end,
            given: watermark.settled_bytes(),
            watermark,
            passed: 0,
            lost: 0,
        }
    }

    /// The file was seen to have this length.
    pub fn saw(&mut self, len: u64) {
        self.seen_to = self.seen_to.max(len);
    }

    /// Everything below `offset` was read.
    pub fn read(&mut self, offset: u64) {
        self.read_to = self.read_to.max(offset);
        self.saw(self.read_to);
    }

    /// Settles `from..to`. Says whether the watermark moved, and how many bytes are new to it.
    pub fn settle(&mut self, from: u64, to: u64) -> (bool, u64) {
        let before = self.watermark.settled_bytes();
        let moved = self.watermark.settle(from, to);
        (moved, self.watermark.settled_bytes() - before)
    }

    /// Passes over `from..to`: what of it was not settled counts as passed over.
    pub fn pass(&mut self, from: u64, to: u64) {
        self.passed += self.settle(from, to).1;
    }

    /// The last run had passed over this many bytes.
    pub fn passed_before(&mut self, bytes: u64) {
        self.passed += bytes;
        self.given = self.given.saturating_sub(bytes);
    }

    /// Takes back `from..to`: it is read now. `known` bytes of it were passed over; the rest was settled
    /// by the last run, and comes into these books once more.
    pub fn take_back(&mut self, from: u64, to: u64, known: u64) {
        let before = self.watermark.settled_bytes();
        self.watermark.unsettle(from, to);
        let bytes = before - self.watermark.settled_bytes();
        let known = known.min(bytes).min(self.passed);
        self.passed -= known;
        self.given = self.given.saturating_sub(bytes - known);
    }

    /// So many bytes that were passed over leave these books: whoever loses them counts them.
    pub fn give_away(&mut self, bytes: u64) {
        self.passed = self.passed.saturating_sub(bytes);
        self.given += bytes;
    }

    /// So many bytes on their way will not be settled any more.
    pub fn lose(&mut self, bytes: u64) {
        self.lost += bytes;
    }

    /// Nothing behind `offset` will be read any more, be it for the first time or again: what of it
    /// is not settled is lost. Says how many bytes.
    pub fn cut_off(&mut self, offset: u64) -> u64 {
        let lost = self.seen_to - offset - self.watermark.settled_beyond(offset);
        self.lost += lost;
        self.read_to = self.seen_to;
        lost
    }

    /// It is shorter than it was seen to be, and nothing behind its end was read: that is not in these
    /// books any more. Says how many bytes.
    pub fn shorten(&mut self, len: u64) -> u64 {
        let shorter = self.seen_to.min(len.max(self.read_to));
        let bytes = self.seen_to - shorter;
        self.seen_to = shorter;
        bytes
    }

    /// Nothing behind `end` can be read again, and all that was is answered for. It leaves these books: says
    /// how many bytes, and how many of them were not settled.
    pub fn end_at(&mut self, end: u64) -> (u64, u64) {
        let seen = self.seen_to.saturating_sub(end);
        let lost = seen - self.watermark.settled_beyond(end).min(seen);
        self.watermark = self.watermark.up_to(end);
        (self.seen_to, self.read_to) = (self.seen_to.min(end), self.read_to.min(end));
        (seen, lost)
    }

    /// Nothing can be read behind `len`, though it was said to go on up to `said`; so whoever finds it
    /// again passes over that.
    pub fn ends_at(&mut self, len: u64, said: u64) {
        let end = said.max(len);
        (self.read_to, self.seen_to) = (end, end);
        self.given += end - len;
        self.watermark.settle(len, end);
    }

    #[must_use]
    pub fn is_begun(&self) -> bool {
        self.read_to > self.from
    }

    #[must_use]
    pub fn watermark(&self) -> &Watermark {
        &self.watermark
    }

    #[must_use]
    pub fn read_to(&self) -> u64 {
        self.read_to
    }

    #[must_use]
    pub fn seen_to(&self) -> u64 {
        self.seen_to
    }

    #[must_use]
    pub fn seen(&self) -> u64 {
        self.seen_to - self.given
    }

    #[must_use]
    pub fn unread(&self) -> u64 {
        self.seen_to - self.read_to + self.passed
    }

    /// Read, and not settled.
    #[must_use]
    pub fn unsettled(&self) -> u64 {
        self.read_to - self.watermark.settled_bytes() - self.lost
    }
}
