//! What is remembered of each container: what it has left, and what its log does not say yet.
//! So many are remembered, and no more.

use std::collections::BTreeMap;

use crate::bucket::{Allowance, Buckets};

/// Containers that are remembered; of more, the one that has been silent for longest is forgotten.
const CONTAINERS_MAX: usize = 1024;
/// How long records are left out before the log says so, nanoseconds.
const TELL_AFTER: u64 = 1_000_000_000;

pub(crate) struct Containers {
    allowance: Allowance,
    by_name: BTreeMap<String, Container>,
}

pub(crate) struct Container {
    pub(crate) buckets: Buckets,
    /// Records that were left out and of which the log does not say so yet, and the first one's time.
    untold: Option<(u64, u64)>,
}

impl Containers {
    pub(crate) fn new(allowance: Allowance) -> Self {
        Self {
            allowance,
            by_name: BTreeMap::new(),
        }
    }

    /// What is remembered of a container; one that is new begins with a full burst.
    pub(crate) fn get(&mut self, name: String, now: u64) -> &mut Container {
        if self.by_name.len() >= CONTAINERS_MAX && !self.by_name.contains_key(&name) {
            let silent = self.by_name.iter().min_by_key(|(_, c)| c.buckets.seen());
            if let Some(silent) = silent.map(|(name, _)| name.clone()) {
                self.by_name.remove(&silent);
            }
        }
        let allowance = self.allowance;
        self.by_name.entry(name).or_insert_with(|| Container {
            buckets: Buckets::full(allowance, now),
            untold: None,
        })
    }
}

impl Container {
    pub(crate) fn leave_out(&mut self, time: u64) {
        let (records, since) = self.untold.unwrap_or((0, time));
        self.untold = Some((records + 1, since));
    }

    /// How many records the log is to be told of, if it is time to.
    pub(crate) fn told(&mut self, time: u64) -> Option<u64> {
        let due = self
            .untold
            .take_if(|(_, since)| time.abs_diff(*since) >= TELL_AFTER);
        due.map(|(records, _)| records)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;

    #[test]
    fn so_many_containers_are_remembered_and_the_silent_one_is_forgotten() {
        let mut containers = Containers::new(Allowance::of(&Settings::default()));
        for n in 0..CONTAINERS_MAX as u64 {
            containers.get(n.to_string(), 10 + n);
        }
        containers.get("0".into(), 0).buckets.take(1, 5_000);
        containers.get("new".into(), 6_000);
        assert_eq!(containers.by_name.len(), CONTAINERS_MAX);
        assert!(containers.by_name.contains_key("0") && !containers.by_name.contains_key("1"));
    }
}
