//! `logsieve filter test`: runs `examples.yaml` through the agent's own engine and shows what differs.
//! What an example does not say (a time, an output) is not held against the filter.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::clock::{self, Clock};
use crate::filter::OnError;
use crate::filter::chain::{self, Filter, Held};
use crate::filter::engine::Engine;
use crate::filter::instance::Blueprint;
use crate::filter::limits::Limits;
use crate::filter::module;
use crate::record::columns::Columns;
use crate::record::receipt::{News, Receipt, news_channel};
use crate::record::{Batch, Container, Facts, Stream};
use crate::telemetry::metrics::Metrics;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The filter's module (`.wasm`).
    module: PathBuf,
    /// Its examples; `examples.yaml` beside the module where not given.
    #[arg(long, short)]
    examples: Option<PathBuf>,
}

type Settings = serde_json::Map<String, serde_json::Value>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Examples {
    #[serde(default)]
    settings: Settings,
    examples: Vec<Example>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    name: String,
    settings: Option<Settings>,
    #[serde(default)]
    origin: Facts,
    #[serde(rename = "in")]
    records_in: Vec<Text>,
    #[serde(rename = "out")]
    records_out: Vec<Text>,
}

/// A record: its text, or more of it.
#[derive(Debug, Clone, Deserialize, Serialize, PartialEq, Eq)]
#[serde(untagged)]
enum Text {
    Plain(String),
    Full(Full),
}

#[derive(Debug, Clone, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Full {
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<String>,
}

impl Text {
    fn full(self) -> Full {
        match self {
            Self::Full(full) => full,
            Self::Plain(text) => Full {
                text,
                ..Full::default()
            },
        }
    }
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    crate::telemetry::logs::start(crate::telemetry::logs::Config::default());
    let beside = || args.module.with_file_name("examples.yaml");
    let path = args.examples.clone().unwrap_or_else(beside);
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("examples `{}`", path.display()))?;
    let examples: Examples =
        serde_saphyr::from_str(&text).with_context(|| format!("examples `{}`", path.display()))?;
    let engine = Engine::new(Clock::start())?;
    let module =
        module::load(&engine, &args.module).map_err(|source| crate::agent::Error::Module {
            name: filter_name(&args.module),
            source,
        })?;
    let mut failed = 0;
    for example in &examples.examples {
        let settings = example.settings.as_ref().unwrap_or(&examples.settings);
        let got = through(&engine, &module, settings, example);
        failed += usize::from(!show(example, got));
    }
    let passed = examples.examples.len() - failed;
    println!("\n{passed} passed, {failed} failed");
    Ok(ExitCode::from(u8::from(failed > 0)))
}

fn filter_name(module: &Path) -> String {
    let stem = module.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

/// The example's records through the filter, in one batch that is the last.
fn through(
    engine: &Engine,
    module: &module::Module,
    settings: &Settings,
    example: &Example,
) -> anyhow::Result<Vec<Full>> {
    let wanted = example.records_out.iter().cloned().map(Text::full);
    let routes: Vec<String> = wanted.filter_map(|t| t.route).collect();
    let name = filter_name(&module.path);
    let blueprint = Blueprint {
        engine: engine.clone(),
        module: module.clone(),
        settings: serde_json::Value::from(settings.clone()).to_string(),
        limits: Limits::default(),
        cpu: clock::thread_cpu,
        metrics: Metrics::default().filter(&name),
        name,
    };
    let allowed = routes
        .iter()
        .zip(0..)
        .map(|(r, id)| (r.clone(), id))
        .collect();
    let mut filters = [Filter::new(blueprint, OnError::Block, allowed)];
    let (to, _news) = std::sync::mpsc::channel::<News>();
    let batch = Batch {
        columns: columns(&example.records_in)?,
        receipt: Receipt::new(0, news_channel(to)),
    };
    let mut run = chain::Run {
        container: &Arc::new(container(&example.origin)),
        held: &mut Held::default(),
        last: true,
        times: 0..=u64::MAX,
        now: std::time::Duration::ZERO,
        chosen_from: usize::MAX,
    };
    let out = chain::run(&mut filters, &[0], batch, &mut run)?.columns;
    Ok((0..out.len())
        .map(|at| Full {
            text: String::from_utf8_lossy(out.record(at)).into_owned(),
            time: Some(crate::sink::rfc3339(out.times[at])),
            stream: Some(out.streams[at].name().to_owned()),
            route: out
                .route(at)
                .and_then(|id| routes.get(id as usize).cloned()),
        })
        .collect())
}

fn container(origin: &Facts) -> Container {
    let fact = |name: &str| origin.get(name).cloned().unwrap_or_default();
    Container {
        namespace: fact("k8s.namespace.name"),
        pod: fact("k8s.pod.name"),
        pod_uid: fact("k8s.pod.uid"),
        name: fact("k8s.container.name"),
        facts: origin.clone(),
    }
}

fn columns(records: &[Text]) -> anyhow::Result<Columns> {
    let mut columns = Columns::default();
    for record in records.iter().cloned().map(Text::full) {
        let time = match &record.time {
            None => 0,
            Some(time) => {
                let time: jiff::Timestamp =
                    time.parse().with_context(|| format!("time `{time}`"))?;
                u64::try_from(time.as_nanosecond()).context("times before 1970 are not for logs")?
            }
        };
        let stream = match record.stream.as_deref() {
            None | Some("stdout") => Stream::Stdout,
            Some("stderr") => Stream::Stderr,
            Some(other) => anyhow::bail!("stream `{other}`: it is `stdout` or `stderr`"),
        };
        columns.push(record.text.as_bytes(), time, stream, 0);
    }
    Ok(columns)
}

/// Prints how one example went.
fn show(example: &Example, got: anyhow::Result<Vec<Full>>) -> bool {
    let got = match got {
        Ok(got) => got,
        Err(error) => {
            println!("FAIL  {}\n      {error:#}", example.name);
            return false;
        }
    };
    let wanted: Vec<Full> = example
        .records_out
        .iter()
        .cloned()
        .map(Text::full)
        .collect();
    // What an example does not say is not held against the filter.
    let same = |w: &Full, g: &Full| {
        w.text == g.text
            && (w.time.is_none() || same_time(&w.time, &g.time))
            && (w.stream.is_none() || w.stream == g.stream)
            && w.route == g.route
    };
    let fits = wanted.len() == got.len() && wanted.iter().zip(&got).all(|(w, g)| same(w, g));
    if fits {
        println!("ok    {}", example.name);
        return true;
    }
    println!("FAIL  {}", example.name);
    for at in 0..wanted.len().max(got.len()) {
        match (wanted.get(at), got.get(at)) {
            (Some(w), Some(g)) if same(w, g) => println!("        {}", g.text),
            (w, g) => {
                w.iter().for_each(|w| println!("      - {}", line(w)));
                g.iter().for_each(|g| println!("      + {}", line(g)));
            }
        }
    }
    false
}

fn same_time(a: &Option<String>, b: &Option<String>) -> bool {
    let read = |t: &Option<String>| t.as_ref()?.parse::<jiff::Timestamp>().ok();
    read(a) == read(b)
}

fn line(record: &Full) -> String {
    serde_json::to_string(record).unwrap_or_default()
}
