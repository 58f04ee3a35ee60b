//! Sends packed requests: as many at once as the account's pace and the order of records allow.
//!
//! Each request is a task of its own. It waits for those that it must not overtake, then for a slot,
//! and goes on until it is taken or refused for good: there is no retry limit that could lose it.
//! All answers are read to the end; receipts settle with them. Nothing waits in a slot for anything
//! but an answer, so a log group that is in trouble does not hold up the others.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_cloudwatchlogs::operation::put_log_events::PutLogEventsOutput;
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;

use super::body::{Body, Request, To};
use super::client::Connection;
use super::destination::Creator;
use super::direct::Answer;
use super::pace::{Account, Slot};
use super::rejected::Rejected;
use super::retry::{self, Failed, Next};
use super::wire::Encoded;
use crate::clock::Clock;
use crate::record::receipt::Part;
use crate::telemetry::metrics::{DestinationMetrics, SinkMetrics};

/// How often one lasting failure is said again in the log.
const SAY_AGAIN_AFTER: Duration = Duration::from_secs(60);
/// Failures whose last mention is remembered.
const SAID_MAX: usize = 1000;

/// What sends for one destination.
pub struct Sender {
    shared: Arc<Shared>,
    running: JoinSet<()>,
}

struct Shared {
    connection: Connection,
    account: Arc<Account>,
    creator: Creator,
    metrics: SinkMetrics,
    destination: DestinationMetrics,
    clock: Clock,
    /// When a failure was last said, by its code.
    said: std::sync::Mutex<HashMap<String, Duration>>,
}

impl Sender {
    #[must_use]
    pub fn new(
        connection: Connection,
        account: Arc<Account>,
        clock: Clock,
        metrics: SinkMetrics,
        destination: DestinationMetrics,
    ) -> Self {
        let creator = Creator::new(&connection, account.clone(), metrics.clone());
        Self {
            shared: Arc::new(Shared {
                connection,
                account,
                creator,
                metrics,
                destination,
                clock,
                said: std::sync::Mutex::default(),
            }),
            running: JoinSet::new(),
        }
    }

    /// Sends what comes until nothing more can come and all is answered. Dropped before that, it
    /// abandons what is unanswered. What waits here is bounded by the budget that requests carry.
    pub async fn run(mut self, mut requests: Receiver<Request>) {
        let mut open = true;
        while open || !self.running.is_empty() {
            tokio::select! {
                request = requests.recv(), if open => match request {
                    Some(request) => {
                        let shared = self.shared.clone();
                        self.running.spawn(async move { shared.deliver(request).await });
                    }
                    None => open = false,
                },
                // Ended ones are forgotten; each has settled its own parts.
                Some(_) = self.running.join_next() => {}
            }
        }
    }
}

impl Shared {
    /// Sends one request until it is taken or refused for good, then settles it.
    async fn deliver(&self, mut request: Request) {
        for landing in std::mem::take(&mut request.departure.after) {
            landing.wait().await;
        }
        let Request {
            to,
            body,
            mut parts,
            permit,
            departure,
        } = request;
        let mut slot = Some(self.account.slot(&to.group).await);
        let mut bodies = vec![body];
        while let Some(body) = bodies.pop() {
            if let Some((first, second)) = self.put(&to, body, &mut slot, &mut parts).await {
                // Popped from the end: the first half goes first.
                bodies.push(second);
                bodies.push(first);
            }
        }
        // First, so that the lane, woken by what settles, finds the stream free.
        drop((departure, permit));
        parts.into_iter().for_each(Part::settle);
    }

    /// Sends one body until it is taken; gives its halves where something in it is refused.
    async fn put<'a>(
        &'a self,
        to: &To,
        mut body: Body,
        slot: &mut Option<Slot<'a>>,
        parts: &mut [Part],
    ) -> Option<(Body, Body)> {
        let mut sent = self.connection.wire.encode(&body);
        let mut tries = 0;
        loop {
            let slot = match slot.take() {
                Some(slot) => slot,
                None => self.account.slot(&to.group).await,
            };
            // On the heap, and only from here on: a call is kilobytes, and a request that waits for its
            // slot is one of thousands.
            let failed = match Box::pin(self.call(&sent)).await {
                Ok(answer) => {
                    slot.taken();
                    self.count("ok");
                    self.destination.failures.taken(&to.group);
                    self.taken(&body);
                    self.show_pace();
                    self.read(to, &body, &answer, parts);
                    return None;
                }
                Err(error) => retry::judge(&error),
            };
            self.count(&failed.code);
            tries += 1;
            match failed.next {
                Next::Taken => {
                    slot.taken();
                    self.destination.failures.taken(&to.group);
                    return None;
                }
                Next::Split => {
                    drop(slot);
                    if body.len() > 1 {
                        return Some(body.halves());
                    }
                    self.refused(to, &body, &failed, parts);
                    return None;
                }
                Next::WithoutEntity if body.forget_entity(to) => {
                    drop(slot);
                    sent = self.connection.wire.encode(&body);
                    self.entity_refused(to, &failed.code, failed.message);
                }
                _ => Box::pin(self.recover(to, &failed, slot, tries)).await,
            }
        }
    }

    async fn call(&self, sent: &Encoded) -> Answer {
        let began = self.clock.now().mono;
        self.destination.in_flight.inc();
        let answer = self.connection.direct.put(sent).await;
        self.destination.in_flight.dec();
        let took = self.clock.now().mono.saturating_sub(began);
        self.destination.answered(took.as_secs_f64());
        answer
    }

    fn taken(&self, body: &Body) {
        let (records, billed) = (body.len() as u64, body.counted() as u64);
        self.destination.taken(body.fill(), records, billed);
    }

    /// Shows how the account's pace stands after an answer.
    fn show_pace(&self) {
        let limit = i64::try_from(self.account.limit()).unwrap_or(i64::MAX);
        self.destination.at_once.set(limit);
        let throttled = !self.account.throttled_for().is_zero();
        self.destination.throttled.set(i64::from(throttled));
    }

    /// Does what a failure asks for, so that the request can be sent again.
    async fn recover(&self, to: &To, failed: &Failed, slot: Slot<'_>, tries: u32) {
        if failed.next != Next::Create {
            self.note(to, failed);
        }
        let asked = slot.began();
        let mut waits_with_all = false;
        match failed.next {
            Next::Throttled => waits_with_all = slot.throttled(),
            Next::Retry { .. } => slot.set_back(),
            _ => drop(slot),
        }
        self.show_pace();
        match failed.next {
            Next::Create => match self.creator.make(to, failed, asked).await {
                // Once more at once; a stream that is made and missing again needs time.
                Ok(()) if tries == 1 => return,
                Ok(()) => {}
                Err(failed) => {
                    self.note(to, &failed);
                    self.say(to, "log group or stream cannot be created", &failed);
                }
            },
            next => {
                if next == (Next::Retry { maybe_taken: true }) {
                    self.metrics.possible_repeats.inc();
                }
                match next {
                    Next::Credentials => self.connection.credentials.renew(asked),
                    Next::Denied => self.connection.credentials.renew_now_and_then(),
                    _ => {}
                }
                let what = "request to CloudWatch Logs failed, and is tried again";
                self.say(to, what, failed);
                // The account's own back-off is waited for with the next slot.
                if waits_with_all {
                    return;
                }
            }
        }
        let wait = retry::backoff(tries, retry::random(self.clock.now().wall));
        tokio::time::sleep(wait).await;
    }

    /// Keeps for the status why a group's records do not arrive.
    fn note(&self, to: &To, failed: &Failed) {
        let why = || format!("{}: {}", failed.code, failed.message);
        self.destination.failures.failed(&to.group, why);
    }

    fn count(&self, result: &str) {
        let label = vec![("result", result.to_owned())];
        self.metrics.requests.get_or_create(&label).inc();
    }

    /// Reads what the service says about a request that it took.
    fn read(&self, to: &To, body: &Body, answer: &PutLogEventsOutput, parts: &mut [Part]) {
        if let Some(info) = answer.rejected_log_events_info() {
            let rejected = Rejected::of(info, body.len());
            for (reason, events) in rejected.by_reason() {
                self.reject(reason, body, events, parts);
            }
            let failed = Failed::told("rejected", format!("{rejected:?}"));
            self.say(to, "CloudWatch rejected events by their time", &failed);
        }
        if let Some(info) = answer.rejected_entity_info() {
            let told = "the events were taken without it".to_owned();
            self.entity_refused(to, info.error_type().as_str(), told);
        }
    }

    fn entity_refused(&self, to: &To, reason: &str, told: String) {
        let label = vec![("reason", reason.to_owned())];
        self.metrics.rejected_entities.get_or_create(&label).inc();
        let failed = Failed::told(reason, told);
        self.say(to, "CloudWatch rejected the entity of a request", &failed);
    }

    fn reject(&self, reason: &str, body: &Body, events: Range<usize>, parts: &mut [Part]) {
        if !events.is_empty() {
            let label = vec![("reason", reason.to_owned())];
            let counter = self.metrics.rejected_records.get_or_create_owned(&label);
            counter.inc_by(events.len() as u64);
            body.reject(events, parts);
        }
    }

    fn refused(&self, to: &To, body: &Body, failed: &Failed, parts: &mut [Part]) {
        self.reject(&failed.code, body, 0..body.len(), parts);
        self.say(to, "CloudWatch refuses a record for good", failed);
    }

    /// Says a failure when it is new, and once a minute while it lasts.
    fn say(&self, to: &To, what: &str, failed: &Failed) {
        let now = self.clock.now().mono;
        let Ok(mut said) = self.said.lock() else {
            return;
        };
        let key = format!("{} {}", to.group, failed.code);
        let due = said
            .get(&key)
            .is_none_or(|at| now.saturating_sub(*at) >= SAY_AGAIN_AFTER);
        if due {
            // As many as there are groups and codes; cleared when that is too many to be useful.
            if said.len() >= SAID_MAX {
                said.clear();
            }
            said.insert(key, now);
            let (group, stream) = (&*to.group, &*to.stream);
            tracing::warn!(
                group,
                stream,
                code = failed.code,
                cause = failed.message,
                "{what}"
            );
        }
    }
}
