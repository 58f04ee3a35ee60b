//! Serves the admin page, and gathers its `/status`: each lane is asked for its containers, and tells
//! what it has at that moment.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use rustix::io::Errno;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::Error;
use super::pods::Pods;
use super::pulse::Pulse;
use crate::config::Resolved;
use crate::lane::Event;
use crate::record::Budget;
use crate::record::status::{
    BudgetStatus, DestinationStatus, FilterStatus, InCharge, LaneStatus, PodsStatus, Status,
};
use crate::sink::Destination;
use crate::telemetry::admin::{self, Admin};
use crate::telemetry::metrics::{FilterMetrics, Metrics};

/// How long a lane may take to answer: one step of it, with filters that overrun.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is asked, and whom.
pub struct Desk {
    node: String,
    metrics: Arc<Metrics>,
    budget: Arc<Budget>,
    pods_watched: bool,
    destinations: Mutex<Vec<DestinationStatus>>,
    /// None until they run.
    lanes: OnceLock<Vec<Sender<Event>>>,
}

/// Serves the admin page, if there is to be one.
pub async fn serve(listen: Option<SocketAddr>, pulse: Pulse, desk: Arc<Desk>) -> Result<(), Error> {
    let Some(address) = listen else {
        return Ok(());
    };
    let listener = bind(address)
        .await
        .map_err(|source| Error::Listen { address, source })?;
    // Where the port is left to the node, nothing else tells it.
    let address = listener.local_addr().unwrap_or(address);
    tracing::info!(%address, "the admin page is served");
    let shown = Admin {
        metrics: desk.metrics.clone(),
        wedged: Arc::new(move || pulse.wedged()),
        status: Arc::new(move || {
            let desk = desk.clone();
            Box::pin(async move { desk.status().await })
        }),
    };
    tokio::spawn(admin::serve(listener, shown));
    Ok(())
}

/// Listens; on the addresses of IPv4 alone where all are asked for and the kernel was started without IPv6.
async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Err(error) if address.ip() == Ipv6Addr::UNSPECIFIED && has_no_ipv6(&error) => {
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())).await
        }
        done => done,
    }
}

fn has_no_ipv6(error: &std::io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::AFNOSUPPORT)
}

impl Desk {
    pub fn new(
        resolved: &Resolved,
        pods: &Pods,
        budget: &Arc<Budget>,
        metrics: &Arc<Metrics>,
    ) -> Self {
        Self {
            node: pods.node().to_owned(),
            metrics: metrics.clone(),
            budget: budget.clone(),
            pods_watched: pods.setup.expects.pods,
            destinations: Mutex::new(destinations(resolved)),
            lanes: OnceLock::new(),
        }
    }

    /// These lanes run.
    pub fn ask_from_now_on(&self, lanes: Vec<Sender<Event>>) {
        let _ = self.lanes.set(lanes);
    }

    /// The configuration has changed.
    pub fn sends_to(&self, resolved: &Resolved) {
        if let Ok(mut known) = self.destinations.lock() {
            *known = destinations(resolved);
        }
    }

    /// The status, as far as the lanes tell it in time.
    async fn status(&self) -> Status {
        let (lanes, silent_lanes) = self.ask_lanes().await;
        let bytes = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let pods = &self.metrics.enrich;
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            node: self.node.clone(),
            ready: self.metrics.ready.get() == 1,
            silent_lanes,
            budget: BudgetStatus {
                limit_bytes: bytes(self.budget.limit()),
                used_bytes: bytes(self.budget.used()),
            },
            pods: PodsStatus {
                watched: self.pods_watched,
                listed: pods.listed.get() == 1,
                known: u64::try_from(pods.pods.get()).unwrap_or(0),
            },
            containers: lanes.containers,
            unreadable: lanes.unreadable,
            filters: self.filters(lanes.filters.into_iter().collect()),
            destinations: self.destinations(),
        }
    }

    fn destinations(&self) -> Vec<DestinationStatus> {
        let known = self.destinations.lock();
        let mut all = known.map(|all| all.clone()).unwrap_or_default();
        for destination in &mut all {
            destination.failing = self.metrics.sink.destinations.failing(&destination.name);
        }
        all
    }

    /// What all lanes tell, containers in order; and how many did not answer.
    async fn ask_lanes(&self) -> (LaneStatus, usize) {
        let lanes = self.lanes.get().map(Vec::as_slice).unwrap_or_default();
        let ask = |lane: &Sender<Event>| {
            let (to, answer) = oneshot::channel();
            // A lane that is gone does not answer.
            let _ = lane.send(Event::Status(to));
            answer
        };
        let answers: Vec<_> = lanes.iter().map(ask).collect();
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let (mut all, mut silent) = (LaneStatus::default(), 0);
        for answer in answers {
            match tokio::time::timeout_at(deadline, answer).await {
                Ok(Ok(lane)) => {
                    all.containers.extend(lane.containers);
                    all.filters.extend(lane.filters);
                    all.unreadable.extend(lane.unreadable);
                }
                _ => silent += 1,
            }
        }
        all.containers.sort_by(|a, b| {
            (&a.namespace, &a.pod, &a.container).cmp(&(&b.namespace, &b.pod, &b.container))
        });
        (all, silent)
    }

    fn filters(&self, modules: Modules) -> Vec<FilterStatus> {
        let one = |(name, in_charge): (String, Option<InCharge>)| {
            let (sha256, settings_sha256) =
                in_charge.map(|i| (i.sha256, i.settings_sha256)).unzip();
            // A lane may run for a moment what is forgotten.
            let metrics = self.metrics.known_filter(&name);
            let of = |counter: fn(&FilterMetrics) -> &Counter| {
                metrics.as_ref().map_or(0, |m| counter(m).get())
            };
            FilterStatus {
                sha256,
                settings_sha256,
                refused: self.metrics.swaps.why(&name),
                name,
                records: of(|m| &m.records),
                quarantined: of(|m| &m.records_quarantined),
                unfiltered: of(|m| &m.records_unfiltered),
            }
        };
        modules.into_iter().map(one).collect()
    }
}

/// What is in charge, by filter.
type Modules = BTreeMap<String, Option<InCharge>>;

/// What each destination is.
fn destinations(resolved: &Resolved) -> Vec<DestinationStatus> {
    let kind = |destination: &Destination| match destination {
        Destination::Cloudwatch(_) => "cloudwatch",
        Destination::Stdout(_) => "stdout",
        Destination::Null(_) => "null",
    };
    let all = resolved.destinations.iter();
    all.map(|(name, destination)| DestinationStatus {
        name: name.clone(),
        kind: kind(destination).to_owned(),
        failing: Vec::new(),
    })
    .collect()
}
