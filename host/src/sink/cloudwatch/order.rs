//! Which requests of a stream may be on their way at once.
//!
//! Readers see a stream by millisecond, then by arrival. So two requests may overtake each other
//! unless both carry records of one container that arrival would put in order: where the later one
//! has a record of it that is not younger than all in the earlier one, it waits for the earlier
//! one's answer. A container's records all come through one lane, so its packer sees all there is.
//! No request is given up while the agent runs, so none of its records arrives behind later ones.

use std::collections::HashMap;

use tokio::sync::watch;

/// The times of a request's records, by the slot of their container: first and last millisecond.
#[derive(Debug, Default, Clone)]
pub struct Spans(HashMap<u32, (i64, i64)>);

impl Spans {
    pub fn add(&mut self, slot: u32, first_ms: i64, last_ms: i64) {
        let span = self.0.entry(slot).or_insert((first_ms, last_ms));
        *span = (span.0.min(first_ms), span.1.max(last_ms));
    }

    /// Whether a request with these spans may be on its way with an earlier one.
    fn may_overtake(&self, earlier: &Self) -> bool {
        let younger = |(slot, (first, _)): (&u32, &(i64, i64))| {
            earlier.0.get(slot).is_none_or(|(_, last)| last < first)
        };
        self.0.iter().all(younger)
    }
}

/// An earlier request's end, to be waited for.
#[derive(Debug, Clone)]
pub struct Landing(watch::Receiver<()>);

impl Landing {
    /// Returns when the request is answered or given up.
    pub async fn wait(mut self) {
        // Nothing is ever sent: the sender's end is the news.
        while self.0.changed().await.is_ok() {}
    }

    fn is_over(&self) -> bool {
        self.0.has_changed().is_err()
    }
}

/// What a request holds while it is on its way; dropping it tells that it is not any more.
#[derive(Debug)]
pub struct Departure {
    /// Requests that have to be answered before this one is sent.
    pub after: Vec<Landing>,
    _aloft: watch::Sender<()>,
}

impl Departure {
    /// Whether all that it waits for are answered.
    #[must_use]
    pub fn may_leave(&self) -> bool {
        self.after.iter().all(Landing::is_over)
    }
}

/// The requests of one stream that are on their way.
#[derive(Debug, Default)]
pub struct Flights(Vec<(Spans, Landing)>);

impl Flights {
    /// Whether any is on its way still.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.0.iter().any(|(_, landing)| !landing.is_over())
    }

    /// Lets one more go.
    pub fn depart(&mut self, spans: Spans) -> Departure {
        self.0.retain(|(_, landing)| !landing.is_over());
        let before = self.0.iter().filter(|(s, _)| !spans.may_overtake(s));
        let after = before.map(|(_, landing)| landing.clone()).collect();
        let (aloft, landing) = watch::channel(());
        self.0.push((spans, Landing(landing)));
        Departure {
            after,
            _aloft: aloft,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(of: &[(u32, i64, i64)]) -> Spans {
        let mut spans = Spans::default();
        of.iter().for_each(|(slot, a, b)| spans.add(*slot, *a, *b));
        spans
    }

    #[test]
    fn a_request_waits_only_for_those_that_its_records_must_not_overtake() {
        let mut flights = Flights::default();
        let first = flights.depart(spans(&[(1, 0, 10), (2, 0, 50)]));
        // Container 1 goes on after its tenth millisecond; container 3 is new.
        let second = flights.depart(spans(&[(1, 11, 20), (3, 0, 5)]));
        assert!(second.after.is_empty());
        // Container 2 has another record of its last millisecond.
        let third = flights.depart(spans(&[(2, 50, 60)]));
        assert_eq!(third.after.len(), 1);
        // The time of container 1 falls back behind both of its requests.
        let fourth = flights.depart(spans(&[(1, 5, 7)]));
        assert_eq!(fourth.after.len(), 2);
        drop((first, second, third, fourth));
        assert!(!flights.is_busy());
        assert!(flights.depart(spans(&[(1, 0, 0)])).after.is_empty());
    }

    #[tokio::test]
    async fn an_answer_lets_the_next_one_go() {
        let mut flights = Flights::default();
        let first = flights.depart(spans(&[(1, 0, 10)]));
        let mut second = flights.depart(spans(&[(1, 10, 20)]));
        let landing = second.after.pop().unwrap();
        drop(first);
        landing.wait().await;
        assert!(flights.is_busy());
    }
}
