//! One lane over a folder of its own. The sink is standard output, into a buffer, and answers when the
//! test wants it to.

use std::cell::Cell;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use bytesize::ByteSize;
use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use crate::checkpoint::board::Board;
use crate::checkpoint::store::Entries;
use crate::clock::Now;
use crate::filter::call::Filter;
use crate::lane::{Event, Lane, LeftBehind, Plan, Planned, PodsSetup, Setup};
use crate::record::receipt::news_channel;
use crate::record::{Budget, Facts, Ledger, Share};
use crate::route::{Limits, Match, Route, Table};
use crate::sink::{Destination, Request, stdout};
use crate::source::container_log::discover::Discover;
use crate::source::container_log::{self, Start};
use crate::source::log_file::files::{Disk, Files};
use crate::source::log_file::sighting::Sighting;
use crate::telemetry::metrics::Metrics;

/// A node's log folder. What is done, is done to the files of one container.
pub struct Node {
    root: TempDir,
    folder: &'static str,
    lines: u32,
    /// Of the route that takes its containers.
    pub limits: Limits,
}

impl Node {
    pub fn new() -> Self {
        let mut node = Self {
            root: tempfile::tempdir().unwrap(),
            folder: "",
            lines: 0,
            limits: Limits::default(),
        };
        node.turn_to("shop_api-0_0f1c/api");
        node
    }

    /// From here on it is done to another container's files.
    pub fn turn_to(&mut self, folder: &'static str) {
        self.folder = folder;
        fs::create_dir_all(self.path("")).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(self.folder).join(name)
    }

    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// Appends numbered lines of about 100 bytes; gives back how many bytes.
    pub fn print(&mut self, name: &str, lines: u32) -> u64 {
        let mut text = Vec::new();
        for _ in 0..lines {
            self.lines += 1;
            let (second, n) = (self.lines / 1000, self.lines);
            let (minute, second, nano) = (second / 60, second % 60, self.lines % 1000);
            let time = format!("2026-01-01T00:{minute:02}:{second:02}.{nano:03}Z");
            writeln!(text, "{time} stdout F {n:08} {}", "x".repeat(50)).unwrap();
        }
        self.write(name, &text);
        text.len() as u64
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        let mut options = fs::OpenOptions::new();
        let file = options.create(true).append(true).open(self.path(name));
        file.unwrap().write_all(bytes).unwrap();
    }

    pub fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    /// Cuts a file to nothing.
    pub fn cut(&self, name: &str) {
        let file = fs::File::options().write(true).open(self.path(name));
        file.unwrap().set_len(0).unwrap();
    }

    pub fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    /// Does what the kubelet does: packs a rotated file, and deletes the plain one.
    pub fn pack(&self, name: &str) {
        self.pack_as(name, |text| packed(text, Compression::fast()));
    }

    /// The same, in another way.
    pub fn pack_as(&self, name: &str, pack: impl FnOnce(&[u8]) -> Vec<u8>) {
        let text = fs::read(self.path(name)).unwrap();
        fs::write(self.path(&format!("{name}.gz")), pack(&text)).unwrap();
        self.remove(name);
    }
}

pub fn packed(text: &[u8], level: Compression) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), level);
    packed.write_all(text).unwrap();
    packed.finish().unwrap()
}

/// One run of the agent, as far as a lane is it.
pub struct Run {
    lane: Lane,
    discover: Discover,
    events: Receiver<Event>,
    pub board: Arc<Board>,
    metrics: Arc<Metrics>,
    /// What is not finished takes this of the budget.
    pub unfinished: Arc<Share>,
    now: Duration,
    /// Requests that are not answered yet.
    pub waiting: Vec<stdout::Lines>,
    /// The sink does not answer.
    pub hold: bool,
    out: Vec<u8>,
}

/// A CPU clock that moves on by 3 ms whenever it is looked at: every chunk is a turn.
fn counted_cpu() -> Duration {
    thread_local!(static LOOKS: Cell<u64> = const { Cell::new(0) });
    LOOKS.set(LOOKS.get() + 1);
    Duration::from_millis(3 * LOOKS.get())
}

/// A run whose budget holds about a mebibyte on its way.
pub fn run(node: &Node, entries: Option<Entries>) -> Run {
    run_with(node, entries, |_| {})
}

pub fn run_with(
    node: &Node,
    entries: Option<Entries>,
    change: impl FnOnce(&mut container_log::Config),
) -> Run {
    run_on(Arc::new(Disk), node, entries, change)
}

pub fn run_on(
    disk: Arc<dyn Files>,
    node: &Node,
    entries: Option<Entries>,
    change: impl FnOnce(&mut container_log::Config),
) -> Run {
    let mut source = container_log::Config {
        path: node.root().to_owned(),
        links: node.root().join("links"),
        ..container_log::Config::default()
    };
    change(&mut source);
    let (to, events) = channel();
    let budget = Budget::new(ByteSize::mib(6).as_u64().try_into().unwrap());
    let (share, unfinished) = (budget.share(), budget.share());
    let metrics = Arc::new(Metrics::default());
    let first_start = entries.is_none();
    let board = Arc::new(Board::new(entries.unwrap_or_default()));
    let discover = Discover::new(disk, &source, Facts::new());
    let setup = Setup {
        source,
        hold_idle: Duration::from_secs(1),
        first_start,
        board: board.clone(),
        news: news_channel::<Event>(to),
        share_of: Arc::new(move |_, _| share.clone()),
        unfinished: unfinished.clone(),
        metrics: metrics.clone(),
        cpu: counted_cpu,
        file_ids: Arc::new(AtomicU64::new(1)),
        pods: PodsSetup::default(),
    };
    Run {
        lane: Lane::new(setup, plan(node, Vec::new())),
        discover,
        events,
        board,
        metrics,
        unfinished,
        now: Duration::from_secs(1),
        waiting: Vec::new(),
        hold: false,
        out: Vec::new(),
    }
}

/// Every record through these filters, and to standard output.
pub fn plan(node: &Node, filters: Vec<Filter>) -> Plan {
    let named = |filter: Filter| (filter.name().to_owned(), Some(filter));
    let format = stdout::Format::Text;
    Plan {
        table: Table {
            routes: vec![Route {
                matching: Match::default(),
                chain: (0..filters.len()).collect(),
                destination: Some(0),
                also: false,
                limits: node.limits,
            }],
            names: vec![None],
            ..Table::default()
        },
        filters: filters.into_iter().map(named).collect(),
        destinations: vec![Planned {
            name: "out".into(),
            number: 0,
            destination: Destination::Stdout(stdout::Config { format }),
        }],
        hold_idle: None,
    }
}

impl Run {
    /// Lists the folders, and lets the lane take a step.
    pub fn step(&mut self) {
        self.now += Duration::from_millis(50);
        let mut events: Vec<Event> = Vec::new();
        let mut listed = false;
        self.discover.scan(&mut |sighting| {
            listed |= matches!(sighting, Sighting::Listed);
            events.push(Event::Sighting(sighting));
        });
        if listed {
            for (key, entry) in self.board.left_behind() {
                let left = LeftBehind::new(&Facts::new(), key, entry);
                events.extend(left.map(Event::LeftBehind));
            }
        }
        self.tell(events);
    }

    pub fn tell(&mut self, events: Vec<Event>) {
        let heard: Vec<Event> = self.events.try_iter().collect();
        let step = self.lane.step(self.now(), heard.into_iter().chain(events));
        for (_, request) in step.requests {
            let Request::Stdout(lines) = request else {
                panic!("not for standard output");
            };
            self.waiting.push(lines);
        }
        if !self.hold {
            self.answer();
        }
    }

    pub fn now(&self) -> Now {
        Now {
            mono: self.now,
            // An hour into 2026, after all that is printed.
            wall: 1_767_229_200_000_000_000 + u64::try_from(self.now.as_nanos()).unwrap(),
        }
    }

    /// The sink takes what waits.
    pub fn answer(&mut self) {
        let (to, lines) = channel();
        self.waiting.drain(..).for_each(|l| to.send(l).unwrap());
        drop(to);
        stdout::write(&lines, &mut self.out).unwrap();
    }

    /// Steps so long.
    pub fn steps(&mut self, seconds: u64) {
        for _ in 0..seconds * 20 {
            self.step();
        }
    }

    pub fn drain(&mut self) {
        self.tell(vec![Event::Drain]);
    }

    pub fn drained(&mut self) -> bool {
        self.now += Duration::from_millis(50);
        self.tell(Vec::new());
        self.lane.is_drained()
    }

    /// What the sink took: the numbers of lines.
    pub fn numbers(&self) -> Vec<u32> {
        let lines = self.texts().into_iter();
        lines
            .filter_map(|l| l.split(' ').next()?.parse().ok())
            .collect()
    }

    pub fn texts(&self) -> Vec<String> {
        let text = String::from_utf8(self.out.clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// The markers among what the sink took.
    pub fn markers(&self) -> Vec<String> {
        let marker = |l: &String| l.starts_with("logsieve: ");
        self.texts().into_iter().filter(marker).collect()
    }

    /// Lines that were forwarded as they are.
    pub fn undecoded(&self) -> u64 {
        self.metrics.source.undecoded_lines.get()
    }

    pub fn read_failures(&self) -> u64 {
        self.metrics.source.read_failures.get()
    }

    /// Containers that a failing filter stops, as the metric says.
    pub fn blocked(&self) -> i64 {
        self.metrics.source.blocked_containers.get()
    }

    pub fn ledger(&self) -> Ledger {
        self.metrics.ledgers.snapshot()[0].ledger
    }

    /// Losses whose bytes are a least number.
    pub fn losses_at_least(&self) -> u64 {
        self.metrics.source.losses_at_least.get()
    }

    pub fn entries(&self) -> Entries {
        // The first call takes what changed since the start.
        self.board.take_changes(0).unwrap_or_default()
    }

    pub fn lane(&self) -> &Lane {
        &self.lane
    }
}

pub fn from_end(config: &mut container_log::Config) {
    config.start = Start::End;
}
