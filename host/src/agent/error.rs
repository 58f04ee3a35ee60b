//! Why the agent does not start, or ends, and what to do about it. Once it runs, nothing ends it but a signal,
//! a panic, or standard output that records are written to and that is closed.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::checkpoint::store;
use crate::filter::instance::Failure;
use crate::filter::{engine, module};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    State(#[from] store::Error),
    #[error(transparent)]
    Engine(#[from] engine::Error),
    #[error("filter `{name}`")]
    Module { name: String, source: module::Error },
    #[error("filter `{name}`: its settings, in the file beside it: {cause}")]
    Settings { name: String, cause: String },
    #[error("filter `{name}`")]
    Filter { name: String, source: Failure },
    #[error("`source.container_log.path`: `{path}` cannot be listed")]
    Source { path: PathBuf, source: io::Error },
    #[error("`telemetry.listen`: {address} cannot be listened on")]
    Listen {
        address: SocketAddr,
        source: io::Error,
    },
    #[error("quarantine `{path}` cannot be opened")]
    Quarantine { path: PathBuf, source: io::Error },
    #[error("routes or annotations depend on pods, and `enrich.pods` is off")]
    PodsOff,
    #[error("`enrich.node` is not given, and the variable NODE_NAME is not set")]
    NoNodeName,
    #[error("`enrich.pods.kubelet.server` is not given, and the variable NODE_IP is not set")]
    NoNodeIp,
    #[error(
        "records cannot be written to standard output; those that were not are read again at the next start"
    )]
    Output(#[source] io::Error),
    #[error("the agent's threads do not start")]
    Start(#[source] io::Error),
}

impl Error {
    /// What to do about it, where there is something to say.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Module { source, .. } => source.hint(),
            Self::Source { .. } => Some(
                "mount the node's /var/log into the agent's pod, and run it as uid 0 or group 0",
            ),
            Self::PodsOff => {
                Some("run the agent in a pod, or say where the API server is: `enrich.pods.server`")
            }
            Self::NoNodeName => {
                Some("hand `spec.nodeName` to the agent's pod as the variable NODE_NAME")
            }
            Self::NoNodeIp => {
                Some("hand `status.hostIP` to the agent's pod as the variable NODE_IP")
            }
            Self::Listen { .. } => Some("choose another port, or `listen: null` for none"),
            _ => None,
        }
    }
}
