//! Starts lanes and the runtime around them; drains and stops them.
//!
//! Threads: one for each lane, one that discovers files, one that writes checkpoints, one that ticks
//! while filters run, and this one, whose small runtime does all that waits: HTTP and signals.

mod error;
mod files;
mod journal;
mod load;
mod machine;
mod outlets;
mod panic;
mod plan;
pub mod pods;
mod pulse;
mod status;
mod swap;
mod teams;
mod threads;
mod watch;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;

use tokio::signal::unix::{SignalKind, signal};

use crate::checkpoint::board::Board;
use crate::checkpoint::store::{self, Store};
use crate::clock::{self, Clock};
use crate::config::{Config, Resolved};
use crate::filter::accepted;
use crate::filter::compile::Compiler;
use crate::filter::engine::Engine;
use crate::filter::quarantine::{self, Keeper};
use crate::filter::swap::Swap;
use crate::lane::{Event, Lane, PodsSetup, Setup};
use crate::record::receipt::news_channel;
use crate::record::{Budget, Facts};
use crate::sink::cloudwatch::instance;
use crate::source;
use crate::source::container_log::discover::Discover;
use crate::source::log_file::ask::{Again, Stop};
use crate::source::log_file::files::{Disk, Files};
use crate::telemetry::metrics::Metrics;

use outlets::Outlets;
use plan::Running;
use pulse::Pulse;
use status::Desk;
use swap::Swapper;
use teams::Teams;

pub use error::Error;
pub use load::{load_filter, load_filters};
pub use plan::{plan, share_of};

/// Runs until a signal says stop, then drains. `path` is the configuration's file, and `text` what it
/// said.
///
/// # Errors
/// When the agent cannot start.
pub fn run(path: &Path, text: &str, config: &Config, resolved: &Resolved) -> Result<(), Error> {
    panic::ends_the_process();
    let clock = Clock::start();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Start)?;
    // First of all: a stop that comes early is a stop all the same.
    let stop = {
        let _entered = runtime.enter();
        [SignalKind::terminate(), SignalKind::interrupt()]
            .map(|kind| signal(kind).map_err(Error::Start))
    };
    let (store, loaded) = Store::open(&config.state)?;
    if let Some((aside, why)) = &loaded.set_aside {
        let (aside, start) = (aside.display(), config.source.container_log.start);
        tracing::error!(%aside, %why, ?start, "checkpoint was set aside; reading starts as on the first start");
    }
    let root = &config.source.container_log.path;
    Disk.list(root).map_err(|source| Error::Source {
        path: root.clone(),
        source,
    })?;
    machine::raise_descriptor_limit();
    let sources = [
        true,
        !config.source.files.is_empty(),
        config.source.journal.is_some(),
    ];
    let sources = sources.into_iter().filter(|read| *read).count();
    let parts = Parts {
        path,
        text,
        config,
        resolved,
        clock,
        metrics: Arc::default(),
        first_start: loaded.first_start || loaded.set_aside.is_some(),
        board: Arc::new(Board::new(loaded.entries).listed_by(sources)),
    };
    let swap = parts.swap(Engine::new(clock)?)?;
    runtime.block_on(parts.run(store, swap, stop))
}

struct Parts<'a> {
    path: &'a Path,
    text: &'a str,
    config: &'a Config,
    resolved: &'a Resolved,
    clock: Clock,
    metrics: Arc<Metrics>,
    board: Arc<Board>,
    first_start: bool,
}

impl Parts<'_> {
    async fn run(self, store: Store, swap: Swap, mut stop: StopSignals) -> Result<(), Error> {
        let pods = pods::Pods::new(self.config, self.resolved)?;
        let budget =
            Budget::new(usize::try_from(self.config.budget.as_u64()).unwrap_or(usize::MAX));
        let mut pulse = Pulse::new(self.clock);
        let desk = Arc::new(Desk::new(self.resolved, &pods, &budget, &self.metrics));
        let outlets = Outlets::new(self.clock, budget.clone(), self.metrics.clone());
        let outlets = Arc::new(outlets);
        let mut numbers = Vec::new();
        for (name, destination) in &self.resolved.destinations {
            let opened = outlets.open(name, destination).await;
            numbers.push(opened.map_err(Error::Start)?);
        }
        let keeper = self.quarantine()?;
        let lanes = self.lanes(&numbers, &outlets, &keeper, &pods.setup, &mut pulse)?;
        let (stop_discover, again) = (Stop::default(), Again::default());
        let facts = self.facts().await;
        let stops = (stop_discover.clone(), again.clone());
        let discovering = self.sources(&lanes, stops, facts)?;
        let to: Vec<Sender<Event>> = lanes.iter().map(|lane| lane.to.clone()).collect();
        desk.ask_from_now_on(to.clone());
        let swapper = Swapper {
            path: self.path.to_owned(),
            text: Ok(self.text.to_owned()),
            config: self.config.clone(),
            configured: self.resolved.clone(),
            resolved: self.resolved.clone(),
            teams: Teams::default(),
            started: self.resolved.table.clone(),
            expects: pods.setup.expects,
            swap,
            clock: self.clock,
            lanes: to.clone(),
            outlets: outlets.clone(),
            keeper,
            desk: desk.clone(),
            numbers,
            former: Vec::new(),
            runtime: tokio::runtime::Handle::current(),
            again,
        };
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
        let swapping = swapper.start().map_err(Error::Start)?;
        tracing::info!(lanes = lanes.len(), "logsieve runs");
        tokio::select! {
            stopped = first_of(&mut stop) => stopped?,
            () = outlets.failure.told() => tracing::error!("standard output is closed, or cannot be written"),
        }
        tracing::info!(at_most = ?self.config.drain, "stopping: what was read is delivered first");
        swapping.stop();
        stop_discover.now();
        discovering.into_iter().for_each(|t| drop(t.join()));
        let drained = threads::drain(lanes, self.config.drain, first_of(&mut stop)).await;
        outlets.close_all();
        saving.finish();
        stopped(drained, &outlets)
    }

    /// What keeps and changes modules.
    fn swap(&self, engine: Engine) -> Result<Swap, Error> {
        let state = &self.config.state;
        let compiled_max = self.config.filters.compiled_bytes_max.as_u64();
        let compiler = Compiler::cached(engine, &state.join("compiled"), compiled_max);
        let accepted = accepted::Store::open(&state.join("accepted"));
        let accepted = accepted.map_err(|source| {
            let path = state.clone();
            Error::State(store::Error::Folder { path, source })
        })?;
        Ok(Swap::new(compiler, Some(accepted), self.metrics.clone()))
    }

    fn lanes(
        &self,
        numbers: &[usize],
        outlets: &Arc<Outlets>,
        keeper: &Keeper,
        pods: &PodsSetup,
        pulse: &mut Pulse,
    ) -> Result<Vec<threads::LaneThread>, Error> {
        let count = self
            .config
            .lanes
            .unwrap_or_else(machine::default_lanes)
            .max(1);
        let share_of = share_of(outlets.budget.clone());
        let unfinished = outlets.budget.share();
        let running = Running {
            resolved: self.resolved,
            numbers,
            keeper,
            hold_idle: None,
        };
        let file_ids = Arc::new(AtomicU64::new(1));
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
                unfinished: unfinished.clone(),
                metrics: self.metrics.clone(),
                cpu: clock::thread_cpu,
                file_ids: file_ids.clone(),
                pods: pods.clone(),
            };
            // Files are opened from the first moment on, and read when their filters are there.
            let lane = Lane::new(setup, running.plan(|_| None));
            let (clock, outlets) = (self.clock, outlets.clone());
            let beat = pulse.thread(&format!("lane-{number}"));
            let lane = (lane, beat);
            let thread = threads::LaneThread::start(number, lane, clock, to, events, outlets);
            lanes.push(thread.map_err(Error::Start)?);
        }
        Ok(lanes)
    }

    /// Facts of the node, and of the machine where it is asked.
    async fn facts(&self) -> Facts {
        let enrich = &self.config.enrich;
        let machine = match enrich.instance {
            true => instance::facts().await.unwrap_or_else(|error| {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "facts of the machine are not known, until a restart");
                Facts::new()
            }),
            false => Facts::new(),
        };
        enrich.facts_over(machine, std::env::var("NODE_NAME").ok())
    }

    /// Opens the folder for what filters fail on, and starts what writes to it.
    fn quarantine(&self) -> Result<Keeper, Error> {
        let path = self.config.state.join("quarantine");
        let config = self.config.filters.quarantine.clone();
        quarantine::Store::open(&path, config, self.metrics.quarantine.clone())
            .and_then(Keeper::start)
            .map_err(|source| Error::Quarantine { path, source })
    }

    /// Starts what finds the files of each source.
    fn sources(
        &self,
        lanes: &[threads::LaneThread],
        stops: (Stop, Again),
        facts: Facts,
    ) -> Result<Vec<JoinHandle<()>>, Error> {
        let containers = self.discover(lanes, stops.clone(), facts.clone())?;
        let files = self.files(lanes, stops.clone(), facts.clone())?;
        let journal = self.journal(lanes, &stops.0, facts)?;
        Ok([Some(containers), files, journal]
            .into_iter()
            .flatten()
            .collect())
    }

    /// Starts what finds the journal's files, where it is to be read.
    fn journal(
        &self,
        lanes: &[threads::LaneThread],
        stop: &Stop,
        facts: Facts,
    ) -> Result<Option<JoinHandle<()>>, Error> {
        let Some(config) = &self.config.source.journal else {
            return Ok(None);
        };
        let begun = self.board.owners();
        let discover =
            source::journal::discover::Discover::new(Arc::new(Disk), config, facts, begun);
        let to = lanes.iter().map(|lane| lane.to.clone()).collect();
        let thread = journal::follow(discover, self.board.clone(), to, stop.clone(), self.clock);
        thread.map(Some).map_err(Error::Start)
    }

    /// Starts what finds plain files, where some are to be read.
    fn files(
        &self,
        lanes: &[threads::LaneThread],
        stops: (Stop, Again),
        facts: Facts,
    ) -> Result<Option<JoinHandle<()>>, Error> {
        let config = &self.config.source.files;
        if config.is_empty() {
            return Ok(None);
        }
        let begun = self.board.owners();
        let discover =
            source::files::discover::Discover::new(Arc::new(Disk), config, facts.clone(), begun);
        let to = lanes.iter().map(|lane| lane.to.clone()).collect();
        let times = (self.clock, self.config.source.container_log.rescan_every);
        let blind = self.metrics.source.blind.clone();
        let known = (self.board.clone(), facts);
        let thread = files::follow(discover, known, blind, to, stops, times);
        thread.map(Some).map_err(Error::Start)
    }

    fn discover(
        &self,
        lanes: &[threads::LaneThread],
        stops: (Stop, Again),
        facts: Facts,
    ) -> Result<JoinHandle<()>, Error> {
        let config = self.config.source.container_log.clone();
        let mut discover = Discover::new(Arc::new(Disk), &config, facts);
        if !config.own_log {
            discover.leave_out(pods::own_name());
        }
        let to: Vec<Sender<Event>> = lanes.iter().map(|lane| lane.to.clone()).collect();
        let books = (self.board.clone(), self.metrics.clone());
        let times = (self.clock, config.rescan_every);
        threads::discover(discover, times, stops, to, books).map_err(Error::Start)
    }
}

/// Says how a stop ended.
fn stopped(drained: bool, outlets: &Outlets) -> Result<(), Error> {
    if let Some(source) = outlets.failure.take() {
        return Err(Error::Output(source));
    }
    if drained {
        tracing::info!("stopped: everything that was read is delivered");
    } else {
        tracing::warn!("stopped: what was not answered is read again at the next start");
    }
    Ok(())
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
