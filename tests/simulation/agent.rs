//! The agent's own parts, with everything around them played: a lane, discovery, the checkpoint, and
//! filters that run as WebAssembly. It is started from the checkpoint's bytes, and may be killed.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use logsieve::agent;
use logsieve::checkpoint::board::Board;
use logsieve::checkpoint::store;
use logsieve::clock::{Clock, Now};
use logsieve::config::{Config, Resolved};
use logsieve::filter::engine::Engine;
use logsieve::filter::instance::Blueprint;
use logsieve::filter::quarantine::{self, Keeper};
use logsieve::lane::{Event, Lane, LeftBehind, Setup};
use logsieve::record::ledger::Posted;
use logsieve::record::receipt::news_channel;
use logsieve::record::{Budget, Facts};
use logsieve::sink::{Request, cloudwatch};
use logsieve::source::container_log::discover::Discover;
use logsieve::source::files;
use logsieve::source::log_file::sighting::Sighting;
use logsieve::telemetry::metrics::Metrics;

use crate::books::Broken;
use crate::cpu;
use crate::disk::Disk;
use crate::kubelet::{FILTERED, LINKS, PODS};
use crate::plain::FOLDER as PLAIN;

/// A checkpoint is written at most so often.
const SAVE_EVERY: Duration = Duration::from_millis(750);
/// Plain files are listed as often while one of them is not clear.
const LIST_PLAIN_EVERY: Duration = Duration::from_secs(1);
/// What the budget may be overrun by: a batch, packed with its escapes.
const OVERRUN: usize = 1024 * 1024;

/// What is compiled once for all runs.
struct Common {
    config: Config,
    resolved: Resolved,
    blueprints: Vec<Blueprint>,
    /// Never asked: no filter has that policy here.
    keeper: Keeper,
}

static COMMON: LazyLock<Common> = LazyLock::new(|| {
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/guests");
    let guests = guests.display();
    let text = format!(
        "budget: 4MiB
source:
  container_log: {{ path: {PODS}, links: {LINKS} }}
  files: {{ plain: {{ include: [\"{PLAIN}/*\"] }} }}
filters:
  directories: [{guests}]
  modules: {{ does_as_told: {{ module: does_as_told.wasm, on_error: block, limits: {{ cpu_per_batch: 600s }} }} }}
destinations: {{ main: {{ cloudwatch: {{ region: eu-central-1, format: text, log_group: sim, log_stream: \"{{k8s.pod.name,log.file.name|other}}\" }} }} }}
routes:
  - {{ match: {{ namespace: {FILTERED} }}, filters: [does_as_told] }}
  - {{}}
"
    );
    let config = Config::parse(&text).expect("the configuration is ours");
    let resolved = config.resolve().expect("it fits itself");
    let engine = Engine::new(Clock::start()).expect("an engine");
    let mut blueprints = agent::load_filters(&engine, &config, &resolved, &Metrics::default())
        .expect("the guest: `cargo xtask test` builds it");
    // Ticks follow the machine's clock, so what a call costs must not count here.
    blueprints
        .iter_mut()
        .for_each(|blueprint| blueprint.cpu = || Duration::ZERO);
    let folder = tempfile::tempdir().expect("a folder");
    let store = quarantine::Store::open(folder.path(), Default::default(), Default::default());
    Common {
        keeper: Keeper::in_place(store.expect("an empty store")),
        config,
        resolved,
        blueprints,
    }
});

pub struct Agent {
    lane: Lane,
    discover: Discover,
    plain: Option<files::discover::Discover>,
    /// What the last run left of plain files, until they are listed.
    left: Vec<LeftBehind>,
    events: Receiver<Event>,
    to: Sender<Event>,
    pub board: Arc<Board>,
    metrics: Arc<Metrics>,
    budget: Arc<Budget>,
    wakes: Duration,
    saves: Duration,
    rescans: Duration,
    lists_plain: Duration,
}

impl Agent {
    /// Starts from a checkpoint's bytes.
    pub fn start(disk: &Disk, checkpoint: Option<&[u8]>, now: Now) -> Result<Self, Broken> {
        let entries = checkpoint.map(store::decode).transpose();
        let entries = entries.map_err(|e| Broken::new("a checkpoint is whole", e.to_string()))?;
        let first_start = entries.is_none();
        let board = Arc::new(Board::new(entries.unwrap_or_default()));
        let budget = Budget::new(usize::try_from(COMMON.config.budget.as_u64()).unwrap_or(0));
        let (to, events) = channel();
        let source = COMMON.config.source.container_log.clone();
        let metrics = Arc::new(Metrics::default());
        let discover = Discover::new(Arc::new(disk.clone()), &source, Default::default());
        let setup = Setup {
            source,
            hold_idle: COMMON.config.filters.hold_idle,
            first_start,
            board: board.clone(),
            news: news_channel::<Event>(to.clone()),
            share_of: agent::share_of(budget.clone()),
            unfinished: budget.share(),
            metrics: metrics.clone(),
            cpu: cpu::cpu,
            file_ids: Arc::new(1.into()),
            pods: Default::default(),
        };
        let plan = agent::plan(&COMMON.resolved, &COMMON.blueprints, &COMMON.keeper);
        Ok(Self {
            lane: Lane::new(setup, plan),
            discover,
            plain: None,
            left: Vec::new(),
            events,
            to,
            board,
            metrics,
            budget,
            wakes: now.mono,
            saves: now.mono,
            rescans: now.mono,
            lists_plain: now.mono,
        })
    }

    /// Follows plain files as well.
    pub fn with_plain(mut self, disk: &Disk) -> Self {
        let (config, begun) = (&COMMON.config.source.files, self.board.owners());
        let disk = Arc::new(disk.clone());
        let discover = files::discover::Discover::new(disk, config, Facts::new(), begun);
        self.plain = Some(discover);
        let left = self.board.left_behind().into_iter();
        let left = left.filter(|(key, _)| files::is_plain(&key.pod_uid));
        self.left = left
            .filter_map(|(key, entry)| LeftBehind::new(&Facts::new(), key, entry))
            .collect();
        self
    }

    /// Names of plain files have changed.
    pub fn look_at_plain(&mut self) {
        let (to, left) = (&self.to, &mut self.left);
        let mut tell = |sighting| match sighting {
            Sighting::Listed => left
                .drain(..)
                .for_each(|left| drop(to.send(Event::LeftBehind(left)))),
            sighting => drop(to.send(Event::Sighting(sighting))),
        };
        if let Some(plain) = &mut self.plain {
            plain.scan(&mut tell);
        }
    }

    /// A folder's names have changed.
    pub fn look(&mut self, pod: &str) {
        let to = &self.to;
        let mut tell = |sighting| drop(to.send(Event::Sighting(sighting)));
        self.discover.scan_pod(pod, &mut tell);
        self.discover.name_containers(&mut tell);
    }

    pub fn drain(&self) {
        drop(self.to.send(Event::Drain));
    }

    pub fn is_drained(&self) -> bool {
        self.lane.is_drained()
    }

    /// Does what a lane's thread and its neighbours do until now.
    pub fn tick(&mut self, now: Now, put: &mut dyn FnMut(cloudwatch::body::Request)) {
        if self.rescans <= now.mono {
            self.rescans = now.mono + COMMON.config.source.container_log.rescan_every;
            let to = &self.to;
            self.discover
                .scan(&mut |sighting| drop(to.send(Event::Sighting(sighting))));
        }
        if self.lists_plain <= now.mono {
            self.lists_plain = now.mono + LIST_PLAIN_EVERY;
            self.look_at_plain();
        }
        let first = self.events.try_recv().ok();
        if first.is_none() && now.mono < self.wakes {
            return;
        }
        let step = self
            .lane
            .step(now, first.into_iter().chain(self.events.try_iter()));
        self.wakes = now.mono + step.rest;
        for (_, request) in step.requests {
            if let Request::Cloudwatch(request) = request {
                put(*request);
            }
        }
    }

    /// The books of all containers, as they were last posted.
    pub fn ledgers(&self) -> Vec<Posted> {
        self.metrics.ledgers.snapshot()
    }

    /// Whether what is held between reading and the service's answers is as little as it should be.
    pub fn keeps_budget(&self) -> Result<(), Broken> {
        let (used, limit) = (self.budget.used(), self.budget.limit() + OVERRUN);
        if used > limit {
            let how = format!("{used} bytes are in flight, {limit} may be");
            return Err(Broken::new("bytes in flight stay within the budget", how));
        }
        Ok(())
    }

    /// Saves the checkpoint if it is time and something changed. `full`: the disk takes nothing.
    pub fn save(&mut self, now: Now, full: bool) -> Option<Vec<u8>> {
        if now.mono < self.saves {
            return None;
        }
        self.saves = now.mono + SAVE_EVERY;
        let entries = self.board.take_changes(now.wall / 1_000_000_000)?;
        if full {
            self.board.not_saved();
            return None;
        }
        Some(store::encode(&entries))
    }
}
