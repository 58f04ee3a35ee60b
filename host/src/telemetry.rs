//! What the agent tells of itself: metrics, its own log, the admin page.
//!
//! Nothing here is per record: counters move per batch or per change of state.

pub mod admin;
pub mod logs;
pub mod metrics;

use std::net::{Ipv6Addr, SocketAddr};

use serde::Deserialize;

/// How the agent is watched.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where `/metrics`, `/healthz` and `/readyz` are served; none: not at all. `[::]` is every address, of
    /// IPv4 as well, and on a machine without IPv6 those of IPv4 alone.
    pub listen: Option<SocketAddr>,
    pub log: logs::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: Some(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 9880))),
            log: logs::Config::default(),
        }
    }
}
