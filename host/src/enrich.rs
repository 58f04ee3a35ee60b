//! Says what is known of a container beyond its path.
//!
//! Today: facts of the node and the cluster, which are the same for all. Facts of pods from the
//! Kubernetes API (labels, owners) come here.

use serde::Deserialize;

use crate::record::Facts;

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `k8s.cluster.name`.
    pub cluster: Option<String>,
    /// `k8s.node.name`; from the variable `NODE_NAME` where it is not given.
    pub node: Option<String>,
    /// Any other facts that every container of this node has.
    pub facts: Facts,
}

impl Config {
    /// Facts that every container of the node has; `node_name` is the environment's.
    #[must_use]
    pub fn node_facts(&self, node_name: Option<String>) -> Facts {
        let mut facts = self.facts.clone();
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
