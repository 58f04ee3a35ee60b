//! Amazon CloudWatch Logs.
//!
//! A lane packs escaped events straight into request bodies (`pack`, `body`, `pieces`); one sender
//! per destination signs and sends them with the AWS SDK (`send`, `direct`, `client`), several at once as far
//! as order and the account allow (`order`, `pace`), and reads every answer to the end (`retry`,
//! `rejected`). Groups and streams are made when the service says that they are missing
//! (`destination`, `creation`). A request waits until it is taken or known to be refused for good:
//! there is no retry limit that could lose it.

pub mod body;
pub mod client;
pub mod cost;
pub mod creation;
pub mod destination;
pub mod direct;
pub mod entity;
pub mod envelope;
pub mod escape;
pub mod format;
pub mod group;
pub mod instance;
pub mod limits;
pub mod merge;
pub mod message;
pub mod order;
pub mod pace;
pub mod pack;
pub mod pieces;
pub mod rejected;
pub mod renew;
pub mod retry;
pub mod send;
pub mod split;
pub mod time;
mod to;
pub mod trouble;
pub mod wire;

use std::time::Duration;

use serde::Deserialize;

pub use format::{Format, Preset};

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// None: as the environment, the profile or the instance says.
    pub region: Option<String>,
    /// Another address than the region's own: for tests and VPC endpoints.
    pub endpoint: Option<String>,
    /// Gives what is not given here of `log_group`, `log_stream`, `format` and `entity`.
    pub preset: Option<Preset>,
    /// A template over container facts.
    pub log_group: Option<String>,
    /// A template over container facts.
    pub log_stream: Option<String>,
    pub format: Option<Format>,
    /// What the records are about.
    pub entity: Option<entity::Config>,
    /// Records are in CloudWatch's embedded metric format.
    pub emf: bool,
    pub compression: wire::Compression,
    /// Assumed to send; none: as the environment's credentials are.
    pub role: Option<client::Role>,
    pub create: group::Config,
    /// Of a GB taken in; none: the list price of the group's class.
    pub usd_per_gb: Option<cost::Price>,
    /// How long an event may wait for its request to fill; three times that, while its stream goes on with
    /// little.
    #[serde(with = "humantime_serde")]
    pub flush_after: Duration,
    /// Requests on their way at once, over all streams; how many it is in fact adapts to the service.
    /// Destinations of one region and endpoint share them.
    pub requests_max: usize,
    /// How long one try of a request may take.
    #[serde(with = "humantime_serde")]
    pub request_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            region: None,
            endpoint: None,
            preset: None,
            log_group: None,
            log_stream: None,
            format: None,
            entity: None,
            emf: false,
            compression: wire::Compression::None,
            role: None,
            create: group::Config::default(),
            usd_per_gb: None,
            flush_after: Duration::from_secs(1),
            requests_max: 8,
            request_timeout: Duration::from_secs(30),
        }
    }
}

impl Config {
    /// Its own, or its preset's, or the default.
    #[must_use]
    pub fn log_group(&self) -> &str {
        let preset = self.preset.map(Preset::log_group);
        self.log_group
            .as_deref()
            .or(preset)
            .unwrap_or("/logsieve/{k8s.namespace.name}")
    }

    #[must_use]
    pub fn log_stream(&self) -> &str {
        let preset = self.preset.map(Preset::log_stream);
        self.log_stream
            .as_deref()
            .or(preset)
            .unwrap_or("{k8s.pod.name}/{k8s.container.name}")
    }

    #[must_use]
    pub fn format(&self) -> Format {
        let preset = self.preset.map(Preset::format);
        self.format.clone().or(preset).unwrap_or_default()
    }

    #[must_use]
    pub fn entity(&self) -> Option<entity::Config> {
        let preset = self.preset.and_then(Preset::entity);
        self.entity.clone().or(preset)
    }

    #[must_use]
    pub fn price(&self) -> cost::Price {
        let list = cost::Price::of(self.create.log_group_class);
        self.usd_per_gb.unwrap_or(list)
    }
}
