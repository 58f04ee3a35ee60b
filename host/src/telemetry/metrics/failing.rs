//! Why a destination takes nothing for some of its log groups: what failed last, until something is taken.
//! Requests are hundreds a second at most, so a lock for each that is answered costs nothing.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use prometheus_client::metrics::gauge::Gauge;

use super::Raised;
use crate::record::status::Failing;

/// Log groups that are remembered; what more there are is told by the log.
const GROUPS_MAX: usize = 100;
/// Bytes of a reason that are kept.
const WHY_BYTES_MAX: usize = 512;

/// The failing log groups of whatever sends to one destination; the gauge counts them as long as that lives,
/// since what is no more may share it with what took its name.
#[derive(Debug, Default)]
pub struct Failures {
    by_group: Mutex<BTreeMap<String, Failed>>,
    count: Gauge<i64>,
}

#[derive(Debug)]
struct Failed {
    why: String,
    _counted: Raised,
}

impl Failures {
    #[must_use]
    pub fn new(count: Gauge<i64>) -> Self {
        Self {
            by_group: Mutex::default(),
            count,
        }
    }

    /// A request for this group failed, and is tried again.
    pub fn failed(&self, group: &str, why: impl FnOnce() -> String) {
        let mut all = self.by_group.lock().unwrap_or_else(PoisonError::into_inner);
        if all.contains_key(group) || all.len() < GROUPS_MAX {
            let mut why = why();
            why.truncate(why.floor_char_boundary(WHY_BYTES_MAX));
            let _counted = Raised::new(&self.count);
            all.insert(group.to_owned(), Failed { why, _counted });
        }
    }

    /// A request for this group was taken.
    pub fn taken(&self, group: &str) {
        let mut all = self.by_group.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(group);
    }

    #[must_use]
    pub fn all(&self) -> Vec<Failing> {
        let all = self.by_group.lock().unwrap_or_else(PoisonError::into_inner);
        let failing = all.iter().map(|(group, failed)| Failing {
            log_group: group.clone(),
            why: failed.why.clone(),
        });
        failing.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_fails_until_something_is_taken_for_it() {
        let failures = Failures::default();
        failures.failed("a", || "AccessDenied".into());
        failures.failed("b", || "Timeout".into());
        failures.failed("a", || "Timeout".into());
        failures.taken("b");
        failures.taken("c");
        let failing = failures.all();
        assert_eq!(failing.len(), 1);
        assert_eq!((&*failing[0].log_group, &*failing[0].why), ("a", "Timeout"));
        assert_eq!(failures.count.get(), 1);
    }

    /// A corrected destination has the same name, and the wrong one fails until it ends.
    #[test]
    fn what_sends_no_more_has_no_failing_group() {
        let count = Gauge::default();
        let (former, present) = (Failures::new(count.clone()), Failures::new(count.clone()));
        former.failed("a", || "AccessDenied".into());
        present.failed("a", || "Timeout".into());
        assert_eq!(count.get(), 2);
        drop(former);
        assert_eq!(count.get(), 1);
        present.taken("a");
        assert_eq!(count.get(), 0);
    }

    #[test]
    fn a_bounded_number_of_groups_is_remembered() {
        let failures = Failures::default();
        for group in 0..GROUPS_MAX + 10 {
            failures.failed(&group.to_string(), || "x".repeat(WHY_BYTES_MAX + 1));
        }
        let failing = failures.all();
        assert_eq!(failing.len(), GROUPS_MAX);
        assert!(failing.iter().all(|f| f.why.len() == WHY_BYTES_MAX));
    }
}
