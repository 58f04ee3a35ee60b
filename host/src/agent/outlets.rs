//! Where requests go: an outlet for each destination, with whatever sends behind it.
//!
//! Each has a number that is never used again, so that a request packed before the configuration
//! changed finds the outlet that it was packed for. One that finds no outlet is dropped, and its
//! records are read again. So is what an outlet that the configuration has left behind could not send
//! soon: a destination that was corrected may have been one that takes nothing.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Notify;

use crate::clock::Clock;
use crate::record::Budget;
use crate::sink::cloudwatch::body;
use crate::sink::cloudwatch::client::Connection;
use crate::sink::cloudwatch::cost::estimate;
use crate::sink::cloudwatch::pace::Accounts;
use crate::sink::cloudwatch::send::Sender as CloudwatchSender;
use crate::sink::{self, Request, stdout};
use crate::telemetry::metrics::Metrics;

/// Runs of lines that may wait for standard output.
const STDOUT_RUNS_MAX: usize = 64;
/// How long a destination that is no more goes on with what it has.
const LEFT_FOR: Duration = Duration::from_secs(30);
/// The least memory that a request counts in the budget.
const REQUEST_BYTES_MIN: usize = 4 * 1024;

/// Requests that the budget can ever have on their way: a queue of that size is never full.
fn requests_max(budget: &Budget) -> usize {
    budget.limit() / REQUEST_BYTES_MIN + 1024
}

/// Where a destination's requests go.
#[derive(Clone)]
enum Outlet {
    Cloudwatch {
        to: tokio::sync::mpsc::Sender<body::Request>,
        left: Arc<Notify>,
    },
    Stdout(SyncSender<stdout::Lines>),
    Null,
}

/// All that are open.
pub struct Outlets {
    pub clock: Clock,
    pub budget: Arc<Budget>,
    pub metrics: Arc<Metrics>,
    /// What all destinations of an account share, before and after a change.
    accounts: Mutex<Accounts>,
    open: RwLock<HashMap<usize, Outlet>>,
    next: AtomicUsize,
    pub failure: Failure,
}

/// What keeps an outlet from ever working again in this run, if something does.
#[derive(Clone, Default)]
pub struct Failure {
    error: Arc<Mutex<Option<io::Error>>>,
    told: Arc<Notify>,
}

impl Failure {
    fn is(&self, error: io::Error) {
        let mut first = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(error);
        self.told.notify_one();
    }

    /// Waits until there is one.
    pub async fn told(&self) {
        self.told.notified().await;
    }

    /// The first that there was.
    #[must_use]
    pub fn take(&self) -> Option<io::Error> {
        let mut first = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        first.take()
    }
}

/// Ends a while after it is told to.
async fn too_long_after(left: &Notify) {
    left.notified().await;
    tokio::time::sleep(LEFT_FOR).await;
}

impl Outlets {
    #[must_use]
    pub fn new(clock: Clock, budget: Arc<Budget>, metrics: Arc<Metrics>) -> Self {
        Self {
            clock,
            budget,
            metrics,
            accounts: Mutex::default(),
            open: RwLock::default(),
            next: AtomicUsize::new(0),
            failure: Failure::default(),
        }
    }

    /// Starts what sends to a destination, on the runtime that this is called in. Says its number.
    ///
    /// # Errors
    /// When a thread does not start.
    pub async fn open(&self, name: &str, destination: &sink::Destination) -> io::Result<usize> {
        let outlet = match destination {
            sink::Destination::Cloudwatch(config) => {
                let connection = Connection::new(config, self.clock).await;
                let account = {
                    let mut accounts = self.accounts.lock();
                    let accounts = accounts.as_mut().map_err(|_| io::ErrorKind::Other)?;
                    accounts.of(config, self.clock)
                };
                let metrics = self.metrics.sink.clone();
                let own = metrics.destinations.of(name);
                let estimates = estimate(own.clone(), config.price(), self.clock);
                let sender = CloudwatchSender::new(connection, account, self.clock, metrics, own);
                let (to, requests) = tokio::sync::mpsc::channel(requests_max(&self.budget));
                let left = Arc::new(Notify::new());
                let is_left = left.clone();
                tokio::spawn(async move {
                    let estimates = tokio::spawn(estimates);
                    tokio::select! {
                        () = sender.run(requests) => {}
                        // What it has is abandoned, and read again.
                        () = too_long_after(&is_left) => {}
                    }
                    estimates.abort();
                });
                Outlet::Cloudwatch { to, left }
            }
            sink::Destination::Stdout(_) => {
                let (to, lines) = sync_channel(STDOUT_RUNS_MAX);
                let failure = self.failure.clone();
                std::thread::Builder::new()
                    .name("stdout".into())
                    .spawn(move || {
                        if let Err(error) = stdout::write(&lines, &mut io::stdout()) {
                            failure.is(error);
                        }
                    })?;
                Outlet::Stdout(to)
            }
            sink::Destination::Null(_) => Outlet::Null,
        };
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        open.insert(number, outlet);
        Ok(number)
    }

    /// These are all destinations from now on, whatever is still on its way for others.
    pub fn bound<'a>(&self, destinations: impl Iterator<Item = &'a sink::Destination>) {
        let cloudwatch = destinations.filter_map(|destination| match destination {
            sink::Destination::Cloudwatch(config) => Some(&**config),
            sink::Destination::Stdout(_) | sink::Destination::Null(_) => None,
        });
        let accounts = self.accounts.lock();
        accounts
            .unwrap_or_else(PoisonError::into_inner)
            .bound(cloudwatch);
    }

    /// The configuration has these no more. They take requests that were packed for them, and end soon.
    pub fn leave(&self, numbers: &[usize]) {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        for outlet in numbers.iter().filter_map(|number| open.get(number)) {
            if let Outlet::Cloudwatch { left, .. } = outlet {
                left.notify_one();
            }
        }
    }

    /// Takes no more requests for these; what they have is sent.
    pub fn close(&self, numbers: &[usize]) {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        open.retain(|number, _| !numbers.contains(number));
    }

    /// Takes no more requests at all.
    pub fn close_all(&self) {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        open.clear();
    }

    pub fn send(&self, number: usize, request: Request) {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let outlet = open.get(&number).cloned();
        // Standard output may keep this waiting, and others are not to wait behind it.
        drop(open);
        // A request that finds no taker is dropped, and so its records are read again.
        match (outlet, request) {
            (Some(Outlet::Cloudwatch { to, .. }), Request::Cloudwatch(request)) => {
                let _ = to.try_send(*request);
            }
            // Whoever reads standard output sets the pace.
            (Some(Outlet::Stdout(to)), Request::Stdout(lines)) => {
                let _ = to.send(lines);
            }
            _ => {}
        }
    }
}
