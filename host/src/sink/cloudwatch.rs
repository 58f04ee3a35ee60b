//! Amazon CloudWatch Logs.
//!
//! A lane packs escaped events straight into request bodies (`pack`, `body`); one sender per
//! destination signs and sends them with the AWS SDK (`send`), and reads every answer to the end
//! (`retry`). Groups and streams are made when the service says that they are missing
//! (`destination`). A request waits until it is taken or known to be refused for good: there is no
//! retry limit that could lose it.

pub mod body;
pub mod destination;
pub mod envelope;
pub mod escape;
pub mod limits;
pub mod pack;
pub mod retry;
pub mod send;

use std::time::Duration;

use serde::Deserialize;

use super::Format;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// None: as the environment, the profile or the instance says.
    pub region: Option<String>,
    /// Another address than the region's own: for tests and VPC endpoints.
    pub endpoint: Option<String>,
    /// A template over container facts.
    pub log_group: String,
    /// A template over container facts.
    pub log_stream: String,
    pub format: Format,
    /// How long an event may wait for its request to fill.
    #[serde(with = "humantime_serde")]
    pub flush_after: Duration,
    /// Requests in flight at once, over all streams.
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
            log_group: "/logsieve/{k8s.namespace.name}".into(),
            log_stream: "{k8s.pod.name}/{k8s.container.name}".into(),
            format: Format::default(),
            flush_after: Duration::from_secs(1),
            requests_max: 8,
            request_timeout: Duration::from_secs(30),
        }
    }
}
