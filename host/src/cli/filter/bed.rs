//! What `run`, `test` and `bench` stand a filter on: the agent's own engine, limits and chain, around
//! one module and one container.
//!
//! A failing filter meets `block`, so that its failure comes out as an error and not as records.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;

use super::place;
use crate::agent;
use crate::clock::{self, Clock};
use crate::filter::OnError;
use crate::filter::chain::{self, Blocked, Filter, Held};
use crate::filter::engine::Engine;
use crate::filter::instance::{Blueprint, Instance};
use crate::filter::limits::{Given, Limits};
use crate::filter::module;
use crate::filter::settings::{self, in_words};
use crate::record::receipt::{News, NewsSender, Receipt, news_channel};
use crate::record::{Batch, Container, Facts};
use crate::telemetry::metrics::Metrics;

/// A filter, and what an operator would say about it.
#[derive(Debug, clap::Args)]
pub struct Subject {
    /// The filter's module (`.wasm`), or the folder that it was built in.
    #[arg(default_value = ".")]
    pub module: PathBuf,
    /// Its settings: YAML or JSON, as in `'drop: { contains: [DEBUG] }'`, or `@FILE`.
    #[arg(long)]
    pub settings: Option<String>,
    /// Its limits, as in the agent's configuration: `'memory: 64MiB'`.
    #[arg(long)]
    pub limits: Option<String>,
    /// Destinations that it may choose.
    #[arg(long, value_delimiter = ',')]
    pub routes: Vec<String>,
}

impl Subject {
    /// # Errors
    /// When the module cannot be loaded, or settings or limits do not parse.
    pub fn bed(&self) -> anyhow::Result<Bed> {
        let limits = limits(self.limits.as_deref())?;
        let settings = self.settings()?;
        let loaded = Loaded::new(&self.module)?;
        loaded.bed(&settings, limits, &self.routes)
    }

    /// # Errors
    /// When they do not parse, or their file cannot be read.
    pub fn settings(&self) -> anyhow::Result<Settings> {
        let settings = self.settings.as_deref().map(given);
        settings.unwrap_or_else(|| Ok(Settings::new()))
    }
}

pub type Settings = serde_json::Map<String, serde_json::Value>;

fn given(text: &str) -> anyhow::Result<Settings> {
    let text = match text.strip_prefix('@') {
        Some(file) => {
            std::fs::read_to_string(file).with_context(|| format!("`--settings`: `{file}`"))?
        }
        None => text.to_owned(),
    };
    settings::mapping(&text)
        .map_err(anyhow::Error::msg)
        .context("`--settings` is no YAML mapping")
}

/// # Errors
/// When they do not parse.
pub fn limits(text: Option<&str>) -> anyhow::Result<Limits> {
    let given = text.map_or_else(
        || Ok(Given::default()),
        |text| serde_saphyr::from_str(text).map_err(|error| anyhow::anyhow!(in_words(&error))),
    );
    let given = given.context("`--limits`")?;
    Ok(given.over(&Limits::default()))
}

/// A larger module takes seconds to compile, and who waits is told for what.
const LARGE_BYTES: u64 = 1 << 20;

/// A module in the agent's engine.
pub struct Loaded {
    pub engine: Engine,
    pub module: module::Module,
    pub name: String,
}

impl Loaded {
    /// # Errors
    /// When there is no module, or none that the agent takes.
    pub fn new(path: &Path) -> anyhow::Result<Self> {
        Self::within(Engine::new(Clock::start())?, path)
    }

    /// The same in another engine.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn within(engine: Engine, path: &Path) -> anyhow::Result<Self> {
        let path = place::module(path)?;
        let name = module::stem(&path);
        let bytes = std::fs::metadata(&path).map_or(0, |m| m.len());
        if bytes > LARGE_BYTES && std::io::stderr().is_terminal() {
            eprintln!("compiles `{}`, {} MB", path.display(), bytes / 1_000_000);
        }
        let module = module::load(&engine, &path).map_err(|source| agent::Error::Module {
            name: name.clone(),
            source,
        })?;
        Ok(Self {
            engine,
            module,
            name,
        })
    }

    #[must_use]
    pub fn blueprint(&self, settings: &Settings, limits: Limits, metrics: &Metrics) -> Blueprint {
        Blueprint {
            name: self.name.clone(),
            engine: self.engine.clone(),
            module: self.module.clone(),
            settings: serde_json::Value::from(settings.clone()).to_string(),
            limits,
            cpu: clock::thread_cpu,
            metrics: metrics.filter(&self.name),
        }
    }

    /// # Errors
    /// When the filter refuses its settings, or does not start.
    pub fn bed(
        &self,
        settings: &Settings,
        limits: Limits,
        routes: &[String],
    ) -> anyhow::Result<Bed> {
        let blueprint = self.blueprint(settings, limits, &Metrics::default());
        let refused = |source| agent::Error::Filter {
            name: self.name.clone(),
            source,
        };
        // Refused before a record is read, and not in the middle of what comes out.
        Instance::new(&blueprint).map_err(refused)?;
        let allowed = routes.iter().cloned().zip(0..).collect();
        Ok(Bed {
            filters: [Filter::new(blueprint, OnError::Block, allowed)],
            container: Arc::new(container(&Facts::new())),
            held: Held::default(),
            news: news_channel(std::sync::mpsc::channel::<News>().0),
        })
    }
}

/// A filter, ready to be handed batches of one container after another.
pub struct Bed {
    filters: [Filter; 1],
    container: Arc<Container>,
    held: Held,
    news: NewsSender,
}

impl Bed {
    /// Records come from another container from now on.
    pub fn set_container(&mut self, facts: &Facts) {
        self.container = Arc::new(container(facts));
    }

    #[must_use]
    pub fn receipt(&self) -> Receipt {
        Receipt::new(0, self.news.clone())
    }

    /// A batch through the filter.
    ///
    /// # Errors
    /// When the filter fails on it.
    pub fn pass(&mut self, batch: Batch, last: bool) -> Result<Batch, Blocked> {
        let mut run = chain::Run {
            container: &self.container,
            held: &mut self.held,
            last,
            times: 0..=u64::MAX,
            now: std::time::Duration::ZERO,
            chosen_from: usize::MAX,
        };
        chain::run(&mut self.filters, &[0], batch, &mut run)
    }
}

/// A container with these facts.
#[must_use]
pub fn container(facts: &Facts) -> Container {
    let fact = |name: &str| facts.get(name).cloned().unwrap_or_default();
    Container {
        namespace: fact("k8s.namespace.name"),
        pod: fact("k8s.pod.name"),
        pod_uid: fact("k8s.pod.uid"),
        name: fact("k8s.container.name"),
        facts: facts.clone(),
    }
}
