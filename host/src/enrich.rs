//! Says what is known of a container beyond its path.
//!
//! Facts of the node and the cluster are the same for all. Facts of pods (labels, annotations,
//! owners, images) come from one watch of this node's pods: `watch` keeps it up and tells what
//! changes (or `kubelet` asks the node's own kubelet), `pod` slims what the API says, and `pods` is
//! what each lane knows, without a lock.
//! `events` tells the owner of a pod what is wrong with it, and `touch` hurries the kubelet on.
//!
//! The load on the API server, for 5,000 nodes: each has one watch of pods, whose events reach that node
//! alone, and lists once, from the server's cache, when it starts or has fallen behind; `touch` adds a
//! watch of a few ConfigMaps, and a patch for each change of one.

pub mod client;
pub mod events;
pub mod kubelet;
pub mod pod;
pub mod pods;
pub mod touch;
pub mod watch;

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::record::{Facts, Globs};

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `k8s.cluster.name`.
    pub cluster: Option<String>,
    /// `k8s.node.name`; from the variable `NODE_NAME` where it is not given.
    pub node: Option<String>,
    /// Whether EC2's metadata service is asked for facts of the machine: `host.id`, `cloud.account.id`, ...
    pub instance: bool,
    /// Any other facts that every container of this node has.
    pub facts: Facts,
    pub pods: PodsConfig,
}

impl Config {
    /// Facts that every container of the node has; `node_name` is the environment's.
    #[must_use]
    pub fn node_facts(&self, node_name: Option<String>) -> Facts {
        self.facts_over(Facts::new(), node_name)
    }

    /// The same over what the machine tells of itself.
    #[must_use]
    pub fn facts_over(&self, mut facts: Facts, node_name: Option<String>) -> Facts {
        facts.extend(self.facts.clone());
        let mut add = |name: &str, value: Option<String>| {
            if let Some(value) = value.filter(|v| !v.is_empty()) {
                facts.insert(name.to_owned(), value);
            }
        };
        add("k8s.cluster.name", self.cluster.clone());
        add("k8s.node.name", self.node.clone().or(node_name));
        facts
    }
}

/// Where facts of pods come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The API server where the agent runs in a pod, else nothing.
    #[default]
    Auto,
    Api,
    /// The node's own kubelet, asked again and again.
    Kubelet,
    Off,
}

/// Facts of this node's pods.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PodsConfig {
    pub source: Source,
    /// The API server; the cluster's own, by the pod's service account, where it is not given.
    pub server: Option<String>,
    /// Where a token for that server is read from, again and again.
    pub token_file: Option<PathBuf>,
    /// What its certificate is checked against.
    pub ca_file: Option<PathBuf>,
    /// How long a container waits for its pod's facts, and for its id, where nothing but facts depends
    /// on them.
    #[serde(with = "humantime_serde")]
    pub wait: Duration,
    /// Which annotations become facts.
    pub annotations: Globs,
    /// Whether labels of namespaces are facts too; they are whenever a route matches them.
    pub namespace_labels: bool,
    pub kubelet: kubelet::Config,
    /// ConfigMaps of the agent's own namespace that hold its configuration or filters: when one changes,
    /// the agent touches its own pod, and the kubelet brings the change at once.
    pub filter_config_maps: Option<Globs>,
}

impl Default for PodsConfig {
    fn default() -> Self {
        Self {
            source: Source::Auto,
            server: None,
            token_file: None,
            ca_file: None,
            wait: Duration::from_secs(10),
            annotations: Globs::One("*".into()),
            namespace_labels: false,
            kubelet: kubelet::Config::default(),
            filter_config_maps: None,
        }
    }
}

impl PodsConfig {
    /// Whether pods are watched; `in_cluster`: the environment names an API server.
    #[must_use]
    pub fn is_on(&self, in_cluster: bool) -> bool {
        match self.source {
            Source::Auto => in_cluster || self.server.is_some(),
            Source::Api | Source::Kubelet => true,
            Source::Off => false,
        }
    }
}
