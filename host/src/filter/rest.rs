//! When a filter that fails time and again on a container's records is left alone with them.
//!
//! Five failed batches of one container in a row, and the filter rests for this container: 1 s, doubling
//! to 5 min, its policy applied meanwhile without a call. A batch failed if none of its records got
//! through, or if there was no time to find out: a single poisonous record in each batch is no reason to
//! hold back all the others. No other container meets the policy for it: none rests that did not fail so
//! often itself. Those that rest wait for each other as well, until any batch gets through: a filter that
//! fails on everything is tried for all of them together, and not for each.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use super::instance::Failure;
use crate::record::Container;

/// Failed batches in a row before a rest.
const FAILED_MAX: u32 = 5;
/// The first rest, and the longest.
const REST_MIN: Duration = Duration::from_secs(1);
const REST_MAX: Duration = Duration::from_secs(300);
/// Containers whose failures are remembered; of more, the one that may be tried first starts anew.
const CONTAINERS_MAX: usize = 1024;

/// One filter's failures in a row, in one lane.
#[derive(Debug, Default)]
pub struct Rest {
    /// By what tells containers apart, facts aside.
    rows: BTreeMap<u64, Row>,
    /// Over all containers.
    all: Row,
}

#[derive(Debug, Default)]
struct Row {
    failed: u32,
    until: Duration,
    /// The latest rest.
    wait: Duration,
    why: String,
}

impl Rest {
    /// The failure that stands for all of a container's batches while it rests for it.
    #[must_use]
    pub fn at(&self, now: Duration, container: &Container) -> Option<Failure> {
        if self.rows.is_empty() {
            return None;
        }
        let row = self.rows.get(&key(container))?;
        let rests = row.failed >= FAILED_MAX && now < row.until.max(self.all.until);
        rests.then(|| Failure::Rests {
            batches: row.failed,
            why: row.why.clone(),
        })
    }

    /// A batch got through.
    pub fn passed(&mut self, container: &Container) {
        if !self.rows.is_empty() {
            self.rows.remove(&key(container));
            self.all = Row::default();
        }
    }

    /// A batch failed. Says how long it rests for this container from now on, if it does.
    pub fn failed(
        &mut self,
        now: Duration,
        container: &Container,
        why: &Failure,
    ) -> Option<Duration> {
        let key = key(container);
        if self.rows.len() >= CONTAINERS_MAX && !self.rows.contains_key(&key) {
            let first = self.rows.iter().min_by_key(|(_, row)| row.until);
            if let Some(first) = first.map(|(key, _)| *key) {
                self.rows.remove(&first);
            }
        }
        if now >= self.all.until {
            self.all.failed(now, why);
        }
        self.rows.entry(key).or_default().failed(now, why)
    }
}

impl Row {
    fn failed(&mut self, now: Duration, why: &Failure) -> Option<Duration> {
        self.failed += 1;
        if self.failed < FAILED_MAX {
            return None;
        }
        self.wait = (self.wait * 2).clamp(REST_MIN, REST_MAX);
        self.until = now + self.wait;
        self.why = why.to_string();
        Some(self.wait)
    }
}

fn key(container: &Container) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&container.namespace, &container.pod, &container.pod_uid).hash(&mut hasher);
    container.name.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Facts;

    fn trap() -> Failure {
        Failure::Trap {
            cause: "unreachable".into(),
        }
    }

    fn container(pod: &str) -> Container {
        Container {
            namespace: "shop".into(),
            pod: pod.into(),
            pod_uid: pod.into(),
            name: "app".into(),
            facts: Facts::new(),
        }
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// All that it takes for a rest, at once.
    fn fails(rest: &mut Rest, now: Duration, container: &Container) -> Option<Duration> {
        let fails = (0..FAILED_MAX).map(|_| rest.failed(now, container, &trap()));
        fails.last().flatten()
    }

    #[test]
    fn after_five_failed_batches_in_a_row_a_filter_rests_for_longer_and_longer() {
        let mut rest = Rest::default();
        let a = container("a");
        let mut now = seconds(10);
        for _ in 1..FAILED_MAX {
            assert_eq!(rest.failed(now, &a, &trap()), None);
            assert!(rest.at(now, &a).is_none());
        }
        let mut rests = Vec::new();
        for _ in 0..12 {
            let wait = rest.failed(now, &a, &trap()).unwrap();
            assert!(rest.at(now, &a).is_some());
            now += wait;
            assert!(rest.at(now, &a).is_none(), "it is tried again");
            rests.push(wait.as_secs());
        }
        assert_eq!(rests, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        rest.passed(&a);
        assert_eq!(rest.failed(now, &a, &trap()), None, "it starts anew");
    }

    #[test]
    fn a_container_rests_for_its_own_failures_and_for_nobody_elses() {
        let mut rest = Rest::default();
        let (bad, other) = (container("bad"), container("other"));
        assert!(fails(&mut rest, seconds(1), &bad).is_some());
        for _ in 1..FAILED_MAX {
            rest.failed(seconds(1), &other, &trap());
            assert!(rest.at(seconds(1), &other).is_none());
        }
        rest.passed(&other);
        assert!(
            rest.at(seconds(1), &bad).is_some(),
            "nor does it end for them"
        );
    }

    #[test]
    fn a_filter_that_fails_on_everything_is_tried_for_all_containers_together() {
        let mut rest = Rest::default();
        let all = ["a", "b", "c"].map(container);
        for container in &all {
            fails(&mut rest, seconds(1), container);
        }
        let tried = |rest: &Rest, now| all.iter().filter(|c| rest.at(now, c).is_none()).count();
        assert_eq!(tried(&rest, seconds(2)), 3);
        rest.failed(seconds(2), &all[0], &trap());
        assert_eq!(tried(&rest, seconds(3)), 0, "one stands for all");
        assert_eq!(tried(&rest, seconds(4)), 3);
        rest.failed(seconds(4), &all[1], &trap());
        rest.passed(&container("new"));
        assert_eq!(
            tried(&rest, seconds(5)),
            2,
            "each for itself: it works for somebody"
        );
    }

    #[test]
    fn however_many_containers_fail_a_bounded_number_is_remembered() {
        let mut rest = Rest::default();
        for number in 0..CONTAINERS_MAX as u64 + 10 {
            fails(&mut rest, seconds(number), &container(&number.to_string()));
        }
        assert_eq!(rest.rows.len(), CONTAINERS_MAX);
        let now = seconds(CONTAINERS_MAX as u64 + 9);
        let newest = container(&now.as_secs().to_string());
        assert!(rest.at(now, &newest).is_some());
    }
}
