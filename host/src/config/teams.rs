//! What teams may ship, turned into what the agent runs once somebody has looked into their folders:
//! the operator decides who, how many and within which limits, and never names a module.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::filters::choices;
use super::{Config, Error, Place, Resolved, ResolvedFilter};
use crate::filter::limits::Limits;
use crate::filter::settings::Settings;
use crate::filter::{FilterConfig, OnError, TeamConfig};
use crate::record::columns::RouteId;

/// A team that ships filters of its own.
#[derive(Debug, Clone)]
pub struct Team {
    pub name: String,
    pub directory: PathBuf,
    pub filters_max: usize,
    limits: Limits,
    on_error: OnError,
    routes: Vec<(String, RouteId)>,
}

/// Names of filters by team.
pub type Shipped = BTreeMap<String, BTreeSet<String>>;

impl Config {
    pub(super) fn teams(&self, destinations: &[String]) -> Result<Vec<Team>, Error> {
        let one = |(name, config): (&String, &TeamConfig)| {
            let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            if name.is_empty() || !name.chars().all(fits) {
                let name = name.clone();
                return Err(Error::Team { name });
            }
            let prefix = format!("{name}/");
            if let Some(filter) = self.filters.modules.keys().find(|f| f.starts_with(&prefix)) {
                let (name, team) = (filter.clone(), name.clone());
                return Err(Error::OfTeam { name, team });
            }
            let first = self.filters.directories.first();
            let own = first.map(|folder| folder.join(name)).unwrap_or_default();
            let place = |key: &str| Place::of_team(name, key);
            Ok(Team {
                name: name.clone(),
                directory: config.directory.clone().unwrap_or(own),
                filters_max: config.filters_max,
                limits: self.limits_of(&config.limits, |key| Place::of_team(name, key))?,
                on_error: config.on_error,
                routes: choices(&place("routes"), &config.routes, destinations)?,
            })
        };
        self.filters.teams.iter().map(one).collect()
    }
}

impl Team {
    /// What the names of its filters begin with.
    #[must_use]
    pub fn prefix(&self) -> String {
        format!("{}/", self.name)
    }

    fn filter(&self, name: &str) -> ResolvedFilter {
        ResolvedFilter {
            name: format!("{}{name}", self.prefix()),
            module: self.directory.join(format!("{name}.wasm")),
            settings: Settings::Beside,
            config: FilterConfig {
                on_error: self.on_error,
                ..FilterConfig::default()
            },
            limits: self.limits.clone(),
            routes: self.routes.clone(),
        }
    }
}

impl Resolved {
    /// The same with the filters that teams ship: behind the operator's own, and among what their
    /// namespaces may choose.
    #[must_use]
    pub fn with_shipped(&self, shipped: &Shipped) -> Self {
        let mut resolved = self.clone();
        for team in &self.teams {
            for name in shipped.get(&team.name).into_iter().flatten() {
                let (filter, index) = (team.filter(name), resolved.filters.len());
                for allow in &mut resolved.table.allow {
                    let shipped = allow.shipped.as_ref();
                    if shipped.is_some_and(|globs| globs.matches(&filter.name)) {
                        allow.filters.push((filter.name.clone(), index));
                    }
                }
                resolved.filters.push(filter);
            }
        }
        resolved
    }
}
