//! What one unit has left in a file behind the place of reading: entries that were passed over while it
//! could not go on, and ranges that came back unsettled. It takes two places and two sums, however many
//! entries that is: the journal itself is the buffer.

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Behind {
    /// Ranges to be read again, ascending: at most what was on its way.
    again: Vec<(u64, u64)>,
    again_bytes: u64,
    /// Where the first entry begins that was passed over: all behind it were.
    passed_from: Option<u64>,
    entries: u64,
    passed_bytes: u64,
}

impl Behind {
    /// As the last run left it.
    #[must_use]
    pub fn left(from: u64, entries: u64, bytes: u64) -> Self {
        Self {
            passed_from: Some(from),
            entries,
            passed_bytes: bytes,
            ..Self::default()
        }
    }

    /// An entry was passed over.
    pub fn pass(&mut self, from: u64, to: u64) {
        self.passed_from.get_or_insert(from);
        self.entries += 1;
        self.passed_bytes += to - from;
    }

    /// A range came back unsettled.
    pub fn again(&mut self, from: u64, to: u64) {
        let at = self.again.partition_point(|(other, _)| *other < from);
        self.again.insert(at, (from, to));
        self.again_bytes += to - from;
    }

    /// Where the first entry begins that is to be read.
    #[must_use]
    pub fn start(&self) -> u64 {
        let again = self.again.first().map(|(from, _)| *from);
        let first = again.into_iter().chain(self.passed_from).min();
        first.unwrap_or(u64::MAX)
    }

    /// Whether an entry of its unit is to be read that begins here.
    #[must_use]
    pub fn takes(&self, from: u64) -> bool {
        let at = self.again.partition_point(|(other, _)| *other <= from);
        let again = at.checked_sub(1).map(|at| self.again[at]);
        self.is_passed(from) || again.is_some_and(|(_, to)| from < to)
    }

    /// Whether such an entry was passed over, and is not read once more.
    #[must_use]
    pub fn is_passed(&self, from: u64) -> bool {
        self.passed_from.is_some_and(|passed| passed <= from)
    }

    /// An entry was read that had been passed over. Says how many of its bytes were known of.
    pub fn took_passed(&mut self, bytes: u64) -> u64 {
        let known = bytes.min(self.passed_bytes);
        self.passed_bytes -= known;
        self.entries = self.entries.saturating_sub(1);
        known
    }

    /// An entry was read once more.
    pub fn took_again(&mut self, bytes: u64) {
        self.again_bytes = self.again_bytes.saturating_sub(bytes);
    }

    /// All that stands below `to` was read.
    pub fn came_to(&mut self, to: u64) {
        self.again.retain(|(_, end)| *end > to);
        self.passed_from = self.passed_from.map(|from| from.max(to));
    }

    /// Entries that were passed over, their bytes, and the bytes to be read again.
    #[must_use]
    pub fn sums(&self) -> (u64, u64, u64) {
        (self.entries, self.passed_bytes, self.again_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_back_is_read_again_and_what_stands_between_is_not() {
        let mut behind = Behind::default();
        behind.again(50, 60);
        behind.again(10, 20);
        behind.pass(80, 90);
        behind.pass(100, 110);
        assert_eq!(behind.start(), 10);
        let taken: Vec<u64> = (0..12)
            .map(|n| n * 10)
            .filter(|n| behind.takes(*n))
            .collect();
        assert_eq!(taken, [10, 50, 80, 90, 100, 110]);
        behind.took_again(10);
        behind.came_to(50);
        assert_eq!((behind.start(), behind.sums()), (50, (2, 20, 10)));
        behind.took_again(10);
        assert_eq!(behind.took_passed(10), 10);
        behind.came_to(90);
        assert_eq!((behind.start(), behind.sums()), (90, (1, 10, 0)));
    }
}
