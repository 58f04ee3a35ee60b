//! What the user wrote -> what the agent runs.
//!
//! Each stage owns its part of the configuration; here they are composed, read from YAML, and
//! checked against each other. Unknown keys are refused by name, line and column, and every error
//! says where it is and what would be right.

mod allow;
mod filters;
mod place;
mod resolved;
mod restart;
mod routes;
mod teams;
mod values;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;

use crate::filter::settings::in_words;
use crate::route::annotations;
use crate::route::template::{self, Template};
use crate::route::{EntityTemplates, NameTemplates, Table};
use crate::sink::cloudwatch::{entity, group, limits};
use crate::{enrich, filter, route, sink, source, telemetry};

pub use place::Place;
pub use resolved::{Resolved, ResolvedFilter, Written};
pub use teams::{Shipped, Team};

/// The whole configuration, as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The agent's own folder, for the checkpoint; it has to outlive the pod.
    pub state: PathBuf,
    /// Threads that read, filter and pack; as many as the CPU quota grants, at most 4, where not given.
    pub lanes: Option<usize>,
    /// Most bytes held between reading and the sinks' answers.
    pub budget: ByteSize,
    /// How long a stop may take to have everything answered; less than the pod's grace period.
    #[serde(with = "humantime_serde")]
    pub drain: Duration,
    pub source: source::Config,
    pub enrich: enrich::Config,
    pub filters: filter::Config,
    pub destinations: sink::Config,
    pub routes: route::Config<sink::Format>,
    /// What pods may decide by their annotations.
    pub annotations: annotations::Config,
    pub telemetry: telemetry::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            state: PathBuf::from("/var/lib/logsieve"),
            lanes: None,
            budget: ByteSize::mib(24),
            drain: Duration::from_secs(25),
            source: source::Config::default(),
            enrich: enrich::Config::default(),
            filters: filter::Config::default(),
            destinations: sink::Config::default(),
            routes: route::Config::new(),
            annotations: annotations::Config::default(),
            telemetry: telemetry::Config::default(),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("configuration `{path}` cannot be read")]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("configuration `{path}`: {cause}")]
    Parse { path: PathBuf, cause: String },
    #[error("configuration `{path}`, line {line}, column {column}")]
    At {
        path: PathBuf,
        line: u64,
        column: u64,
        source: Box<Error>,
    },
    #[error("there are no `destinations`: nowhere to send records to")]
    NoDestinations,
    #[error("there are no `routes`: no container would be read")]
    NoRoutes,
    #[error("`source.files`, group `{group}`: `include` names no path")]
    NoPaths { group: String },
    #[error("route {number}: `{name}` is no filter of `filters.modules`; there {}", are(.known))]
    Filter {
        number: usize,
        name: String,
        known: Vec<String>,
    },
    #[error("{place}: `{name}` is no destination; there {}", are(.known))]
    Destination {
        place: Place,
        name: String,
        known: Vec<String>,
    },
    #[error("route {number}: give it a `destination`, or `exclude: true`; there {}", are(.known))]
    NoDestination { number: usize, known: Vec<String> },
    #[error("route {number}: has both `exclude` and a `destination`; which of them?")]
    Excluded { number: usize },
    #[error(
        "route {number}: an `also` route has a `destination` and neither `filters` nor `exclude`; its records are filtered by the route that takes the container"
    )]
    Also { number: usize },
    #[error(
        "route {number}, `format`: destination `{name}` writes `json` or `text`, and nothing else"
    )]
    Format { number: usize, name: String },
    #[error("route {number}: reads no container itself, so its `{key}` says nothing")]
    NotRead { number: usize, key: &'static str },
    #[error("route {number}: `limits.{key}` is {value}, and has to be at least {least}")]
    RouteLimit {
        number: usize,
        key: &'static str,
        value: ByteSize,
        least: ByteSize,
    },
    #[error("`annotations.allow` {number}, `{key}`: `{pattern}` names nothing; there {}", are(.known))]
    Allow {
        number: usize,
        key: &'static str,
        pattern: String,
        known: Vec<String>,
    },
    #[error("destination `{name}`, `{key}`")]
    Template {
        name: String,
        key: &'static str,
        source: template::Error,
    },
    #[error("destination `{name}`, `{key}`: no such name has a `{character}`")]
    Character {
        name: String,
        key: &'static str,
        character: char,
    },
    #[error("destination `{name}`, `entity`")]
    Entity { name: String, source: entity::Error },
    #[error(
        "filter `{name}`, `sha256`: `{found}` is not a SHA-256 in hex, 64 digits of 0-9 and a-f"
    )]
    Pin { name: String, found: String },
    #[error("{place}: `limits.{}` is {}, and `filters.ceilings` allows {}", .passed.name, .passed.value, .passed.most)]
    Ceiling {
        place: Place,
        passed: filter::limits::Passed,
    },
    #[error("team `{name}`: such a name has letters, digits, `-`, `_` and `.`, and nothing else")]
    Team { name: String },
    #[error("filter `{name}`: that is a name of what team `{team}` ships; choose another")]
    OfTeam { name: String, team: String },
    #[error("destination `{name}`, `create`")]
    Create { name: String, source: group::Error },
    #[error(
        "destination `{name}`, `endpoint`: `{endpoint}` is no address like `https://HOST` or `http://HOST:PORT`"
    )]
    Endpoint { name: String, endpoint: String },
    #[error("`enrich.pods.source` is off, and routes or annotations depend on what pods say")]
    PodsOff,
    #[error("`{key}` is {value}, and has to be at least {least}")]
    TooSmall {
        key: String,
        value: String,
        least: String,
    },
}

/// A configuration file's text.
///
/// # Errors
/// When it cannot be read.
pub fn text(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })
}

fn are(known: &[String]) -> String {
    match known {
        [] => "are none".into(),
        [one] => format!("is `{one}`"),
        many => format!("are `{}`", many.join("`, `")),
    }
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// When the file cannot be read, is not YAML, or has a key or a value that does not exist.
    pub fn load(path: &Path) -> Result<Self, Error> {
        Self::read(path, &text(path)?)
    }

    /// Reads what a file says. Relative module directories start at its folder.
    ///
    /// # Errors
    /// When it is not YAML, or has a key or a value that does not exist.
    pub fn read(path: &Path, text: &str) -> Result<Self, Error> {
        let mut config = Self::parse(text).map_err(|cause| Error::Parse {
            path: path.to_owned(),
            cause,
        })?;
        let folder = path.parent().unwrap_or(Path::new("."));
        for directory in &mut config.filters.directories {
            *directory = folder.join(&directory);
        }
        for team in config.filters.teams.values_mut() {
            team.directory = team.directory.take().map(|d| folder.join(d));
        }
        Ok(config)
    }

    /// Reads what a file says, and checks that its parts fit each other; errors have their line.
    ///
    /// # Errors
    /// As [`Self::read`] and [`Self::resolve`].
    pub fn read_whole(path: &Path, text: &str) -> Result<(Self, Resolved), Error> {
        let config = Self::read(path, text)?;
        match config.resolve() {
            Ok(resolved) => Ok((config, resolved)),
            Err(error) => Err(error.at(path, text)),
        }
    }

    /// Reads YAML.
    ///
    /// # Errors
    /// The parser's own words, which name line and column.
    pub fn parse(text: &str) -> Result<Self, String> {
        serde_saphyr::from_str(text).map_err(|error| in_words(&error))
    }

    /// Checks that all parts fit each other, and turns names into indexes.
    ///
    /// # Errors
    /// The first thing that does not fit.
    pub fn resolve(&self) -> Result<Resolved, Error> {
        if self.destinations.is_empty() {
            return Err(Error::NoDestinations);
        }
        if self.routes.is_empty() {
            return Err(Error::NoRoutes);
        }
        values::check(self)?;
        let destinations: Vec<String> = self.destinations.keys().cloned().collect();
        let mut names = Vec::new();
        for (name, destination) in &self.destinations {
            names.push(templates(name, destination)?);
        }
        let (routes, written) = self.routes(&destinations)?;
        for written in &written {
            let of = names.get(written.of).cloned();
            names.push(of.flatten());
        }
        let table = Table {
            routes,
            names,
            allow: self.allow(&destinations)?,
            unknown_pod: self.annotations.unknown_pod,
        };
        if self.enrich.pods.source == enrich::Source::Off && table.needs_pods() {
            return Err(Error::PodsOff);
        }
        Ok(Resolved {
            table,
            filters: self.resolved_filters(&destinations)?,
            teams: self.teams(&destinations)?,
            notices: self.notices(&destinations)?,
            destinations: self.destinations.clone().into_iter().collect(),
            written,
        })
    }
}

fn find(place: &Place, name: &str, destinations: &[String]) -> Result<usize, Error> {
    let found = destinations.iter().position(|d| d == name);
    found.ok_or_else(|| Error::Destination {
        place: place.clone(),
        name: name.to_owned(),
        known: destinations.to_vec(),
    })
}

fn templates(name: &str, destination: &sink::Destination) -> Result<Option<NameTemplates>, Error> {
    let sink::Destination::Cloudwatch(config) = destination else {
        return Ok(None);
    };
    let parse = |key: &'static str, text: &str| {
        Template::parse(text).map_err(|source| Error::Template {
            name: name.to_owned(),
            key,
            source,
        })
    };
    let named = |key: &'static str, text: &str, fits: fn(char) -> bool| {
        let template = parse(key, text)?;
        let bad = template.texts().find_map(|t| t.chars().find(|c| !fits(*c)));
        match bad {
            None => Ok(template),
            Some(character) => Err(Error::Character {
                name: name.to_owned(),
                key,
                character,
            }),
        }
    };
    let values = |key: &'static str, values: &BTreeMap<String, String>| {
        let value = |(name, text): (&String, &String)| Ok((name.clone(), parse(key, text)?));
        values.iter().map(value).collect::<Result<Vec<_>, Error>>()
    };
    let created = config.create.check();
    created.map_err(|source| Error::Create {
        name: name.to_owned(),
        source,
    })?;
    let entity = config.entity().map(|entity| {
        entity.check().map_err(|source| Error::Entity {
            name: name.to_owned(),
            source,
        })?;
        Ok(EntityTemplates {
            key: values("entity.key_attributes", &entity.key_attributes)?,
            more: values("entity.attributes", &entity.attributes)?,
        })
    });
    Ok(Some(NameTemplates {
        group: named("log_group", config.log_group(), limits::fits_group)?,
        stream: named("log_stream", config.log_stream(), limits::fits_stream)?,
        entity: entity.transpose()?,
    }))
}

#[cfg(test)]
mod tests;
