//! Sends packed requests: one at a time for each stream, several streams at once.
//!
//! The body is put into the SDK's request by an interceptor: the SDK keeps endpoints, credentials,
//! signing and error codes, and does not serialise events a second time (measured: twice the
//! throughput). All answers are read to the end; receipts settle with them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::{
    BehaviorVersion, Region, StalledStreamProtectionConfig, retry::RetryConfig,
    timeout::TimeoutConfig,
};
use aws_sdk_cloudwatchlogs::types::RejectedLogEventsInfo;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextMut;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use bytes::Bytes;
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;

use super::Config;
use super::body::{Events, Pool, Request};
use super::destination::Creator;
use super::retry::{self, Next};
use crate::clock::Clock;
use crate::record::receipt::Part;
use crate::telemetry::metrics::SinkMetrics;

/// How often one lasting failure is said again in the log.
const SAY_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// An SDK client for this destination, with the credentials of the environment: variables, profile,
/// web identity (IRSA), container (EKS Pod Identity), instance metadata.
pub async fn client(config: &Config) -> Client {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http);
    if let Some(region) = &config.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(endpoint) = &config.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    let shared = loader.load().await;
    let own = aws_sdk_cloudwatchlogs::config::Builder::from(&shared)
        // Retries are ours: they know what was sent, and never give up.
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(5))
                .operation_attempt_timeout(config.request_timeout)
                .build(),
        )
        .build();
    Client::from_conf(own)
}

/// Puts a finished body into the SDK's request, before it is signed.
#[derive(Debug)]
struct ReplaceBody(Bytes);

#[dyn_dispatch_hint]
impl Intercept for ReplaceBody {
    fn name(&self) -> &'static str {
        "ReplaceBody"
    }

    fn modify_before_retry_loop(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        let headers = request.headers_mut();
        headers.insert("content-length", self.0.len().to_string());
        *request.body_mut() = SdkBody::from(self.0.clone());
        Ok(())
    }
}

/// What sends for one destination.
pub struct Sender {
    shared: Arc<Shared>,
    requests_max: usize,
    streams: HashMap<Stream, Queue>,
    running: JoinSet<Stream>,
}

type Stream = (Arc<str>, Arc<str>);

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Request>,
    busy: bool,
}

struct Shared {
    client: Client,
    creator: Arc<Creator>,
    metrics: SinkMetrics,
    clock: Clock,
    /// No request starts before this moment: one back-off for the whole account and region.
    throttled_until: std::sync::Mutex<Duration>,
    /// When a failure was last said, by its code.
    said: std::sync::Mutex<HashMap<String, Duration>>,
}

impl Sender {
    #[must_use]
    pub fn new(client: Client, config: &Config, clock: Clock, metrics: SinkMetrics) -> Self {
        Self {
            shared: Arc::new(Shared {
                creator: Creator::new(client.clone(), clock, metrics.clone()),
                client,
                metrics,
                clock,
                throttled_until: std::sync::Mutex::default(),
                said: std::sync::Mutex::default(),
            }),
            requests_max: config.requests_max.max(1),
            streams: HashMap::new(),
            running: JoinSet::new(),
        }
    }

    /// Sends what comes until nothing more can come and all is answered. Dropped before that, it
    /// abandons what is unanswered. The queues are bounded by the budget that requests carry.
    pub async fn run(mut self, mut requests: Receiver<Request>) {
        let mut open = true;
        loop {
            self.start();
            if !open && self.running.is_empty() {
                return;
            }
            tokio::select! {
                request = requests.recv(), if open => match request {
                    Some(request) => {
                        let stream = (request.group.clone(), request.stream.clone());
                        self.streams.entry(stream).or_default().waiting.push_back(request);
                    }
                    None => open = false,
                },
                Some(done) = self.running.join_next() => {
                    // A task that panicked drops its parts: its records are read again.
                    if let Ok(stream) = done
                        && let Some(queue) = self.streams.get_mut(&stream)
                    {
                        queue.busy = false;
                        if queue.waiting.is_empty() {
                            self.streams.remove(&stream);
                        }
                    }
                }
            }
        }
    }

    /// Starts the first request of every stream that has none in flight: so a stream's requests
    /// arrive in the order in which they were packed.
    fn start(&mut self) {
        for (stream, queue) in &mut self.streams {
            if self.running.len() >= self.requests_max {
                return;
            }
            if !queue.busy
                && let Some(request) = queue.waiting.pop_front()
            {
                queue.busy = true;
                let (shared, stream) = (self.shared.clone(), stream.clone());
                self.running.spawn(async move {
                    shared.deliver(request).await;
                    stream
                });
            }
        }
    }
}

impl Shared {
    /// Sends one request until it is taken or refused for good, then settles it.
    async fn deliver(&self, request: Request) {
        let Request {
            group,
            stream,
            events,
            parts,
            permit,
            pool,
            flight,
        } = request;
        let mut pieces = vec![events];
        while let Some(piece) = pieces.pop() {
            if let Some((first, second)) = self.put(&group, &stream, piece, &pool).await {
                // Popped from the end: the first half goes first.
                pieces.push(second);
                pieces.push(first);
            }
        }
        // First, so that the lane, woken by what settles, finds the stream free.
        drop((flight, permit));
        parts.into_iter().for_each(Part::settle);
    }

    /// Sends one body until it is taken; gives its halves where something in it is refused.
    async fn put(
        &self,
        group: &str,
        stream: &str,
        mut events: Events,
        pool: &Pool,
    ) -> Option<(Events, Events)> {
        let body = Bytes::from(std::mem::take(&mut events.json));
        let mut tries = 0;
        let mut halves = None;
        loop {
            self.wait_for_throttle().await;
            let call = self.client.put_log_events();
            let call = call.log_group_name(group).log_stream_name(stream);
            let call = call.set_log_events(Some(Vec::new())).customize();
            let answer = call.interceptor(ReplaceBody(body.clone())).send().await;
            let failed = match answer {
                Ok(answer) => {
                    self.count("ok");
                    if let Some(rejected) = answer.rejected_log_events_info() {
                        self.rejected(group, stream, events.len(), rejected);
                    }
                    break;
                }
                Err(error) => retry::judge(&error),
            };
            self.count(&failed.code);
            tries += 1;
            match failed.next {
                Next::Create => {
                    if let Err(failed) = self.creator.make(group, stream).await {
                        self.say(group, "log group or stream cannot be created", &failed);
                        self.back_off(tries, failed.next).await;
                    }
                }
                Next::Split if events.len() > 1 => {
                    events.json = body.to_vec();
                    halves = Some(events.halves());
                    break;
                }
                Next::Split => {
                    self.refused(group, stream, &failed);
                    break;
                }
                next @ (Next::Retry { .. } | Next::Throttled) => {
                    if next == (Next::Retry { maybe_taken: true }) {
                        self.metrics.possible_repeats.inc();
                    }
                    self.say(
                        group,
                        "request to CloudWatch Logs failed, and is tried again",
                        &failed,
                    );
                    self.back_off(tries, next).await;
                }
            }
        }
        if let Ok(whole) = body.try_into_mut() {
            pool.give(whole.into());
        }
        halves
    }

    async fn wait_for_throttle(&self) {
        let until = self.throttled_until.lock().map_or(Duration::ZERO, |t| *t);
        let wait = until.saturating_sub(self.clock.now().mono);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    async fn back_off(&self, tries: u32, next: Next) {
        let wait = retry::backoff(tries, self.random());
        if next == Next::Throttled
            && let Ok(mut until) = self.throttled_until.lock()
        {
            *until = (*until).max(self.clock.now().mono + wait);
        }
        tokio::time::sleep(wait).await;
    }

    /// Spreads waits; nothing secret hangs on it.
    fn random(&self) -> u64 {
        use std::hash::{BuildHasher, RandomState};
        RandomState::new().hash_one(self.clock.now().wall)
    }

    fn count(&self, result: &str) {
        let label = vec![("result", result.to_owned())];
        self.metrics.requests.get_or_create(&label).inc();
    }

    fn count_rejected(&self, reason: &str, by: usize) {
        if by > 0 {
            let label = vec![("reason", reason.to_owned())];
            let counter = self.metrics.rejected_records.get_or_create_owned(&label);
            counter.inc_by(by as u64);
        }
    }

    /// The service took the request but not all of its events. Events are in order of time, so those
    /// too old are the first ones (end exclusive), those too new the last (start inclusive).
    fn rejected(&self, group: &str, stream: &str, events: usize, info: &RejectedLogEventsInfo) {
        let index = |i: Option<i32>| {
            i.and_then(|i| usize::try_from(i).ok())
                .map(|i| i.min(events))
        };
        let too_old = index(info.too_old_log_event_end_index()).unwrap_or(0);
        let expired = index(info.expired_log_event_end_index()).unwrap_or(0);
        let too_new = events - index(info.too_new_log_event_start_index()).unwrap_or(events);
        self.count_rejected("too_old", too_old);
        self.count_rejected("expired", expired.saturating_sub(too_old));
        self.count_rejected("too_new", too_new);
        tracing::warn!(
            group,
            stream,
            too_old,
            expired,
            too_new,
            "CloudWatch rejected events by their time"
        );
    }

    fn refused(&self, group: &str, stream: &str, failed: &retry::Failed) {
        self.count_rejected(&failed.code, 1);
        tracing::error!(
            group,
            stream,
            code = failed.code,
            cause = failed.message,
            "CloudWatch refuses a record for good"
        );
    }

    /// Says a failure when it is new, and once a minute while it lasts.
    fn say(&self, group: &str, what: &str, failed: &retry::Failed) {
        let now = self.clock.now().mono;
        let Ok(mut said) = self.said.lock() else {
            return;
        };
        let key = format!("{group} {}", failed.code);
        let due = said
            .get(&key)
            .is_none_or(|at| now.saturating_sub(*at) >= SAY_AGAIN_AFTER);
        if due {
            // As many as there are groups and codes; cleared when that is too many to be useful.
            if said.len() > 1000 {
                said.clear();
            }
            said.insert(key, now);
            tracing::warn!(group, code = failed.code, cause = failed.message, "{what}");
        }
    }
}
