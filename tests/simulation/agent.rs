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
use logsieve::lane::{Event, Lane, LeftBehind, Plan, Setup};
use logsieve::record::ledger::Posted;
use logsieve::record::receipt::news_channel;
use logsieve::record::{Budget, Facts};
use logsieve::sink::{Request, cloudwatch};
use logsieve::source::container_log::discover::Discover;
use logsieve::source::log_file::sighting::Sighting;
use logsieve::source::{files, journal};
use logsieve::telemetry::metrics::Metrics;

use crate::books::Broken;
use crate::cpu;
use crate::disk::Disk;
use crate::journald::{HOLDS, JUDGED, ROOT as JOURNAL};
use crate::kubelet::{FILTERED, LINKS, PODS};
use crate::plain::FOLDER as PLAIN;

/// A checkpoint is written at most so often.
const SAVE_EVERY: Duration = Duration::from_millis(750);
/// The journal is listed so often, and plain files while one of them is not clear.
const LIST_EVERY: Duration = Duration::from_secs(1);
/// What the budget may be overrun by: a batch, packed with its escapes.
const OVERRUN: usize = 1024 * 1024;

/// What is compiled once for all runs.
struct Common {
    config: Config,
    resolved: Resolved,
    blueprints: Vec<Blueprint>,
}

impl Common {
    fn plan(&self, keeper: &Keeper, metrics: &Metrics) -> Plan {
        let own = |blueprint: &Blueprint| Blueprint {
            metrics: metrics.filter(&blueprint.name),
            ..blueprint.clone()
        };
        let blueprints: Vec<Blueprint> = self.blueprints.iter().map(own).collect();
        agent::plan(&self.resolved, &blueprints, keeper)
    }
}

/// What is kept of records that filters fail on goes with its agent.
struct Quarantine {
    keeper: Keeper,
    _folder: tempfile::TempDir,
}

impl Quarantine {
    fn new() -> Self {
        // In memory where that can be: what is kept is written through to the disk, record by record.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let folder = folder.expect("a folder");
        let store = quarantine::Store::open(folder.path(), Default::default(), Default::default());
        Self {
            keeper: Keeper::in_place(store.expect("an empty store")),
            _folder: folder,
        }
    }
}

static COMMON: LazyLock<Common> = LazyLock::new(|| {
    let source = format!("files: {{ plain: {{ include: [\"{PLAIN}/*\"] }} }}");
    common(&source, "", "")
});

/// The same with the journal, a unit of which a filter holds back, and one on whose records one fails.
static WITH_JOURNAL: LazyLock<Common> = LazyLock::new(|| with_journal("holds_stack_traces"));

/// The first of these fails on everything.
static BLOCKED: LazyLock<Common> = LazyLock::new(|| with_journal("traps"));

/// What a call costs is counted in no clock here.
const LIMITS: &str = "limits: { cpu_per_batch: 600s }";

fn with_journal(holds: &str) -> Common {
    let source = format!("journal: {{ paths: [{JOURNAL}] }}");
    let modules = format!(
        ", holds: {{ module: {holds}.wasm, on_error: block, {LIMITS} }}, \
         judges: {{ module: joins_and_traps.wasm, on_error: quarantine, {LIMITS} }}"
    );
    let routes = format!(
        "- {{ match: {{ source: journal, unit: {HOLDS} }}, filters: [holds] }}\n  \
         - {{ match: {{ source: journal, unit: {JUDGED} }}, filters: [judges] }}"
    );
    common(&source, &modules, &routes)
}

fn common(source: &str, modules: &str, routes: &str) -> Common {
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/guests");
    let guests = guests.display();
    let text = format!(
        "budget: 4MiB
source:
  container_log: {{ path: {PODS}, links: {LINKS} }}
  {source}
filters:
  directories: [{guests}]
  modules: {{ does_as_told: {{ module: does_as_told.wasm, on_error: block, {LIMITS} }}{modules} }}
destinations: {{ main: {{ cloudwatch: {{ region: eu-central-1, format: text, log_group: \"{{systemd.unit|sim}}\", log_stream: \"{{k8s.pod.name,log.file.name,systemd.unit,syslog.identifier|other}}\" }} }} }}
routes:
  - {{ match: {{ namespace: {FILTERED} }}, filters: [does_as_told] }}
  {routes}
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
    Common {
        config,
        resolved,
        blueprints,
    }
}

pub struct Agent {
    common: &'static Common,
    quarantine: Quarantine,
    lane: Lane,
    discover: Discover,
    plain: Option<files::discover::Discover>,
    journal: Option<journal::discover::Discover>,
    /// What the last run left of plain files or of the journal, until they are listed.
    left: Vec<LeftBehind>,
    /// A filter fails on everything.
    is_blocked: bool,
    events: Receiver<Event>,
    to: Sender<Event>,
    pub board: Arc<Board>,
    metrics: Arc<Metrics>,
    budget: Arc<Budget>,
    wakes: Duration,
    saves: Duration,
    rescans: Duration,
    /// When plain files, or those of the journal, are listed.
    lists: Duration,
}

impl Agent {
    /// Starts from a checkpoint's bytes.
    pub fn start(disk: &Disk, checkpoint: Option<&[u8]>, now: Now) -> Result<Self, Broken> {
        Self::start_as(&COMMON, disk, checkpoint, now)
    }

    /// The same, and follows the journal as well.
    pub fn start_with_journal(
        disk: &Disk,
        checkpoint: Option<&[u8]>,
        now: Now,
    ) -> Result<Self, Broken> {
        let mut agent = Self::start_as(&WITH_JOURNAL, disk, checkpoint, now)?;
        let (config, begun) = (&agent.common.config.source.journal, agent.board.owners());
        let config = config.as_ref().expect("it is configured");
        let files = Arc::new(disk.clone());
        let discover = journal::discover::Discover::new(files, config, Facts::new(), begun);
        agent.journal = Some(discover);
        agent.left = agent.left_of(|owner| owner.starts_with(journal::FOLDER));
        Ok(agent)
    }

    /// What the last run left of these owners' files.
    fn left_of(&self, is_of: impl Fn(&str) -> bool) -> Vec<LeftBehind> {
        let left = self.board.left_behind().into_iter();
        let left = left.filter(|(key, _)| is_of(&key.pod_uid));
        left.filter_map(|(key, entry)| LeftBehind::new(&Facts::new(), key, entry))
            .collect()
    }

    fn start_as(
        common: &'static Common,
        disk: &Disk,
        checkpoint: Option<&[u8]>,
        now: Now,
    ) -> Result<Self, Broken> {
        let entries = checkpoint.map(store::decode).transpose();
        let entries = entries.map_err(|e| Broken::new("a checkpoint is whole", e.to_string()))?;
        let first_start = entries.is_none();
        let board = Arc::new(Board::new(entries.unwrap_or_default()));
        let budget = Budget::new(usize::try_from(common.config.budget.as_u64()).unwrap_or(0));
        let (to, events) = channel();
        let source = common.config.source.container_log.clone();
        let metrics = Arc::new(Metrics::default());
        let discover = Discover::new(Arc::new(disk.clone()), &source, Default::default());
        let setup = Setup {
            source,
            hold_idle: common.config.filters.hold_idle,
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
        let quarantine = Quarantine::new();
        let plan = common.plan(&quarantine.keeper, &metrics);
        Ok(Self {
            common,
            quarantine,
            lane: Lane::new(setup, plan),
            discover,
            plain: None,
            journal: None,
            left: Vec::new(),
            is_blocked: false,
            events,
            to,
            board,
            metrics,
            budget,
            wakes: now.mono,
            saves: now.mono,
            rescans: now.mono,
            lists: now.mono,
        })
    }

    /// Follows plain files as well.
    pub fn with_plain(mut self, disk: &Disk) -> Self {
        let (config, begun) = (&self.common.config.source.files, self.board.owners());
        let disk = Arc::new(disk.clone());
        let discover = files::discover::Discover::new(disk, config, Facts::new(), begun);
        self.plain = Some(discover);
        self.left = self.left_of(files::is_plain);
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

    fn look_at_journal(&mut self) {
        let Some(journal) = &mut self.journal else {
            return;
        };
        let to = &self.to;
        journal.scan(&mut |sighting| {
            if let journal::discover::Sighting::Found(found) = sighting {
                drop(to.send(Event::Journal(found)));
            }
        });
        let left = self.left.drain(..).map(Event::LeftBehind);
        left.for_each(|left| drop(to.send(left)));
    }

    /// One of the journal's filters fails on everything, or does not any more.
    pub fn block(&mut self, is_blocked: bool) {
        if self.journal.is_some()
            && std::mem::replace(&mut self.is_blocked, is_blocked) != is_blocked
        {
            let common = if is_blocked { &*BLOCKED } else { self.common };
            let plan = common.plan(&self.quarantine.keeper, &self.metrics);
            drop(self.to.send(Event::Plan(Box::new(plan))));
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
            self.rescans = now.mono + self.common.config.source.container_log.rescan_every;
            let to = &self.to;
            self.discover
                .scan(&mut |sighting| drop(to.send(Event::Sighting(sighting))));
        }
        if self.lists <= now.mono {
            self.lists = now.mono + LIST_EVERY;
            self.look_at_plain();
            self.look_at_journal();
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

    /// Bytes that were read of files for the first time.
    pub fn read_bytes(&self) -> u64 {
        self.metrics.source.read_bytes.get()
    }

    /// Records that a filter failed on, and that are kept.
    pub fn quarantined(&self, filter: &str) -> u64 {
        self.metrics.filter(filter).records_quarantined.get()
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
