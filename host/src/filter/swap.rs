//! Which module is in charge of each filter, and what takes over from it.
//!
//! A filter is its module and its settings together. What takes over is read, compiled, instantiated
//! and configured, and has passed its own examples, before a lane hears of it; what fails any of
//! that is refused as a whole, and the pair in charge works on. So it does when its module's file is
//! gone. At the start, when nothing is in charge, the pair that was accepted last on this node stands
//! in, if the configuration pins no other module; where there is none, the filter waits, and so do its
//! containers: nothing leaves unfiltered. The same files and settings are tried once, until something
//! about them changes, or again where they only took too long.

mod refusal;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::accepted::Store;
use super::compile::Compiler;
use super::examples::{self, Examples};
use super::instance::{Blueprint, Instance};
use super::limits::Limits;
use super::module::find::{self, Found, Place};
use super::module::{self, sha256_hex};
use super::settings::Settings;
use crate::clock;
use crate::telemetry::metrics::{FilterMetrics, Metrics};

use refusal::Later;
pub use refusal::Refusal;

/// A filter as the configuration has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub name: String,
    pub module: PathBuf,
    /// SHA-256 of the one module that may take over.
    pub pin: Option<String>,
    pub settings: Settings,
    pub limits: Limits,
    pub directories: Vec<PathBuf>,
}

/// What is known of one filter.
#[derive(Default)]
struct Entry {
    in_charge: Option<Blueprint>,
    metrics: Option<Arc<FilterMetrics>>,
    tried: Option<(Wanted, Option<Place>)>,
    /// When the same is tried once more.
    later: Option<Later>,
    refused: Option<String>,
}

/// All filters.
pub struct Swap {
    compiler: Compiler,
    accepted: Option<Store>,
    metrics: Arc<Metrics>,
    filters: BTreeMap<String, Entry>,
}

impl Swap {
    /// `accepted`: where the last accepted modules are kept, if they are.
    #[must_use]
    pub fn new(compiler: Compiler, accepted: Option<Store>, metrics: Arc<Metrics>) -> Self {
        Self {
            compiler,
            accepted,
            metrics,
            filters: BTreeMap::new(),
        }
    }

    /// What is in charge of a filter; none while it waits for its first module.
    #[must_use]
    pub fn in_charge(&self, filter: &str) -> Option<&Blueprint> {
        self.filters.get(filter)?.in_charge.as_ref()
    }

    /// Why the filter's present files or settings are not in charge.
    #[must_use]
    pub fn refused(&self, filter: &str) -> Option<&str> {
        self.filters.get(filter)?.refused.as_deref()
    }

    /// Filters below this prefix that are in charge, or were when the agent ran last, without it.
    #[must_use]
    pub fn known_below(&self, prefix: &str) -> BTreeSet<String> {
        let in_charge = self.filters.iter().filter(|(_, e)| e.in_charge.is_some());
        let in_charge = in_charge.map(|(name, _)| name.clone());
        let kept = self.accepted.iter().flat_map(Store::names);
        let all = in_charge.chain(kept);
        all.filter_map(|name| name.strip_prefix(prefix).map(str::to_owned))
            .collect()
    }

    /// Forgets filters that are no longer in the configuration.
    pub fn keep_only(&mut self, wanted: &[Wanted]) {
        let is_wanted = |name: &str| wanted.iter().any(|w| w.name == name);
        for (name, entry) in &self.filters {
            if !is_wanted(name) {
                self.metrics.forget_filter(name, hash(&entry.in_charge));
            }
        }
        self.filters.retain(|name, _| is_wanted(name));
        if let Some(store) = &self.accepted {
            store.keep_only(wanted.iter().map(|w| w.name.as_str()));
        }
    }

    /// Looks at a filter's files and settings. Says whether something took over.
    pub fn look(&mut self, wanted: &Wanted, now: Duration) -> bool {
        let mut entry = self.filters.remove(&wanted.name).unwrap_or_default();
        let place = find::locate(&wanted.module, &wanted.directories).ok();
        let attempt = (wanted.clone(), place);
        let is_new = entry.tried.as_ref() != Some(&attempt);
        let is_due = entry.later.is_some_and(|later| later.at <= now);
        let changed = (is_new || is_due) && {
            entry.tried = Some(attempt);
            entry.later = entry.later.filter(|_| !is_new);
            self.attempt(wanted, &mut entry, now)
        };
        let waits = entry.in_charge.is_none();
        self.metrics.swaps.waits(&wanted.name, waits);
        let why = entry.refused.as_deref();
        self.metrics.swaps.tell_why(&wanted.name, why);
        self.filters.insert(wanted.name.clone(), entry);
        changed
    }

    fn attempt(&self, wanted: &Wanted, entry: &mut Entry, now: Duration) -> bool {
        let former = entry.later.take();
        let pin = wanted.pin.as_deref();
        let found = find::read(&wanted.module, &wanted.directories, pin);
        let missing = match &found {
            Err(error @ module::Error::Missing { .. }) => Some(error.to_string()),
            _ => None,
        };
        let made = match found {
            // Its file is gone: what is in charge, or was accepted last, stands in.
            Err(error) if missing.is_some() => match self.stand_in(wanted, entry) {
                Some((found, settings)) => self.make(wanted, &settings, entry, Some(&found)),
                None => match &entry.in_charge {
                    Some(in_charge) => {
                        let settings = wanted.settings.or(&in_charge.settings);
                        self.make(wanted, &settings, entry, None)
                    }
                    None => Err(error.into()),
                },
            },
            Err(error) => Err(error.into()),
            Ok(found) => match wanted.settings.of(&found) {
                Ok(settings) => self.make(wanted, &settings, entry, Some(&found)),
                Err(cause) => Err(Refusal::Settings(cause)),
            },
        };
        let refused = match made {
            Ok(None) => missing,
            Ok(Some(blueprint)) => {
                self.take_over(entry, blueprint);
                entry.refused = missing;
                self.tell_refused(wanted, entry);
                return true;
            }
            Err(refusal) => {
                if refusal.may_pass() {
                    entry.tried = None;
                }
                if refusal.is_late() {
                    entry.later = Some(Later::behind(former, now));
                }
                self.metrics.swaps.refused(&wanted.name);
                Some(with_causes(&refusal))
            }
        };
        let is_news = refused != entry.refused;
        entry.refused = refused;
        let fell_back = entry.in_charge.is_none() && self.fall_back(wanted, entry);
        if is_news {
            self.tell_refused(wanted, entry);
        }
        fell_back
    }

    /// The module accepted last, for the present settings: when nothing is in charge yet.
    fn stand_in(&self, wanted: &Wanted, entry: &Entry) -> Option<(Found, String)> {
        if entry.in_charge.is_some() {
            return None;
        }
        let (found, settings) = self.accepted(wanted)?;
        Some((found, wanted.settings.or(&settings)))
    }

    /// What was accepted last, unless the configuration pins another module by now.
    fn accepted(&self, wanted: &Wanted) -> Option<(Found, String)> {
        let accepted = self.accepted.as_ref()?.load(&wanted.name)?;
        let found = kept(wanted, accepted.bytes);
        let is_pinned = wanted.pin.as_ref().is_none_or(|pin| *pin == found.hash);
        is_pinned.then_some((found, accepted.settings))
    }

    /// Nothing is in charge: the pair that was accepted last takes over, if it still works.
    fn fall_back(&self, wanted: &Wanted, entry: &mut Entry) -> bool {
        let Some((found, settings)) = self.accepted(wanted) else {
            return false;
        };
        match self.make(wanted, &settings, entry, Some(&found)) {
            Ok(Some(blueprint)) => {
                self.take_over(entry, blueprint);
                true
            }
            Ok(None) => false,
            Err(refusal) => {
                let (filter, error) = (&wanted.name, with_causes(&refusal));
                tracing::error!(
                    filter,
                    error,
                    "the module accepted last does not work either"
                );
                false
            }
        }
    }

    /// Makes and tries what would take over; none if it is in charge already. Without `found`, of the
    /// module in charge.
    fn make(
        &self,
        wanted: &Wanted,
        settings: &str,
        entry: &mut Entry,
        found: Option<&Found>,
    ) -> Result<Option<Blueprint>, Refusal> {
        let former = entry.in_charge.as_ref();
        let same = former.filter(|f| found.is_none_or(|found| found.hash == f.module.hash));
        let is_new = same.is_none();
        let module = match (same, found) {
            (Some(b), _) if b.settings == settings && b.limits == wanted.limits => return Ok(None),
            (Some(b), _) => b.module.clone(),
            (None, Some(found)) => self.compiler.module(found)?,
            (None, None) => return Ok(None),
        };
        let metrics = entry
            .metrics
            .get_or_insert_with(|| self.metrics.filter(&wanted.name));
        let blueprint = Blueprint {
            name: wanted.name.clone(),
            engine: self.compiler.engine().clone(),
            module,
            settings: settings.to_owned(),
            limits: wanted.limits.clone(),
            cpu: clock::thread_cpu,
            metrics: metrics.clone(),
        };
        Instance::new(&blueprint)?;
        if let Some(examples) = found.and_then(|f| f.examples.as_deref()).filter(|_| is_new) {
            self.pass(examples, &blueprint)?;
        }
        if let (Some(found), Some(store)) = (found, &self.accepted)
            && let Err(error) = store.save(&wanted.name, settings, &found.bytes)
        {
            let filter = &wanted.name;
            tracing::warn!(filter, %error, "the accepted module cannot be kept for a restart");
        }
        Ok(Some(blueprint))
    }

    /// The module's own examples, on the operator's limits.
    fn pass(&self, text: &str, blueprint: &Blueprint) -> Result<(), Refusal> {
        let examples = Examples::parse(text).map_err(Refusal::Examples)?;
        for example in &examples.examples {
            let (engine, module) = (&blueprint.engine, &blueprint.module);
            let outcome = examples.run(example, engine, module, &blueprint.limits);
            let different = outcome.map_err(|e| Refusal::of_example(&example.name, &e))?;
            if let Some(first) = different.iter().find(|d| d.same().is_none()) {
                return Err(Refusal::Example {
                    name: example.name.clone(),
                    cause: told(first),
                    is_late: false,
                });
            }
        }
        Ok(())
    }

    fn take_over(&self, entry: &mut Entry, blueprint: Blueprint) {
        let former = hash(&entry.in_charge).map(str::to_owned);
        let (filter, module) = (&blueprint.name, &blueprint.module);
        let path = module.path.display();
        match &former {
            None => tracing::info!(filter, module = %path, sha256 = module.hash, "filter loaded"),
            Some(former) if *former == module.hash => {
                tracing::info!(
                    filter,
                    sha256 = module.hash,
                    "new settings or limits take over"
                );
            }
            Some(former) => {
                let sha256 = &module.hash;
                tracing::info!(filter, module = %path, sha256, former, "a new module takes over");
            }
        }
        self.metrics
            .swaps
            .accepted(filter, former.as_deref(), &module.hash);
        entry.in_charge = Some(blueprint);
    }

    fn tell_refused(&self, wanted: &Wanted, entry: &Entry) {
        let (Some(error), filter) = (&entry.refused, &wanted.name) else {
            return;
        };
        match hash(&entry.in_charge) {
            Some(in_charge) => tracing::error!(
                filter,
                error,
                in_charge,
                "module or settings are refused; what is in charge works on"
            ),
            None => tracing::error!(
                filter,
                error,
                "there is no module that works: the filter's containers wait, and nothing is lost"
            ),
        }
    }
}

fn hash(blueprint: &Option<Blueprint>) -> Option<&str> {
    blueprint.as_ref().map(|b| b.module.hash.as_str())
}

/// A kept module, as if it had been found.
fn kept(wanted: &Wanted, bytes: Vec<u8>) -> Found {
    Found {
        path: Path::new("(accepted last)").join(wanted.module.file_name().unwrap_or_default()),
        hash: sha256_hex(&bytes),
        bytes,
        examples: None,
        settings: None,
    }
}

fn told(difference: &examples::Difference) -> String {
    let line =
        |record: &Option<examples::Record>| record.as_ref().map_or("nothing".into(), |r| r.line());
    let (wanted, got) = (line(&difference.wanted), line(&difference.got));
    format!("it wants {wanted}, and {got} came")
}

/// An error with what led to it, as people read it.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
