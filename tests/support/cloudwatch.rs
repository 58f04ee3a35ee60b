//! A strict CloudWatch Logs for tests and the demo.
//!
//! It speaks the service's wire format, checks signatures by computing them again, and enforces
//! every documented limit to the byte; it has bad days by script. No emulator does all that, and
//! one that lets a wrong request pass proves nothing. What it cannot prove is that our reading of
//! the documents is right: for that the tests also run against moto, which others wrote.
//!
//! The service runs on a thread of its own until it is dropped, and is inspected in-process;
//! the binary `fake-cloudwatch` is the same thing behind two URLs.

mod answer;
mod connection;
mod error;
pub mod limits;
mod names;
mod operations;
pub mod put;
mod requests;
mod script;
mod service;
mod signature;
mod store;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use tokio::sync::oneshot;

pub use error::AwsError;
pub use requests::RequestSummary;
pub use script::{Fault, Rule, StatusBody};
pub use signature::Credentials;
pub use store::{Event, LogGroup};

use crate::wait;

/// Most connections that are open at once; more wait to be accepted.
const CONNECTIONS_MAX: usize = 1024;

/// How the service is set up.
#[derive(Debug, Clone)]
pub struct Options {
    pub listen: SocketAddr,
    /// The region that requests must be signed for; none to take unsigned requests.
    pub region: Option<String>,
    pub credentials: Vec<Credentials>,
    pub script: Vec<Rule>,
    /// How far the service's clock is ahead of this machine's, milliseconds; negative for behind.
    pub clock_ahead_ms: i64,
}

impl Default for Options {
    /// A free port, region `eu-central-1`, and the key pair `AKIATEST`, `secret`.
    fn default() -> Self {
        Options {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            region: Some("eu-central-1".to_owned()),
            credentials: vec![Credentials::new("AKIATEST", "secret")],
            script: Vec::new(),
            clock_ahead_ms: 0,
        }
    }
}

/// A running service. Dropping it ends it, and resets what is open.
pub struct FakeCloudWatch {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl FakeCloudWatch {
    /// Starts with the default options.
    ///
    /// # Panics
    /// When no port can be had.
    pub fn start() -> Self {
        Self::start_with(Options::default()).expect("a port on the loopback interface")
    }

    /// Starts a service.
    pub fn start_with(options: Options) -> anyhow::Result<Self> {
        let listener = std::net::TcpListener::bind(options.listen)
            .with_context(|| format!("cannot listen on {}", options.listen))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let shared = Arc::new(Shared::new(options));
        let (stop, stopped) = oneshot::channel();
        let of_thread = shared.clone();
        let thread = std::thread::Builder::new().name("fake-cloudwatch".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    result = accept(listener, of_thread) => result.expect("connections can be accepted"),
                    _ = stopped => {}
                }
            });
        })?;
        Ok(FakeCloudWatch {
            address,
            shared,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Where it listens, as an endpoint for the SDK.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every stored event, in order of arrival.
    pub fn events(&self) -> Vec<Event> {
        self.shared.state().store.events().to_vec()
    }

    /// How many events are stored.
    pub fn event_count(&self) -> usize {
        self.shared.state().store.events().len()
    }

    /// The events of a log stream in the order of GetLogEvents: by millisecond, then by arrival.
    pub fn read(&self, log_group: &str, log_stream: &str) -> Vec<Event> {
        self.shared.state().store.read(log_group, log_stream)
    }

    /// How many log events a stream has.
    pub fn stream_len(&self, log_group: &str, log_stream: &str) -> usize {
        self.shared.state().store.stream_len(log_group, log_stream)
    }

    /// The log streams that exist, as (log group, log stream).
    pub fn stream_names(&self) -> Vec<(String, String)> {
        self.shared.state().store.stream_names()
    }

    /// A log group, where it exists.
    pub fn log_group(&self, name: &str) -> Option<LogGroup> {
        self.shared.state().store.group(name).ok().cloned()
    }

    /// Makes a log stream, and its group where that is missing, without a request.
    pub fn create_stream(&self, log_group: &str, log_stream: &str) {
        let store = &mut self.shared.state().store;
        // What exists already may as well stay.
        store
            .create_group(log_group.to_owned(), LogGroup::default())
            .ok();
        store.create_stream(log_group, log_stream.to_owned()).ok();
    }

    /// What is known of each request, in order of arrival.
    pub fn requests(&self) -> Vec<RequestSummary> {
        self.shared.state().requests.clone()
    }

    /// What is known of the requests for one operation.
    pub fn requests_for(&self, operation: &str) -> Vec<RequestSummary> {
        let mut requests = self.requests();
        requests.retain(|request| request.operation == operation);
        requests
    }

    /// Plays another script from now on; an empty one heals every fault.
    pub fn set_script(&self, rules: Vec<Rule>) {
        let mut state = self.shared.state();
        state.script = script::Script::new(rules);
        state.script_began = Instant::now();
    }

    /// Every event that came more than once though all answers to the requests that brought it
    /// before the last time could be read: none of them has an excuse.
    pub fn unexcused_repeats(&self) -> Vec<Event> {
        let state = self.shared.state();
        let excused = |event: &&Event| {
            let request = &state.requests[event.request as usize];
            let fault = request.fault.as_deref();
            fault.is_some_and(Fault::loses_answer)
        };
        let mut last = std::collections::HashMap::new();
        for event in state.store.events() {
            let key = (&event.group, &event.stream, event.timestamp, &event.message);
            last.insert(key, event.order);
        }
        let repeated = state.store.events().iter().filter(|event| {
            let key = (&event.group, &event.stream, event.timestamp, &event.message);
            last.get(&key) != Some(&event.order)
        });
        repeated.filter(|event| !excused(event)).cloned().collect()
    }

    /// Sets the service's clock ahead of this machine's; negative for behind.
    pub fn set_clock_ahead_ms(&self, ms: i64) {
        self.shared.clock_ahead_ms.store(ms, Ordering::SeqCst);
    }

    /// Knows other credentials from now on.
    pub fn set_credentials(&self, credentials: Vec<Credentials>) {
        self.shared.state().credentials = credentials;
    }

    /// Waits until so many events are stored.
    ///
    /// # Panics
    /// When they do not come within [`wait::PATIENCE`].
    pub fn wait_for_events(&self, count: usize) {
        let arrived = wait::holds_within(wait::PATIENCE, || self.event_count() >= count);
        assert!(
            arrived,
            "waited in vain for {count} events: {} came",
            self.event_count()
        );
    }
}

impl Drop for FakeCloudWatch {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).ok();
        }
        if let Some(thread) = self.thread.take() {
            // A panic of the service's thread has been printed; a second one here would abort.
            thread.join().ok();
        }
    }
}

async fn accept(listener: std::net::TcpListener, shared: Arc<Shared>) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let slots = Arc::new(tokio::sync::Semaphore::new(CONNECTIONS_MAX));
    for number in 0.. {
        let slot = slots
            .clone()
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let shared = shared.clone();
        tokio::spawn(async move {
            connection::serve(stream, number, shared).await;
            drop(slot);
        });
    }
    Ok(())
}

/// What the service's thread and the test share.
struct Shared {
    region: Option<String>,
    clock_ahead_ms: AtomicI64,
    began: Instant,
    state: Mutex<State>,
}

/// What changes.
struct State {
    store: store::Store,
    requests: Vec<RequestSummary>,
    credentials: Vec<Credentials>,
    script: script::Script,
    script_began: Instant,
}

impl State {
    fn early_fault(&mut self, operation: &str) -> Option<Fault> {
        self.script.early(operation, self.script_began.elapsed())
    }

    fn late_fault(&mut self, operation: &str, about: &script::About<'_>) -> Option<Fault> {
        self.script
            .late(operation, about, self.script_began.elapsed())
    }
}

impl Shared {
    fn new(options: Options) -> Self {
        let began = Instant::now();
        let state = State {
            store: store::Store::default(),
            requests: Vec::new(),
            credentials: options.credentials,
            script: script::Script::new(options.script),
            script_began: began,
        };
        let (region, clock_ahead_ms) = (options.region, options.clock_ahead_ms.into());
        Shared {
            region,
            clock_ahead_ms,
            began,
            state: Mutex::new(state),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no operation panics")
    }

    /// The service's time, milliseconds since the Unix epoch.
    fn now_ms(&self) -> i64 {
        let here = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("it is after 1970");
        here.as_millis() as i64 + self.clock_ahead_ms.load(Ordering::SeqCst)
    }

    /// The service's time.
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.now_ms().max(0) as u64)
    }

    fn elapsed_us(&self) -> u64 {
        self.began.elapsed().as_micros() as u64
    }

    /// Opens the books on a request, and gives its number.
    fn begin(&self, connection: u64, operation: &str) -> u64 {
        let began_us = self.elapsed_us();
        let mut state = self.state();
        let number = state.requests.len() as u64;
        state.requests.push(RequestSummary::begun(
            number, connection, operation, began_us,
        ));
        number
    }

    fn update(&self, number: u64, change: impl FnOnce(&mut RequestSummary)) {
        change(&mut self.state().requests[number as usize]);
    }
}
