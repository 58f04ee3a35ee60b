//! Starts what the agent does with the Kubernetes API: the watch of this node's pods, of namespaces
//! where something asks for their labels, and the Events about wrong annotations.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use tokio::sync::mpsc;

use super::Error;
use crate::clock::Clock;
use crate::config::{Config, Resolved};
use crate::enrich::events::{self, NOTICES_MAX, Notice};
use crate::enrich::pod::Keep;
use crate::enrich::pods::Expects;
use crate::enrich::touch::OwnPod;
use crate::enrich::watch::Watch;
use crate::enrich::{PodsConfig, Source};
use crate::lane::{Event, PodsSetup};
use crate::telemetry::metrics::Metrics;

/// What is asked of the Kubernetes API.
pub struct Pods {
    config: PodsConfig,
    node: String,
    keep: Keep,
    pub setup: PodsSetup,
    notices: mpsc::Receiver<Notice>,
}

impl Pods {
    /// Nothing is asked where the agent is in no cluster, or was told so.
    ///
    /// # Errors
    /// When routes or annotations depend on pods that nobody will tell of.
    pub fn new(config: &Config, resolved: &Resolved) -> Result<Self, Error> {
        let pods = &config.enrich.pods;
        let on = pods.is_on(std::env::var_os("KUBERNETES_SERVICE_HOST").is_some());
        if !on && resolved.table.needs_pods() {
            return Err(Error::PodsOff);
        }
        let facts = config.enrich.node_facts(std::env::var("NODE_NAME").ok());
        let node = facts.get("k8s.node.name").cloned().unwrap_or_default();
        if on && node.is_empty() {
            return Err(Error::NoNodeName);
        }
        let mut pods = pods.clone();
        if on && pods.source == Source::Kubelet {
            let server = pods.kubelet.address(std::env::var("NODE_IP").ok());
            pods.kubelet.server = Some(server.ok_or(Error::NoNodeIp)?);
        }
        let (to, notices) = mpsc::channel(NOTICES_MAX);
        Ok(Self {
            node,
            keep: Keep {
                annotations: pods.annotations.clone(),
                matched: resolved.table.matched_annotations(),
            },
            setup: PodsSetup {
                expects: Expects {
                    pods: on,
                    namespaces: on && (pods.namespace_labels || resolved.table.needs_namespaces()),
                },
                wait: pods.wait,
                notices: on.then_some(to),
            },
            notices,
            config: pods,
        })
    }

    #[must_use]
    pub fn node(&self) -> &str {
        &self.node
    }

    /// Starts watching, on the runtime that this is called on.
    pub fn start(self, lanes: Vec<Sender<Event>>, clock: Clock, metrics: &Metrics) {
        let Expects { pods, namespaces } = self.setup.expects;
        if !pods {
            return;
        }
        let watch = Watch {
            config: self.config.clone(),
            node: self.node.clone(),
            keep: self.keep,
            tell: Arc::new(move |news| {
                for lane in &lanes {
                    // A lane that is gone is being stopped.
                    let _ = lane.send(Event::Pods(news.clone()));
                }
            }),
            metrics: metrics.enrich.clone(),
        };
        if namespaces {
            tokio::spawn(watch.clone().namespaces());
        }
        if let Some(own) = own_pod(&self.config) {
            tokio::spawn(watch.clone().touch_own_pod(own));
        }
        match self.config.source {
            Source::Kubelet => drop(tokio::spawn(watch.ask_kubelet())),
            Source::Auto | Source::Api | Source::Off => drop(tokio::spawn(watch.pods())),
        }
        let metrics = metrics.enrich.clone();
        tokio::spawn(events::write(
            self.config,
            self.node,
            clock,
            metrics,
            self.notices,
        ));
    }
}

/// Namespace and name of the agent's own pod, from the downward API; none outside a cluster.
pub fn own_name() -> Option<(String, String)> {
    let variable = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
    variable("POD_NAMESPACE").zip(variable("POD_NAME"))
}

/// The agent's own pod, if it is to be touched when its filters change.
fn own_pod(config: &PodsConfig) -> Option<OwnPod> {
    let config_maps = config.filter_config_maps.clone()?;
    let own = own_name();
    if own.is_none() {
        tracing::warn!(
            "POD_NAMESPACE and POD_NAME are not set: new filters come with the kubelet's next round"
        );
    }
    let (namespace, name) = own?;
    Some(OwnPod {
        namespace,
        name,
        config_maps,
    })
}
