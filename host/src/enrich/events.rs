//! Tells the owner of a pod what is wrong with its annotations: a Kubernetes Event on the pod, which
//! `kubectl describe pod` shows.
//!
//! An Event has a name made from what it says: so one run of the agent writes it once, and a restart
//! does not repeat it while the API server keeps it (an hour). At most one a second is written; what
//! finds the queue full is left out, and stands in the log and the status all the same.

use std::collections::HashSet;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::api::{Api, PostParams};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::PodsConfig;
use super::client::connect;
use crate::clock::Clock;
use crate::record::hex;
use crate::telemetry::metrics::EnrichMetrics;

/// Notices that may wait to be written.
pub const NOTICES_MAX: usize = 64;
/// Between two Events.
const PACE: Duration = Duration::from_secs(1);
/// Names of Events that were written and are not written again; past that all are forgotten.
const TOLD_MAX: usize = 1024;

/// What is wrong with a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub namespace: String,
    pub pod: String,
    pub uid: String,
    pub message: String,
}

/// Writes Events for as long as somebody can send notices.
pub async fn write(
    config: PodsConfig,
    node: String,
    clock: Clock,
    metrics: EnrichMetrics,
    mut notices: mpsc::Receiver<Notice>,
) {
    let mut told = HashSet::new();
    while let Some(notice) = notices.recv().await {
        let event = event(&notice, &node, clock.now().wall);
        let name = event.metadata.name.clone().unwrap_or_default();
        if told.contains(&name) {
            continue;
        }
        let Ok(client) = connect(&config) else {
            continue;
        };
        let api: Api<Event> = Api::namespaced(client, &notice.namespace);
        match api.create(&PostParams::default(), &event).await {
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            Ok(_) => {
                metrics.events.inc();
            }
            Err(error) => {
                tracing::warn!(%error, pod = notice.pod, "no Event could be written");
                tokio::time::sleep(PACE).await;
                continue;
            }
        }
        if told.len() >= TOLD_MAX {
            told.clear();
        }
        told.insert(name);
        tokio::time::sleep(PACE).await;
    }
}

fn event(notice: &Notice, node: &str, wall: u64) -> Event {
    let now = i128::from(wall);
    let time = k8s_openapi::jiff::Timestamp::from_nanosecond(now)
        .ok()
        .map(Time);
    let hash = Sha256::digest(format!("{}\0{}", notice.uid, notice.message));
    let hash = hex(&hash[..8]);
    Event {
        metadata: ObjectMeta {
            name: Some(format!("{}.{hash}", notice.pod)),
            namespace: Some(notice.namespace.clone()),
            ..ObjectMeta::default()
        },
        involved_object: ObjectReference {
            api_version: Some("v1".into()),
            kind: Some("Pod".into()),
            namespace: Some(notice.namespace.clone()),
            name: Some(notice.pod.clone()),
            uid: Some(notice.uid.clone()),
            ..ObjectReference::default()
        },
        type_: Some("Warning".into()),
        reason: Some("LogsieveAnnotation".into()),
        message: Some(notice.message.clone()),
        source: Some(EventSource {
            component: Some("logsieve".into()),
            host: Some(node.to_owned()),
        }),
        reporting_component: Some("logsieve".into()),
        reporting_instance: Some(node.to_owned()),
        first_timestamp: time.clone(),
        last_timestamp: time,
        count: Some(1),
        ..Event::default()
    }
}
