//! Starts lanes and the runtime around them; drains and stops them.
//!
//! Threads: one a lane, one that discovers files, one that writes checkpoints, one that ticks while
//! filters run, and this one, whose small runtime does what waits: HTTP and signals.

mod machine;
pub mod pods;
mod pulse;
mod status;
mod threads;

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Sender, sync_channel};
use std::sync::{Arc, Mutex};

use tokio::signal::unix::{SignalKind, signal};

use crate::checkpoint::board::Board;
use crate::checkpoint::store::{self, Store};
use crate::clock::{self, Clock};
use crate::config::{Config, Resolved, ResolvedFilter};
use crate::filter::chain::Filter;
use crate::filter::engine::{self, Engine};
use crate::filter::instance::{Blueprint, Failure, Instance};
use crate::filter::module::{self, Module};
use crate::filter::quarantine::{self, Keeper};
use crate::lane::{Event, Lane, Plan, PodsSetup, Setup, ShareOf};
use crate::record::receipt::news_channel;
use crate::record::{Budget, Share};
use crate::sink::cloudwatch::{
    client::Connection, cost::estimate, pace::Accounts, send::Sender as CloudwatchSender,
};
use crate::sink::{self, stdout};
use crate::source::container_log::discover::{Discover, Stop};
use crate::source::container_log::files::{Disk, Files};
use crate::telemetry::metrics::Metrics;

use pulse::Pulse;
use status::Desk;
use threads::{Outlet, Outlets};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    State(#[from] store::Error),
    #[error(transparent)]
    Engine(#[from] engine::Error),
    #[error("filter `{name}`")]
    Module { name: String, source: module::Error },
    #[error("filter `{name}`")]
    Filter { name: String, source: Failure },
    #[error("`source.container_log.path`: `{path}` cannot be listed")]
    Source { path: PathBuf, source: io::Error },
    #[error("`telemetry.listen`: {address} cannot be listened on")]
    Listen {
        address: SocketAddr,
        source: io::Error,
    },
    #[error("quarantine `{path}` cannot be opened")]
    Quarantine { path: PathBuf, source: io::Error },
    #[error("routes or annotations depend on pods, and `enrich.pods` is off")]
    PodsOff,
    #[error("`enrich.node` is not given, and the variable NODE_NAME is not set")]
    NoNodeName,
    #[error("the agent's threads do not start")]
    Start(#[source] io::Error),
}

impl Error {
    /// What to do about it, where there is something to say.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Module { source, .. } => source.hint(),
            Self::Source { .. } => Some(
                "mount the node's /var/log into the agent's pod, and run it as uid 0 or group 0",
            ),
            Self::PodsOff => {
                Some("run the agent in a pod, or say where the API server is: `enrich.pods.server`")
            }
            Self::NoNodeName => {
                Some("hand `spec.nodeName` to the agent's pod as the variable NODE_NAME")
            }
            Self::Listen { .. } => Some("choose another port, or `listen: null` for none"),
            _ => None,
        }
    }
}

/// Loads and compiles every filter's module, and tries its settings on an instance.
///
/// # Errors
/// The first one that does not work.
pub fn load_filters(
    engine: &Engine,
    config: &Config,
    resolved: &Resolved,
    metrics: &Metrics,
) -> Result<Vec<Blueprint>, Error> {
    let load = |filter: &ResolvedFilter| {
        let name = filter.name.clone();
        let pin = filter.config.sha256.as_deref();
        let module = module::find::read(&filter.module, &config.filters.directories, pin)
            .and_then(|found| module::from_bytes(engine, &found.path, &found.bytes))
            .map_err(|source| Error::Module {
                name: name.clone(),
                source,
            })?;
        let blueprint = blueprint(engine, filter, module, metrics);
        Instance::new(&blueprint).map_err(|source| Error::Filter { name, source })?;
        Ok(blueprint)
    };
    resolved.filters.iter().map(load).collect()
}

fn blueprint(
    engine: &Engine,
    filter: &ResolvedFilter,
    module: Module,
    metrics: &Metrics,
) -> Blueprint {
    Blueprint {
        name: filter.name.clone(),
        engine: engine.clone(),
        module,
        settings: serde_json::Value::from(filter.config.settings.clone()).to_string(),
        limits: filter.limits.clone(),
        cpu: clock::thread_cpu,
        metrics: metrics.filter(&filter.name),
    }
}

/// Runs until a signal says stop, then drains.
///
/// # Errors
/// When the agent cannot start.
pub fn run(config: &Config, resolved: &Resolved) -> Result<(), Error> {
    let clock = Clock::start();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Start)?;
    // First of all: a stop that comes while filters compile is a stop all the same.
    let stop = {
        let _entered = runtime.enter();
        [SignalKind::terminate(), SignalKind::interrupt()]
            .map(|kind| signal(kind).map_err(Error::Start))
    };
    let (store, loaded) = Store::open(&config.state)?;
    if let Some((aside, why)) = &loaded.set_aside {
        let aside = aside.display();
        tracing::error!(%aside, %why, "checkpoint was set aside; reading starts as on the first start");
    }
    let root = &config.source.container_log.path;
    Disk.list(root).map_err(|source| Error::Source {
        path: root.clone(),
        source,
    })?;
    machine::raise_descriptor_limit();
    let metrics = Arc::new(Metrics::default());
    let engine = Engine::new(clock)?;
    let blueprints = load_filters(&engine, config, resolved, &metrics)?;
    for b in &blueprints {
        let module = b.module.path.display();
        tracing::info!(filter = b.name, %module, sha256 = b.module.hash, "filter loaded");
    }
    let first_start = loaded.first_start || loaded.set_aside.is_some();
    let board = Arc::new(Board::new(loaded.entries));
    let parts = Parts {
        config,
        resolved,
        clock,
        metrics,
        board,
        first_start,
    };
    runtime.block_on(parts.run(store, &blueprints, stop))
}

struct Parts<'a> {
    config: &'a Config,
    resolved: &'a Resolved,
    clock: Clock,
    metrics: Arc<Metrics>,
    board: Arc<Board>,
    first_start: bool,
}

impl Parts<'_> {
    async fn run(
        self,
        store: Store,
        blueprints: &[Blueprint],
        mut stop: StopSignals,
    ) -> Result<(), Error> {
        let pods = pods::Pods::new(self.config, self.resolved)?;
        let budget =
            Budget::new(usize::try_from(self.config.budget.as_u64()).unwrap_or(usize::MAX));
        let mut pulse = Pulse::new(self.clock);
        let desk = Arc::new(Desk::new(self.resolved, &pods, &budget, &self.metrics));
        let (outlets, senders) = self.senders(&budget).await?;
        let lanes = self.lanes(blueprints, &budget, &outlets, &pods.setup, &mut pulse)?;
        drop(outlets);
        let stop_discover = Stop::default();
        let discovering = self.discover(&lanes, &stop_discover)?;
        let to: Vec<Sender<Event>> = lanes.iter().map(|lane| lane.to.clone()).collect();
        desk.ask_from_now_on(to.clone());
        pods.start(to, self.clock, &self.metrics);
        let saving = threads::save_checkpoints(
            store,
            self.board.clone(),
            self.metrics.clone(),
            budget.clone(),
            self.clock,
            pulse.thread("checkpoint"),
        )
        .map_err(Error::Start)?;
        status::serve(self.config.telemetry.listen, pulse, desk).await?;
        self.metrics.ready.set(1);
        tracing::info!(lanes = lanes.len(), "logsieve runs");
        first_of(&mut stop).await?;
        tracing::info!(at_most = ?self.config.drain, "stopping: what was read is delivered first");
        stop_discover.now();
        let _ = discovering.join();
        let drained = threads::drain(lanes, self.config.drain, first_of(&mut stop)).await;
        drop(senders);
        saving.finish();
        if drained {
            tracing::info!("stopped: everything that was read is delivered");
        } else {
            tracing::warn!("stopped: what was not answered is read again at the next start");
        }
        Ok(())
    }

    /// Starts what sends, one for each destination.
    async fn senders(
        &self,
        budget: &Arc<Budget>,
    ) -> Result<(Outlets, tokio::task::JoinSet<()>), Error> {
        let mut outlets = Vec::new();
        let mut tasks = tokio::task::JoinSet::new();
        let mut accounts = Accounts::default();
        for (name, destination) in &self.resolved.destinations {
            outlets.push(match destination {
                sink::Destination::Cloudwatch(config) => {
                    let connection = Connection::new(config, self.clock).await;
                    let account = accounts.of(config, self.clock);
                    let metrics = self.metrics.sink.clone();
                    let own = metrics.destinations.of(name);
                    tasks.spawn(estimate(own.clone(), config.price(), self.clock));
                    let sender =
                        CloudwatchSender::new(connection, account, self.clock, metrics, own);
                    let (to, requests) = tokio::sync::mpsc::channel(threads::requests_max(budget));
                    tasks.spawn(sender.run(requests));
                    Outlet::Cloudwatch(to)
                }
                sink::Destination::Stdout(_) => {
                    let (to, lines) = sync_channel(threads::STDOUT_RUNS_MAX);
                    std::thread::Builder::new()
                        .name("stdout".into())
                        .spawn(move || {
                            stdout::write(&lines, &mut io::stdout());
                            let _ = io::stdout().flush();
                        })
                        .map_err(Error::Start)?;
                    Outlet::Stdout(to)
                }
                sink::Destination::Null(_) => Outlet::Null,
            });
        }
        Ok((Arc::new(outlets), tasks))
    }

    fn lanes(
        &self,
        blueprints: &[Blueprint],
        budget: &Arc<Budget>,
        outlets: &Outlets,
        pods: &PodsSetup,
        pulse: &mut Pulse,
    ) -> Result<Vec<threads::LaneThread>, Error> {
        let count = self
            .config
            .lanes
            .unwrap_or_else(machine::default_lanes)
            .max(1);
        let share_of = share_of(budget.clone());
        let file_ids = Arc::new(AtomicU64::new(1));
        let keeper = self.quarantine()?;
        let mut lanes = Vec::new();
        for number in 0..count {
            let (to, events) = std::sync::mpsc::channel();
            let setup = Setup {
                source: self.config.source.container_log.clone(),
                hold_idle: self.config.filters.hold_idle,
                first_start: self.first_start,
                board: self.board.clone(),
                news: news_channel::<Event>(to.clone()),
                share_of: share_of.clone(),
                metrics: self.metrics.clone(),
                cpu: clock::thread_cpu,
                file_ids: file_ids.clone(),
                pods: pods.clone(),
            };
            let lane = Lane::new(setup, plan(self.resolved, blueprints, &keeper));
            let (clock, outlets) = (self.clock, outlets.clone());
            let beat = pulse.thread(&format!("lane-{number}"));
            let lane = (lane, beat);
            let thread = threads::LaneThread::start(number, lane, clock, to, events, outlets);
            lanes.push(thread.map_err(Error::Start)?);
        }
        Ok(lanes)
    }

    /// Opens the folder for what filters fail on, and starts what writes to it.
    fn quarantine(&self) -> Result<Keeper, Error> {
        let path = self.config.state.join("quarantine");
        let config = self.config.filters.quarantine.clone();
        quarantine::Store::open(&path, config, self.metrics.quarantine.clone())
            .and_then(Keeper::start)
            .map_err(|source| Error::Quarantine { path, source })
    }

    fn discover(
        &self,
        lanes: &[threads::LaneThread],
        stop: &Stop,
    ) -> Result<std::thread::JoinHandle<()>, Error> {
        let config = self.config.source.container_log.clone();
        let facts = self
            .config
            .enrich
            .node_facts(std::env::var("NODE_NAME").ok());
        let discover = Discover::new(Arc::new(Disk), &config, facts);
        let to: Vec<Sender<Event>> = lanes.iter().map(|lane| lane.to.clone()).collect();
        threads::discover(discover, config.rescan_every, stop.clone(), to).map_err(Error::Start)
    }
}

/// What one lane runs: filters of its own, from the shared blueprints.
#[must_use]
pub fn plan(resolved: &Resolved, blueprints: &[Blueprint], keeper: &Keeper) -> Plan {
    let filters = resolved
        .filters
        .iter()
        .zip(blueprints)
        .map(|(filter, blueprint)| {
            Filter::new(
                blueprint.clone(),
                filter.config.on_error,
                filter.routes.clone(),
            )
            .with_quarantine(keeper.clone())
        });
    Plan {
        table: resolved.table.clone(),
        filters: filters.collect(),
        destinations: resolved.destinations.clone(),
    }
}

/// Shares by destination and log group: all lanes' requests for one group count together.
#[must_use]
pub fn share_of(budget: Arc<Budget>) -> ShareOf {
    let shares: Mutex<HashMap<(usize, String), Arc<Share>>> = Mutex::default();
    Arc::new(move |destination, group: &str| {
        let Ok(mut shares) = shares.lock() else {
            return budget.share();
        };
        let key = (destination, group.to_owned());
        shares.entry(key).or_insert_with(|| budget.share()).clone()
    })
}

/// SIGTERM and SIGINT.
type StopSignals = [Result<tokio::signal::unix::Signal, Error>; 2];

async fn first_of(signals: &mut StopSignals) -> Result<(), Error> {
    let [terminate, interrupt] = signals;
    let refused = |e: &mut Error| std::mem::replace(e, Error::Start(io::ErrorKind::Other.into()));
    let terminate = terminate.as_mut().map_err(refused)?;
    let interrupt = interrupt.as_mut().map_err(refused)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
