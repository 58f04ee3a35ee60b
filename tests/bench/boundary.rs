//! `boundary/noop/N`: what it costs to hand a batch of N records to a filter that changes none, above
//! building the batch and taking it through a chain without filters: nanoseconds a record, records of
//! about 260 bytes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use logsieve::clock::{Clock, thread_cpu};
use logsieve::filter::OnError;
use logsieve::filter::chain::{self, Filter, Held, Progress};
use logsieve::filter::engine::Engine;
use logsieve::filter::instance::Blueprint;
use logsieve::filter::limits::Limits;
use logsieve::filter::module;
use logsieve::record::receipt::news_channel;
use logsieve::record::{Batch, Columns, Container, Facts, News, Receipt, Stream};
use logsieve::telemetry::metrics::Metrics;

use crate::figure::{self, Wanted};

pub fn run(wanted: &Wanted) {
    let sizes = [1_usize, 8, 64, 256].map(|size| (size, format!("boundary/noop/{size}")));
    let mut figures: Vec<_> = sizes
        .into_iter()
        .filter(|(_, name)| wanted.has(name))
        .map(|(size, name)| (size, name, Vec::new()))
        .collect();
    for _ in 0..figure::RUNS {
        for (size, _, runs) in &mut figures {
            let mut bench = Bench::new(&guest("noop"), "{}", &vec![record(); *size]);
            let built = figure::ns_per_unit(*size, || bench.pass());
            runs.push(figure::ns_per_unit(*size, || bench.call()) - built);
        }
    }
    for (_, name, mut runs) in figures {
        figure::print(&name, "ns/record", &mut runs);
    }
}

/// A JSON record of 261 bytes.
fn record() -> Vec<u8> {
    let mut text = br#"{"level":"info","path":"/v1/orders","status":200,"ms":12,"msg":""#.to_vec();
    text.resize(259, b'x');
    text.extend_from_slice(b"\"}");
    text
}

/// A guest that `cargo xtask` has built.
pub fn guest(name: &str) -> PathBuf {
    built("guests", name)
}

/// A module that `cargo xtask` has built.
pub fn built(kind: &str, name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.join("target").join(kind).join(format!("{name}.wasm"))
}

/// A filter and a batch to hand it, over and over.
pub struct Bench {
    filters: [Filter; 1],
    container: Arc<Container>,
    columns: Columns,
    news: logsieve::record::receipt::NewsSender,
}

impl Bench {
    pub fn new(module: &Path, settings: &str, texts: &[Vec<u8>]) -> Self {
        Self::with_limits(module, settings, texts, Limits::default())
    }

    pub fn with_limits(module: &Path, settings: &str, texts: &[Vec<u8>], limits: Limits) -> Self {
        let engine = Engine::new(Clock::start()).expect("an engine");
        let module = module::load(&engine, module).expect("a module: run `cargo xtask bench`");
        let blueprint = Blueprint {
            name: "bench".into(),
            engine,
            module,
            settings: settings.into(),
            limits,
            cpu: thread_cpu,
            metrics: Metrics::default().filter("bench"),
        };
        let mut columns = Columns::default();
        for text in texts {
            columns.push(text, 1_790_000_000_000_000_000, Stream::Stdout, 0);
        }
        Self {
            filters: [Filter::new(blueprint, OnError::Block, Vec::new())],
            container: Arc::new(Container {
                namespace: "bench".into(),
                pod: "bench".into(),
                pod_uid: "0".into(),
                name: "bench".into(),
                facts: Facts::new(),
            }),
            columns,
            news: news_channel(std::sync::mpsc::channel::<News>().0),
        }
    }

    /// One batch through the filter, with all that the agent does around the call. Gives back
    /// what came out.
    pub fn call(&mut self) {
        self.run(&[0]);
    }

    /// One batch, built the same way, through no filter.
    fn pass(&mut self) {
        self.run(&[]);
    }

    fn run(&mut self, chain: &[usize]) {
        match self.start(chain) {
            Progress::Done(out) => self.columns = out.columns,
            Progress::Suspended(_) => panic!("the filter fails"),
        }
    }

    /// One call that fails: what finds out about it stands in other figures.
    pub fn fail(&mut self) {
        let kept = self.columns.clone();
        assert!(matches!(self.start(&[0]), Progress::Suspended(_)));
        self.columns = kept;
    }

    fn start(&mut self, chain: &[usize]) -> Progress {
        let batch = Batch {
            columns: std::mem::take(&mut self.columns),
            receipt: Receipt::new(0, self.news.clone()),
        };
        let mut run = chain::Run {
            container: &self.container,
            held: &mut Held::default(),
            last: false,
            times: 0..=u64::MAX,
            now: std::time::Duration::ZERO,
            chosen_from: usize::MAX,
        };
        chain::start(&mut self.filters, chain, batch, &mut run).expect("a batch")
    }

    /// The same for a filter that changes records: the batch is copied first, so that it is the
    /// same one each time.
    pub fn call_on_copy(&mut self) -> Columns {
        let kept = self.columns.clone();
        self.call();
        std::mem::replace(&mut self.columns, kept)
    }
}
