//! A chain of guests, and the lane's part around it: records go in with a receipt each batch, what
//! comes out is settled as if it had been delivered, and the news of receipts is kept.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use logsieve::clock::{Clock, CpuClock, thread_cpu};
use logsieve::filter::OnError;
use logsieve::filter::chain::{self, Blocked, Filter, Held};
use logsieve::filter::engine::Engine;
use logsieve::filter::instance::Blueprint;
use logsieve::filter::limits::Limits;
use logsieve::filter::module::{self, Module};
use logsieve::filter::quarantine::{self, Keeper, Store};
use logsieve::record::receipt::{NewsSender, news_channel};
use logsieve::record::{
    Batch, Columns, Container, Facts, Fate, FileId, News, Range as Bytes, Receipt, Stream,
};
use logsieve::telemetry::metrics::Metrics;

/// One for all tests, as in the agent: tests that run side by side share its ticks.
pub static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new(Clock::start()).unwrap());

pub fn engine() -> &'static Engine {
    &ENGINE
}

/// A guest of `tests/guests`, and what an operator says about it.
pub struct Guest {
    module: &'static str,
    name: String,
    settings: serde_json::Value,
    limits: Limits,
    on_error: OnError,
    routes: Vec<&'static str>,
    cpu: CpuClock,
}

/// A guest with default settings; its filter has the guest's name.
pub fn guest(module: &'static str) -> Guest {
    Guest {
        module,
        name: module.to_owned(),
        settings: serde_json::json!({}),
        // On a machine that is busy with other tests no guest that ends is to be late.
        limits: Limits {
            cpu_per_batch: Duration::from_secs(10),
            ..Limits::default()
        },
        on_error: OnError::Block,
        routes: Vec::new(),
        // Tests run side by side on few cores: no guest that ends is to be late.
        cpu: thread_cpu,
    }
}

impl Guest {
    pub fn named(self, name: &str) -> Self {
        let name = name.to_owned();
        Self { name, ..self }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn settings(self, settings: serde_json::Value) -> Self {
        Self { settings, ..self }
    }

    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    pub fn on_error(self, on_error: OnError) -> Self {
        Self { on_error, ..self }
    }

    /// Destinations that it may choose; their numbers are their places here.
    pub fn routes(self, routes: &[&'static str]) -> Self {
        let routes = routes.to_vec();
        Self { routes, ..self }
    }

    /// May take `deadline` for a batch, on a clock that counts looks: see [`counted_cpu`].
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.limits.cpu_per_batch = deadline;
        self.cpu = counted_cpu;
        self
    }

    fn filter(self, metrics: &Metrics, keeper: &Keeper) -> Filter {
        let module = loaded(self.module);
        let blueprint = Blueprint {
            metrics: metrics.filter(&self.name),
            name: self.name,
            engine: ENGINE.clone(),
            module,
            settings: self.settings.to_string(),
            limits: self.limits,
            cpu: self.cpu,
        };
        let routes = self.routes.into_iter().map(str::to_owned).zip(0..);
        Filter::new(blueprint, self.on_error, routes.collect()).with_quarantine(keeper.clone())
    }
}

/// Where `cargo xtask test` leaves a guest.
pub fn path(module: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../target/guests")
        .join(format!("{module}.wasm"))
}

/// A guest's module, compiled once for all tests.
pub fn loaded(name: &'static str) -> Module {
    static MODULES: Mutex<BTreeMap<&str, Module>> = Mutex::new(BTreeMap::new());
    let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
    let load = || {
        // Some are written by hand, in Wasm's own text.
        let wat = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("guests/wat/{name}.wat"));
        let loaded = match wat::parse_file(&wat) {
            Ok(bytes) => module::from_bytes(&ENGINE, &wat, &bytes),
            Err(_) => module::load(&ENGINE, &path(name)),
        };
        loaded.unwrap_or_else(|error| panic!("{error}: run `cargo xtask test`, which builds it"))
    };
    modules.entry(name).or_insert_with(load).clone()
}

/// A CPU clock that moves on by a millisecond whenever this thread looks at it: so what a deadline
/// costs is counted, and the same on a busy machine.
pub fn counted_cpu() -> Duration {
    thread_local!(static LOOKS: Cell<u64> = const { Cell::new(0) });
    LOOKS.set(LOOKS.get() + 1);
    Duration::from_millis(LOOKS.get())
}

/// One container, its chain, and what is known about its receipts.
pub struct Chain {
    filters: Vec<Filter>,
    pub held: Held,
    container: Arc<Container>,
    metrics: Metrics,
    keeper: Keeper,
    news: (NewsSender, Receiver<News>),
    quarantine: tempfile::TempDir,
    /// Source bytes read so far: a record's text, and one for its line end.
    read_bytes: u64,
    /// Records read so far: the time of the next one.
    records: u64,
    /// Times that the destination takes.
    pub times: RangeInclusive<u64>,
    /// Since the agent started.
    pub now: Duration,
    /// The first place in the chain that the pod chose itself.
    pub chosen_from: usize,
}

impl Chain {
    pub fn new(guests: impl IntoIterator<Item = Guest>) -> Self {
        Self::with_facts(Facts::new(), guests)
    }

    pub fn with_facts(facts: Facts, guests: impl IntoIterator<Item = Guest>) -> Self {
        let metrics = Metrics::default();
        let (to, news) = channel::<News>();
        let quarantine = tempfile::tempdir().unwrap();
        let config = quarantine::Config {
            files_max: 1,
            ..quarantine::Config::default()
        };
        let store = Store::open(quarantine.path(), config, metrics.quarantine.clone()).unwrap();
        let keeper = Keeper::in_place(store);
        let filters = guests.into_iter();
        let filters = filters.map(|guest| guest.filter(&metrics, &keeper));
        Self {
            filters: filters.collect(),
            held: Held::default(),
            container: Arc::new(Container {
                namespace: "shop".into(),
                pod: "api-0".into(),
                pod_uid: "0".into(),
                name: "api".into(),
                facts,
            }),
            metrics,
            keeper,
            news: (news_channel(to), news),
            quarantine,
            read_bytes: 0,
            records: 0,
            times: 0..=u64::MAX,
            now: Duration::ZERO,
            chosen_from: usize::MAX,
        }
    }

    /// Another filter takes the place of the only one.
    pub fn swap(&mut self, guest: Guest) {
        let mut new = guest.filter(&self.metrics, &self.keeper);
        self.filters
            .drain(..)
            .for_each(|former| new.continue_from(former));
        self.filters.push(new);
    }

    /// What comes next comes from a container of another namespace.
    pub fn in_namespace(&mut self, namespace: &str) {
        let container = Container::clone(&self.container);
        self.container = Arc::new(Container {
            namespace: namespace.to_owned(),
            ..container
        });
    }

    /// A batch through the chain; gives back the texts that came out, which are settled.
    pub fn run<T: AsRef<[u8]>>(&mut self, texts: &[T]) -> Result<Vec<String>, Blocked> {
        self.batch(texts, false).map(delivered)
    }

    /// The same with a batch from which nothing may be held.
    pub fn run_last<T: AsRef<[u8]>>(&mut self, texts: &[T]) -> Result<Vec<String>, Blocked> {
        self.batch(texts, true).map(delivered)
    }

    /// A batch through the chain, of records on standard output that are a nanosecond apart.
    pub fn batch<T: AsRef<[u8]>>(&mut self, texts: &[T], last: bool) -> Result<Batch, Blocked> {
        let batch = self.read(texts);
        self.pass(batch, last)
    }

    /// A batch as a lane reads it.
    pub fn read<T: AsRef<[u8]>>(&mut self, texts: &[T]) -> Batch {
        let mut columns = Columns::default();
        let mut receipt = Receipt::new(0, self.news.0.clone());
        for text in texts {
            let (text, from) = (text.as_ref(), self.read_bytes);
            self.read_bytes += text.len() as u64 + 1;
            let file = FileId(1);
            let to = self.read_bytes;
            receipt.add(Bytes { file, from, to });
            let source_end = u32::try_from(receipt.bytes()).unwrap();
            columns.push(text, self.records, Stream::Stdout, source_end);
            self.records += 1;
        }
        Batch { columns, receipt }
    }

    /// A batch through the chain.
    pub fn pass(&mut self, batch: Batch, last: bool) -> Result<Batch, Blocked> {
        let order: Vec<_> = (0..self.filters.len()).collect();
        let mut run = chain::Run {
            container: &self.container,
            held: &mut self.held,
            last,
            times: self.times.clone(),
            now: self.now,
            chosen_from: self.chosen_from,
        };
        chain::run(&mut self.filters, &order, batch, &mut run)
    }

    /// The records in quarantine, as they stand there.
    pub fn quarantined(&self) -> Vec<serde_json::Value> {
        let file = self.quarantine.path().join("00000001.jsonl");
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let read = |line| serde_json::from_str(line).unwrap();
        text.lines().map(read).collect()
    }

    /// Their texts.
    pub fn quarantined_texts(&self) -> Vec<String> {
        let text = |line: serde_json::Value| line["text"].as_str().unwrap().to_owned();
        self.quarantined().into_iter().map(text).collect()
    }

    /// What was heard of receipts since it was last asked: source bytes, and what became of them.
    pub fn fates(&self) -> Vec<(Fate, Range<u64>)> {
        let ranges = |news: News| {
            news.ranges
                .into_iter()
                .map(move |r| (news.fate, r.from..r.to))
        };
        self.news.1.try_iter().flat_map(ranges).collect()
    }

    /// A counter as the agent shows it, without `logsieve_`; 0 where it shows none.
    pub fn counted(&self, sample: &str) -> u64 {
        self.shown(sample) as u64
    }

    /// Any sample as the agent shows it.
    pub fn shown(&self, sample: &str) -> f64 {
        let text = self.metrics.text();
        let value = |line: &str| {
            line.strip_prefix("logsieve_")?
                .strip_prefix(sample)?
                .trim()
                .parse()
                .ok()
        };
        text.lines().find_map(value).unwrap_or(0.0)
    }

    /// How many counters of a family the agent shows.
    pub fn counters(&self, family: &str) -> usize {
        let start = format!("logsieve_{family}_total{{");
        let text = self.metrics.text();
        text.lines().filter(|line| line.starts_with(&start)).count()
    }
}

/// What a sink does: takes the records, and keeps the promise.
pub fn delivered(batch: Batch) -> Vec<String> {
    let Batch { columns, receipt } = batch;
    receipt.settle();
    let text = |at| String::from_utf8_lossy(columns.record(at)).into_owned();
    (0..columns.len()).map(text).collect()
}
