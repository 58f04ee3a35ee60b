//! Brings a changed filter to the node at once.
//!
//! The kubelet takes 41 to 68 s to bring an updated ConfigMap into a running pod, but less than one
//! second when the pod's own object changes. So the agent watches names and versions of its filters'
//! ConfigMaps (metadata only, in its own namespace), and touches an annotation of its own pod when
//! one of them changes. Teams need rights on their ConfigMap, and none on the agent's pods.
//!
//! Each node has a moment of its own within two seconds, so that a fleet does not patch at once.

use std::collections::HashMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use kube::core::PartialObjectMeta;
use kube::runtime::watcher;
use serde_json::json;
use tokio::sync::watch;

use super::client::connect;
use super::watch::{Watch, place_of};
use crate::record::Globs;

/// What is touched. Not below `logsieve.dev/`: that is where pods say what they want.
const ANNOTATION: &str = "logsieve-filters-seen";
/// Within this time each node touches its pod.
const SPREAD: Duration = Duration::from_secs(2);
/// Between two touches, and before a touch that failed is tried again.
const PACE: Duration = Duration::from_secs(5);
const TRIES_MAX: usize = 3;

/// The agent's own pod, and the ConfigMaps that it mounts filters from.
#[derive(Debug, Clone)]
pub struct OwnPod {
    pub namespace: String,
    pub name: String,
    pub config_maps: Globs,
}

impl Watch {
    /// Touches the agent's own pod whenever one of its ConfigMaps changes.
    pub async fn touch_own_pod(self, own: OwnPod) {
        let (changed, to_touch) = watch::channel(String::new());
        let follow = self.clone().config_maps(own.clone(), changed);
        tokio::join!(follow, self.touch(own, to_touch));
    }

    async fn config_maps(self, own: OwnPod, changed: watch::Sender<String>) {
        let api = |client: Client| {
            Api::<PartialObjectMeta<ConfigMap>>::namespaced(client, &own.namespace)
        };
        let mut versions: HashMap<String, String> = HashMap::new();
        let mut listed = false;
        let config = watcher::Config::default().any_semantic();
        self.keep_up(api, config, |event| match event {
            watcher::Event::InitDone => listed = true,
            watcher::Event::Apply(map) | watcher::Event::InitApply(map) => {
                let name = map.metadata.name.unwrap_or_default();
                let version = map.metadata.resource_version.unwrap_or_default();
                if !own.config_maps.matches(&name) {
                    return;
                }
                let former = versions.insert(name.clone(), version.clone());
                // What is there at the start is mounted already.
                if listed && former.as_ref() != Some(&version) {
                    changed.send_replace(format!("{name}@{version}"));
                }
            }
            watcher::Event::Delete(_) | watcher::Event::Init => {}
        })
        .await;
    }

    async fn touch(&self, own: OwnPod, mut to_touch: watch::Receiver<String>) {
        let own_moment = SPREAD / 1000 * place_of(&self.node);
        while to_touch.changed().await.is_ok() {
            tokio::time::sleep(own_moment).await;
            for _ in 0..TRIES_MAX {
                let seen = to_touch.borrow_and_update().clone();
                let touched = self.patch(&own, &seen).await;
                if let Err(error) = &touched {
                    tracing::warn!(%error, "own pod cannot be touched; new filters come with the kubelet's next round");
                }
                tokio::time::sleep(PACE).await;
                if touched.is_ok() {
                    break;
                }
            }
        }
    }

    async fn patch(&self, own: &OwnPod, seen: &str) -> Result<(), Failure> {
        let api = Api::<PartialObjectMeta<Pod>>::namespaced(connect(&self.config)?, &own.namespace);
        let patch = json!({ "metadata": { "annotations": { (ANNOTATION): seen } } });
        let patch = Patch::Merge(patch);
        api.patch(&own.name, &PatchParams::default(), &patch)
            .await?;
        self.metrics.touches.inc();
        Ok(())
    }
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Client(#[from] super::client::Error),
    #[error(transparent)]
    Patch(#[from] kube::Error),
}
