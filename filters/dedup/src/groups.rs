//! Which records of a batch say the same. Each output of the container has groups of its own, whatever the
//! other writes in between; a group goes on while its next record comes soon enough.

use std::borrow::Cow;

/// Records that say the same.
pub(crate) struct Group<'a> {
    says: Cow<'a, [u8]>,
    pub(crate) first: usize,
    last: usize,
    pub(crate) count: usize,
    /// The last one's place among the records of its output.
    place: usize,
    /// The first one's time, nanoseconds.
    time: u64,
}

/// A record, as it is compared.
pub(crate) struct Seen<'a> {
    pub(crate) at: usize,
    pub(crate) says: Cow<'a, [u8]>,
    pub(crate) output: usize,
    pub(crate) time: u64,
}

pub(crate) struct Groups<'a> {
    between: usize,
    within_nanos: u64,
    all: Vec<Group<'a>>,
    /// For each record, its group.
    of: Vec<usize>,
    outputs: [Output; 2],
}

#[derive(Default)]
struct Output {
    /// Groups that may go on: at most one more than may stand between.
    open: Vec<usize>,
    records: usize,
    newest: u64,
}

impl<'a> Groups<'a> {
    pub(crate) fn new(between: usize, within_nanos: u64) -> Self {
        Self {
            between,
            within_nanos,
            all: Vec::new(),
            of: Vec::new(),
            outputs: Default::default(),
        }
    }

    pub(crate) fn take(&mut self, seen: Seen<'a>) {
        let output = &mut self.outputs[seen.output];
        let place = output.records;
        let (between, within, all) = (self.between, self.within_nanos, &mut self.all);
        output
            .open
            .retain(|&group| all[group].goes_on(place, seen.time, between, within));
        let mut open = output.open.iter();
        let group = open.find(|&&group| all[group].says == seen.says).copied();
        let group = group.unwrap_or_else(|| {
            output.open.push(all.len());
            all.push(Group {
                says: seen.says,
                first: seen.at,
                last: seen.at,
                count: 0,
                place,
                time: seen.time,
            });
            all.len() - 1
        });
        let joined = &mut all[group];
        joined.last = seen.at;
        joined.count += 1;
        joined.place = place;
        output.records += 1;
        output.newest = seen.time;
        self.of.push(group);
    }

    pub(crate) fn of(&self, at: usize) -> &Group<'a> {
        &self.all[self.of[at]]
    }

    /// The record from which on a batch is held: no group that may go on begins before it, and none that
    /// is complete reaches over it.
    pub(crate) fn open_from(&self, len: usize) -> usize {
        let mut from = len;
        for output in &self.outputs {
            let groups = output.open.iter().map(|&group| &self.all[group]);
            let open = groups.filter(|group| {
                group.goes_on(
                    output.records,
                    output.newest,
                    self.between,
                    self.within_nanos,
                )
            });
            from = open.map(|group| group.first).fold(from, usize::min);
        }
        // Groups are sorted by their first record, so what one pulls in lies before it.
        for group in self.all.iter().rev() {
            if group.first < from && group.last >= from {
                from = group.first;
            }
        }
        from
    }
}

impl Group<'_> {
    /// Whether a record at this place of its output, and of this time, may belong to it.
    fn goes_on(&self, place: usize, time: u64, between: usize, within_nanos: u64) -> bool {
        place - self.place - 1 <= between && time.abs_diff(self.time) <= within_nanos
    }
}
