//! The workload that a record came from, and what is known about it. Shared, never changed: new facts
//! make a new one, so that whoever keeps something for it sees the change.

use std::collections::BTreeMap;

/// Facts about a container by OpenTelemetry name (`k8s.pod.name`, ...), sorted.
pub type Facts = BTreeMap<String, String>;

/// The fact that its runtime knows a container by; another with each restart.
pub const CONTAINER_ID: &str = "container.id";

/// The fact that tells of an annotation for a container which the pod does not have, by its name.
pub const STRAY_ANNOTATION: &str = "logsieve.stray_annotation";

/// One container of one pod, over all its restarts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    pub namespace: String,
    pub pod: String,
    /// The uid in the log path. For a static pod that is its configuration's hash, not the uid of
    /// the mirror pod in the API.
    pub pod_uid: String,
    pub name: String,
    pub facts: Facts,
}

impl Container {
    /// `namespace/pod/container`, as people write it; the name alone where there is no pod.
    #[must_use]
    pub fn label(&self) -> String {
        if self.pod.is_empty() {
            return self.name.clone();
        }
        format!("{}/{}/{}", self.namespace, self.pod, self.name)
    }
}
