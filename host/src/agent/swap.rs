//! Changes what a running agent runs: modules, and `logsieve.yaml` itself.
//!
//! One thread looks at the files, compiles and tries what is new, and hands every lane a plan, which
//! the lane takes up between two batches. A start is the first such change: lanes run from the first
//! moment, so that files are opened, and read once their filters are there.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::{Builder, JoinHandle};

use tokio::runtime::Handle;

use super::Running;
use super::outlets::Outlets;
use super::status::Desk;
use super::teams::Teams;
use super::watch::Watch;
use crate::clock::Clock;
use crate::config::{self, Config, Resolved, ResolvedFilter};
use crate::enrich::pods::Expects;
use crate::filter::module::find;
use crate::filter::quarantine::Keeper;
use crate::filter::swap::{Swap, Wanted};
use crate::lane::Event;
use crate::route::Table;
use crate::source::log_file::ask::{Again, Stop};

/// What the thread works on.
pub struct Swapper {
    /// The configuration's file.
    pub path: PathBuf,
    /// What it said when it was last looked at, and whether it could be read.
    pub text: Result<String, config::Error>,
    pub config: Config,
    /// What the configuration comes to, and the same with what teams ship.
    pub configured: Resolved,
    pub resolved: Resolved,
    pub teams: Teams,
    /// The routes as they were at the start, and what is watched of pods for them.
    pub started: Table,
    pub expects: Expects,
    pub swap: Swap,
    pub clock: Clock,
    pub lanes: Vec<Sender<Event>>,
    pub outlets: Arc<Outlets>,
    pub keeper: Keeper,
    pub desk: Arc<Desk>,
    /// The outlets of the present destinations, in their order.
    pub numbers: Vec<usize>,
    /// Those of the former ones: lanes that have not changed yet may send there.
    pub former: Vec<usize>,
    pub runtime: Handle,
    /// Has all files told again, for containers that no route took before.
    pub again: Again,
}

/// Why a new configuration does not come into force.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("it cannot be read")]
    Unreadable,
    #[error(transparent)]
    Config(#[from] config::Error),
    #[error("a destination's sender does not start")]
    Outlet(#[from] io::Error),
    #[error("{0}, which the running agent does not watch: a restart is needed for all of it")]
    Watched(&'static str),
}

/// The thread.
pub struct Swapping {
    stop: Stop,
    handle: JoinHandle<()>,
}

impl Swapping {
    /// Changes nothing any more.
    pub fn stop(self) {
        self.stop.now();
        // A compilation may go on for minutes, and ends with the process.
        drop(self.handle);
    }
}

impl Swapper {
    /// # Errors
    /// When no thread can be started.
    pub fn start(mut self) -> io::Result<Swapping> {
        let stop = Stop::default();
        let stopped = stop.clone();
        let handle = Builder::new().name("swap".into()).spawn(move || {
            let mut watch = Watch::start(&stopped);
            while !stopped.asked() {
                watch.follow(self.folders());
                self.reload();
                self.take_shipped();
                self.look(&stopped);
                watch.wait(&stopped);
            }
        })?;
        Ok(Swapping { stop, handle })
    }

    fn folders(&self) -> BTreeSet<PathBuf> {
        let directories = &self.config.filters.directories;
        let modules = self.resolved.filters.iter();
        let modules = modules.flat_map(|f| find::folders(&f.module, directories));
        let own = self.path.parent().map(|folder| match folder.as_os_str() {
            empty if empty.is_empty() => PathBuf::from("."),
            _ => folder.to_owned(),
        });
        let teams = self.configured.teams.iter();
        let teams = teams.map(|team| team.directory.clone());
        modules.chain(own).chain(teams).collect()
    }

    /// Takes up the filters that teams ship now.
    fn take_shipped(&mut self) {
        if !self.teams.look(&self.configured.teams, &self.swap) {
            return;
        }
        self.resolved = self.configured.with_shipped(self.teams.shipped());
        self.swap.keep_only(&self.wanted());
        self.tell(None);
    }

    /// Looks at every filter; lanes hear of each that takes over at once.
    fn look(&mut self, stop: &Stop) {
        for wanted in self.wanted() {
            if stop.asked() {
                return;
            }
            if self.swap.look(&wanted, self.clock.now().mono) {
                self.tell(Some(&wanted.name));
            }
        }
        self.tell_readiness();
    }

    fn wanted(&self) -> Vec<Wanted> {
        let wanted = |filter: &ResolvedFilter| Wanted {
            name: filter.name.clone(),
            module: filter.module.clone(),
            pin: filter.config.sha256.clone(),
            settings: filter.settings.clone(),
            limits: filter.limits.clone(),
            directories: self.config.filters.directories.clone(),
        };
        self.resolved.filters.iter().map(wanted).collect()
    }

    /// Every chain has its filters, or those that wait are named.
    fn tell_readiness(&self) {
        let used = self.resolved.filters.iter().enumerate();
        let used = used.filter(|(at, _)| self.resolved.table.uses(*at));
        let waiting = used.filter(|(_, filter)| self.swap.in_charge(&filter.name).is_none());
        let named = waiting.map(|(_, filter)| {
            let why = self.swap.refused(&filter.name).unwrap_or_default();
            format!("filter `{}` has no module that works: {why}", filter.name)
        });
        let named: Vec<String> = named.collect();
        self.outlets.metrics.ready.set(i64::from(named.is_empty()));
        self.outlets.metrics.swaps.tell_not_ready(named);
    }

    /// Hands every lane a plan. `changed`: the filter whose module changed, so that an instance of
    /// it is made here and not between a lane's batches.
    fn tell(&self, changed: Option<&str>) {
        let running = Running {
            resolved: &self.resolved,
            numbers: &self.numbers,
            keeper: &self.keeper,
            hold_idle: Some(self.config.filters.hold_idle),
        };
        for lane in &self.lanes {
            let mut plan = running.plan(|filter| self.swap.in_charge(&filter.name).cloned());
            for (name, filter) in &mut plan.filters {
                if let (Some(filter), true) = (filter, changed == Some(name)) {
                    filter.prepare();
                }
            }
            // A lane that is gone is being stopped.
            let _ = lane.send(Event::Plan(Box::new(plan)));
        }
    }

    /// Takes the configuration's file up, if it has changed.
    fn reload(&mut self) {
        let text = config::text(&self.path);
        let same = match (&text, &self.text) {
            (Ok(new), Ok(known)) => new == known,
            (Err(new), Err(known)) => new.to_string() == known.to_string(),
            _ => false,
        };
        if same {
            return;
        }
        let changed = self.change(text.as_deref());
        self.text = text;
        let (metrics, config) = (&self.outlets.metrics.swaps, self.path.display());
        match changed {
            Ok(()) => {
                metrics.config_reloads.inc();
                tracing::info!(%config, "the new configuration is in force");
            }
            Err(error) => {
                metrics.config_refusals.inc();
                let error = &error as &dyn std::error::Error;
                tracing::error!(%config, error, "the new configuration is refused; the former stays in force");
            }
        }
    }

    fn change(&mut self, text: Result<&str, &config::Error>) -> Result<(), Refused> {
        let text = text.map_err(|_| Refused::Unreadable)?;
        let (mut config, resolved) = Config::read_whole(&self.path, text)?;
        self.is_watched(&resolved.table)?;
        let restart = config.keep_what_needs_a_restart(&self.config);
        if !restart.is_empty() {
            let keys = restart.join("`, `");
            tracing::warn!("a restart is needed for the new `{keys}`; all else changes now");
        }
        let numbers = self.open(&resolved)?;
        self.outlets.bound(
            resolved
                .destinations
                .iter()
                .map(|(_, destination)| destination),
        );
        self.outlets.close(&self.former);
        let is_left = |number: &usize| !numbers.contains(number);
        self.former = self.numbers.iter().copied().filter(is_left).collect();
        self.outlets.leave(&self.former);
        self.teams.look(&resolved.teams, &self.swap);
        self.resolved = resolved.with_shipped(self.teams.shipped());
        (self.config, self.configured, self.numbers) = (config, resolved, numbers);
        self.desk.sends_to(&self.resolved);
        self.swap.keep_only(&self.wanted());
        self.tell(None);
        // Containers that no route took have no file open.
        self.again.now();
        Ok(())
    }

    /// Whether all that the routes ask of pods is told to the lanes.
    fn is_watched(&self, table: &Table) -> Result<(), Refused> {
        if table.needs_pods() && !self.expects.pods {
            return Err(Refused::Watched(
                "routes match labels or annotations of pods",
            ));
        }
        if table.needs_namespaces() && !self.expects.namespaces {
            return Err(Refused::Watched("routes match labels of namespaces"));
        }
        let known = self.started.matched_annotations();
        let mut matched = table.matched_annotations().into_iter();
        match matched.all(|name| known.contains(&name)) {
            true => Ok(()),
            false => Err(Refused::Watched("routes match further annotations")),
        }
    }

    /// Outlets for all destinations: the same as before for those that are.
    fn open(&self, resolved: &Resolved) -> io::Result<Vec<usize>> {
        let known = self.resolved.destinations.iter().zip(&self.numbers);
        let mut numbers = Vec::new();
        for destination in &resolved.destinations {
            let same = known.clone().find(|(known, _)| *known == destination);
            numbers.push(match same {
                Some((_, number)) => *number,
                None => {
                    let (name, destination) = destination;
                    let opens = self.outlets.open(name, destination);
                    self.runtime.block_on(opens)?
                }
            });
        }
        Ok(numbers)
    }
}
