//! One pod as the agent keeps it: the facts that filters, templates and routes may ask for, and
//! nothing else of the object. What is kept is bounded, however much its authors write.
//!
//! Facts have their OpenTelemetry names. Owners are told by name: a ReplicaSet's pod names its
//! Deployment, a Job's its CronJob, by the rules that these controllers name their objects by.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::Object;
use serde::Deserialize;

use crate::record::{Facts, Globs, STRAY_ANNOTATION};

/// The prefix of annotations that tell the agent something; these are always kept.
pub const OWN_ANNOTATIONS: &str = "logsieve.dev/";
/// A longer annotation becomes no fact, unless a route asks for it.
const VALUE_BYTES_MAX: usize = 1024;
/// Most bytes of labels and annotations that become facts of one pod.
const FACTS_BYTES_MAX: usize = 16 * 1024;
/// `kubectl apply` keeps a copy of the whole object here.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// The uid in a static pod's log path; the API knows its mirror by another.
const CONFIG_HASH: &str = "kubernetes.io/config.hash";
const CONFIG_MIRROR: &str = "kubernetes.io/config.mirror";

/// What is decoded of a pod in the API.
pub type ApiPod = Object<Spec, Status>;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Spec {
    containers: Vec<ApiContainer>,
    init_containers: Vec<ApiContainer>,
    ephemeral_containers: Vec<ApiContainer>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct ApiContainer {
    name: String,
    image: String,
}

/// What only a pod that was started has.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    #[serde(rename = "podIP")]
    pod_ip: String,
    container_statuses: Vec<ApiContainerStatus>,
    init_container_statuses: Vec<ApiContainerStatus>,
    ephemeral_container_statuses: Vec<ApiContainerStatus>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct ApiContainerStatus {
    name: String,
    image: String,
    #[serde(rename = "imageID")]
    image_id: String,
}

/// A container's image: as it was asked for until the runtime tells which one it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Image {
    name: String,
    id: String,
}

/// Which annotations become facts.
#[derive(Debug, Clone)]
pub struct Keep {
    pub annotations: Globs,
    /// Those that a route matches on, whatever their length.
    pub matched: Vec<String>,
}

impl Keep {
    /// Whether something depends on this annotation.
    fn needs(&self, name: &str) -> bool {
        name.contains(OWN_ANNOTATIONS) || self.matched.iter().any(|m| m == name)
    }

    fn takes(&self, name: &str, value: &str) -> bool {
        self.needs(name)
            || (name != LAST_APPLIED
                && value.len() <= VALUE_BYTES_MAX
                && self.annotations.matches(name))
    }
}

/// A pod of this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// Its folder of logs: whoever claims another pod's uid by an annotation has not its name.
    pub folder: String,
    /// The uid in the API.
    pub uid: String,
    pub namespace: String,
    pub name: String,
    facts: Facts,
    /// By container.
    images: BTreeMap<String, Image>,
}

impl Pod {
    /// None if the object lacks what every pod has.
    #[must_use]
    pub fn of(pod: &ApiPod, keep: &Keep) -> Option<Self> {
        let meta = &pod.metadata;
        let (uid, namespace, name) = (
            meta.uid.clone()?,
            meta.namespace.clone()?,
            meta.name.clone()?,
        );
        let folder = folder(meta)?;
        let mut facts = owners(meta);
        facts.insert("k8s.pod.uid".into(), uid.clone());
        add_texts(&mut facts, meta, keep);
        let images = images(pod);
        if let Some(stray) = stray(meta, &images) {
            facts.insert(STRAY_ANNOTATION.into(), stray);
        }
        if let Some(status) = pod.status.as_ref().filter(|s| !s.pod_ip.is_empty()) {
            facts.insert("k8s.pod.ip".into(), status.pod_ip.clone());
        }
        Some(Self {
            folder,
            uid,
            namespace,
            name,
            facts,
            images,
        })
    }

    /// Puts what is known of one of its containers over what is known already.
    pub fn add_facts(&self, container: &str, facts: &mut Facts) {
        facts.extend(self.facts.clone());
        let Some(image) = self.images.get(container) else {
            return;
        };
        let (name, tag) = split_image(&image.name);
        let all = [
            ("name", Some(name)),
            ("tags", tag),
            ("id", Some(&*image.id)),
        ];
        for (fact, value) in all {
            if let Some(value) = value.filter(|v| !v.is_empty()) {
                facts.insert(format!("container.image.{fact}"), value.into());
            }
        }
    }
}

/// By container; what the runtime tells goes over what the pod asks for.
fn images(pod: &ApiPod) -> BTreeMap<String, Image> {
    let spec = &pod.spec;
    let asked = [
        &spec.containers,
        &spec.init_containers,
        &spec.ephemeral_containers,
    ];
    let asked = asked.into_iter().flatten().map(|c| {
        let (name, id) = (c.image.clone(), String::new());
        (c.name.clone(), Image { name, id })
    });
    let mut images: BTreeMap<String, Image> = asked.collect();
    let runs = pod.status.iter().flat_map(|status| {
        let all = [
            &status.container_statuses,
            &status.init_container_statuses,
            &status.ephemeral_container_statuses,
        ];
        all.into_iter().flatten()
    });
    for container in runs.filter(|c| !c.image.is_empty()) {
        let (name, id) = (container.image.clone(), container.image_id.clone());
        images.insert(container.name.clone(), Image { name, id });
    }
    images
}

/// An annotation of the agent's own that names a container which the pod does not have.
fn stray(meta: &ObjectMeta, containers: &BTreeMap<String, Image>) -> Option<String> {
    let names_none = |annotation: &&String| {
        let before = annotation.split_once(OWN_ANNOTATIONS);
        let container = before.and_then(|(before, _)| before.strip_suffix('.'));
        container.is_some_and(|name| !containers.contains_key(name))
    };
    meta.annotations.as_ref()?.keys().find(names_none).cloned()
}

/// The name of the pod's folder of logs, `<namespace>_<name>_<uid>`; a static pod's has its
/// configuration's hash for a uid.
#[must_use]
pub fn folder(meta: &ObjectMeta) -> Option<String> {
    let annotation = |name: &str| meta.annotations.as_ref()?.get(name);
    let hash = annotation(CONFIG_HASH).filter(|_| annotation(CONFIG_MIRROR).is_some());
    let uid = hash.or(meta.uid.as_ref())?;
    let (namespace, name) = (meta.namespace.as_ref()?, meta.name.as_ref()?);
    Some(format!("{namespace}_{name}_{uid}"))
}

/// Labels, then the annotations that something depends on, then others while there is room.
fn add_texts(facts: &mut Facts, meta: &ObjectMeta, keep: &Keep) {
    let mut left = FACTS_BYTES_MAX;
    let mut add = |kind: &str, name: &str, value: &str, needed: bool| {
        let bytes = name.len() + value.len();
        if needed || bytes <= left {
            left = left.saturating_sub(bytes);
            facts.insert(format!("k8s.pod.{kind}.{name}"), value.to_owned());
        }
    };
    for (name, value) in meta.labels.iter().flatten() {
        // The API bounds a label to 63 bytes, and routes may match any.
        add("label", name, value, true);
    }
    let annotations = || meta.annotations.iter().flatten();
    for (name, value) in annotations().filter(|(name, _)| keep.needs(name)) {
        add("annotation", name, value, true);
    }
    for (name, value) in annotations().filter(|(n, v)| !keep.needs(n) && keep.takes(n, v)) {
        add("annotation", name, value, false);
    }
}

fn owners(meta: &ObjectMeta) -> Facts {
    let mut facts = Facts::new();
    let mut add = |name: &str, value: &str| facts.insert(name.to_owned(), value.to_owned());
    let all = meta.owner_references.iter().flatten();
    for owner in all.filter(|o| o.controller == Some(true)) {
        let name = owner.name.as_str();
        match owner.kind.as_str() {
            "ReplicaSet" => {
                add("k8s.replicaset.name", name);
                let labels = meta.labels.as_ref();
                let hash = labels.and_then(|l| l.get("pod-template-hash"));
                let deployment =
                    hash.and_then(|h| name.strip_suffix(h.as_str())?.strip_suffix('-'));
                if let Some(deployment) = deployment {
                    add("k8s.deployment.name", deployment);
                }
            }
            "StatefulSet" => drop(add("k8s.statefulset.name", name)),
            "DaemonSet" => drop(add("k8s.daemonset.name", name)),
            "Job" => {
                add("k8s.job.name", name);
                // A CronJob names its Jobs by the minute, as a number.
                if let Some((cron, minute)) = name.rsplit_once('-')
                    && minute.len() == 8
                    && minute.bytes().all(|b| b.is_ascii_digit())
                {
                    add("k8s.cronjob.name", cron);
                }
            }
            _ => {}
        }
    }
    facts
}

/// `registry:5000/team/app:1.2@sha256:..` -> `registry:5000/team/app`, `1.2`.
fn split_image(image: &str) -> (&str, Option<&str>) {
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (name, None),
    }
}

#[cfg(test)]
mod tests;
