//! What the service says about a request that it took without some of its events.
//!
//! Events are in order of time, so those too old are the first ones, those past the group's
//! retention come next, and those too new are the last. The index of the first too new one is
//! inclusive; the other two point behind the last one (API reference, `RejectedLogEventsInfo`).

use std::ops::Range;

use aws_sdk_cloudwatchlogs::types::RejectedLogEventsInfo;

/// Events that were rejected, by their place in the request; no event is in two of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    pub too_old: Range<usize>,
    pub expired: Range<usize>,
    pub too_new: Range<usize>,
}

impl Rejected {
    /// `events`: how many the request had.
    #[must_use]
    pub fn of(info: &RejectedLogEventsInfo, events: usize) -> Self {
        let index = |index: Option<i32>, none: usize| {
            let index = index.map(|i| usize::try_from(i).unwrap_or(0));
            index.map_or(none, |i| i.min(events))
        };
        let too_old = index(info.too_old_log_event_end_index(), 0);
        let expired = index(info.expired_log_event_end_index(), 0).max(too_old);
        let too_new = index(info.too_new_log_event_start_index(), events).max(expired);
        Self {
            too_old: 0..too_old,
            expired: too_old..expired,
            too_new: too_new..events,
        }
    }

    /// With the reason that metrics name.
    #[must_use]
    pub fn by_reason(&self) -> [(&'static str, Range<usize>); 3] {
        [
            ("too_old", self.too_old.clone()),
            ("expired", self.expired.clone()),
            ("too_new", self.too_new.clone()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(old: Option<i32>, expired: Option<i32>, new: Option<i32>) -> Rejected {
        let info = RejectedLogEventsInfo::builder()
            .set_too_old_log_event_end_index(old)
            .set_expired_log_event_end_index(expired)
            .set_too_new_log_event_start_index(new);
        Rejected::of(&info.build(), 10)
    }

    fn ranges(rejected: &Rejected) -> [Range<usize>; 3] {
        rejected.by_reason().map(|(_, range)| range)
    }

    #[test]
    fn ends_are_exclusive_and_the_start_is_inclusive() {
        assert_eq!(ranges(&of(Some(3), None, Some(8))), [0..3, 3..3, 8..10]);
        assert_eq!(ranges(&of(None, Some(3), None)), [0..0, 0..3, 10..10]);
        assert_eq!(ranges(&of(Some(2), Some(5), Some(0))), [0..2, 2..5, 5..10]);
    }

    #[test]
    fn an_index_outside_the_request_takes_no_event_twice() {
        assert_eq!(
            ranges(&of(Some(99), Some(99), Some(99))),
            [0..10, 10..10, 10..10]
        );
        assert_eq!(ranges(&of(Some(-1), None, Some(-1))), [0..0, 0..0, 0..10]);
    }
}
