//! Loads filters once and for all: for `logsieve check` and for simulations. The running agent replaces
//! them while it runs; see `swap`.

use super::Error;
use crate::clock;
use crate::config::{Config, Resolved, ResolvedFilter};
use crate::filter::engine::Engine;
use crate::filter::instance::{Blueprint, Instance};
use crate::filter::module;
use crate::telemetry::metrics::Metrics;

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
    let filters = resolved.filters.iter();
    filters
        .map(|filter| load_filter(engine, config, filter, metrics))
        .collect()
}

/// One filter.
///
/// # Errors
/// When it has no module that works with its settings.
pub fn load_filter(
    engine: &Engine,
    config: &Config,
    filter: &ResolvedFilter,
    metrics: &Metrics,
) -> Result<Blueprint, Error> {
    let name = || filter.name.clone();
    let of_module = |source| Error::Module {
        name: name(),
        source,
    };
    let pin = filter.config.sha256.as_deref();
    let found = module::find::read(&filter.module, &config.filters.directories, pin);
    let found = found.map_err(of_module)?;
    let settings = filter.settings.of(&found);
    let blueprint = Blueprint {
        name: name(),
        engine: engine.clone(),
        module: module::from_bytes(engine, &found.path, &found.bytes).map_err(of_module)?,
        settings: settings.map_err(|cause| Error::Settings {
            name: name(),
            cause,
        })?,
        limits: filter.limits.clone(),
        cpu: clock::thread_cpu,
        metrics: metrics.filter(&filter.name),
    };
    Instance::new(&blueprint).map_err(|source| Error::Filter {
        name: name(),
        source,
    })?;
    Ok(blueprint)
}
