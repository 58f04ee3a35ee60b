//! CloudWatch and what sends to it, in virtual time: requests of a stream overtake each other wherever
//! they may, and each is tried until it is answered. On bad days it throttles, is slow, loses answers,
//! refuses events, or a request is given up on the way.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use fastrand::Rng;
use logsieve::record::receipt::Part;
use logsieve::sink::cloudwatch::body::Request;

use crate::books::{Books, Broken};
use crate::faults::Kind;
use crate::journald::UNITS;

/// How long a request waits before it is tried again.
const AGAIN_AFTER: Duration = Duration::from_millis(300);

/// How a try ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Taken,
    /// Taken, the first event refused.
    Refused,
    /// Taken, and nobody hears of it.
    Lost,
    Throttled,
    /// Given up on the way: neither taken nor tried again.
    Abandoned,
}

struct Flying {
    stream: String,
    request: Request,
    lands: Duration,
    answer: Answer,
}

/// A stream's requests, and when the next ones may go.
#[derive(Default)]
struct Queue {
    waiting: Vec<Request>,
    not_before: Duration,
}

pub struct Service {
    rng: Rng,
    queues: BTreeMap<String, Queue>,
    flying: Vec<Flying>,
    /// Which bad days end when.
    bad: Vec<(Kind, Duration)>,
}

impl Service {
    pub fn new(rng: Rng) -> Self {
        Self {
            rng,
            queues: BTreeMap::new(),
            flying: Vec::new(),
            bad: Vec::new(),
        }
    }

    pub fn has_bad_day(&mut self, kind: Kind, until: Duration) {
        self.bad.push((kind, until));
    }

    pub fn put(&mut self, request: Request) {
        let queue = self
            .queues
            .entry(request.to.stream.to_string())
            .or_default();
        queue.waiting.push(request);
    }

    /// The agent is killed: what is on its way may still arrive, and nobody hears of it.
    pub fn is_cut_off(&mut self, books: &mut Books, log: &mut String) -> Result<(), Broken> {
        self.queues.clear();
        for flying in std::mem::take(&mut self.flying) {
            if self.rng.bool() {
                take(&flying, false, books, log)?;
            }
        }
        Ok(())
    }

    /// Lands what is due, and lets the next ones fly.
    pub fn tick(
        &mut self,
        now: Duration,
        books: &mut Books,
        log: &mut String,
    ) -> Result<(), Broken> {
        self.bad.retain(|(_, until)| *until > now);
        let landed: Vec<Flying> = self.flying.extract_if(.., |f| f.lands <= now).collect();
        for flying in landed {
            self.land(flying, now, books, log)?;
        }
        let mut ready = Vec::new();
        for (stream, queue) in &mut self.queues {
            if queue.not_before <= now {
                let free = queue.waiting.extract_if(.., |r| r.departure.may_leave());
                ready.extend(free.map(|request| (stream.clone(), request)));
            }
        }
        for (stream, request) in ready {
            let (answer, takes) = self.fate(&stream);
            let lands = now + takes;
            self.flying.push(Flying {
                stream,
                request,
                lands,
                answer,
            });
        }
        Ok(())
    }

    fn fate(&mut self, stream: &str) -> (Answer, Duration) {
        let mut takes = Duration::from_millis(self.rng.u64(5..200));
        let mut answer = Answer::Taken;
        for (kind, _) in &self.bad {
            match kind {
                Kind::Slow => takes = Duration::from_millis(self.rng.u64(500..5000)),
                Kind::Throttle => answer = Answer::Throttled,
                Kind::Stall(unit) if UNITS[*unit] == stream => answer = Answer::Throttled,
                Kind::LoseAnswers => answer = Answer::Lost,
                Kind::Abandon if self.rng.bool() => answer = Answer::Abandoned,
                Kind::Reject if self.rng.bool() => answer = Answer::Refused,
                _ => {}
            }
        }
        (answer, takes)
    }

    fn land(
        &mut self,
        flying: Flying,
        now: Duration,
        books: &mut Books,
        log: &mut String,
    ) -> Result<(), Broken> {
        let queue = self.queues.entry(flying.stream.clone()).or_default();
        match flying.answer {
            Answer::Taken | Answer::Refused => {
                take(&flying, true, books, log)?;
                let Request {
                    parts,
                    permit,
                    departure,
                    ..
                } = flying.request;
                // In the sender's order: the stream is free before the lane wakes.
                drop((departure, permit));
                parts.into_iter().for_each(Part::settle);
            }
            Answer::Lost => {
                take(&flying, false, books, log)?;
                books.excuse(&flying.stream, false);
                queue.not_before = now + AGAIN_AFTER;
                queue.waiting.push(flying.request);
            }
            Answer::Throttled => {
                queue.not_before = now + AGAIN_AFTER;
                queue.waiting.push(flying.request);
            }
            Answer::Abandoned => {
                let _ = writeln!(log, "abandoned: a request to {}", flying.stream);
                books.excuse(&flying.stream, true);
            }
        }
        Ok(())
    }
}

/// What PutLogEvents carries.
#[derive(serde::Deserialize)]
pub struct Body {
    #[serde(rename = "logEvents")]
    pub events: Vec<Event>,
}

#[derive(Debug, PartialEq, Eq, serde::Deserialize)]
pub struct Event {
    pub timestamp: i64,
    pub message: String,
}

/// The service has the events. `heard`: the agent is told.
fn take(flying: &Flying, heard: bool, books: &mut Books, log: &mut String) -> Result<(), Broken> {
    let body: Body = serde_json::from_slice(&flying.request.body.json())
        .map_err(|error| Broken::new("a body is JSON", error.to_string()))?;
    let word =
        |event: Option<&Event>| event.map(|e| e.message.chars().take(40).collect::<String>());
    let _ = writeln!(
        log,
        "{:?}: {} has {} events, `{}` to `{}`, {:?}",
        flying.lands,
        flying.stream,
        body.events.len(),
        word(body.events.first()).unwrap_or_default(),
        word(body.events.last()).unwrap_or_default(),
        flying.answer
    );
    for (at, event) in body.events.iter().enumerate() {
        let refused = at == 0 && flying.answer == Answer::Refused;
        let event = (event.timestamp, event.message.as_str());
        books.came(&flying.stream, event, refused, heard)?;
    }
    Ok(())
}
