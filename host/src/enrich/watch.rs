//! Keeps up one watch of this node's pods, and tells what changed and nothing else.
//!
//! The first list comes from the API server's cache (resource version 0); the watch goes on from
//! there, with bookmarks, over disconnects, and lists again when the server says that it has
//! forgotten the past (410, which comes inside a stream that began with 200). Whatever fails is
//! tried again after a back-off spread over the nodes, with a fresh client where the token was
//! refused: what is known stays known meanwhile, and what is not known waits.

use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, ApiResource};
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::{self, watcher};
use kube::{Client, Resource};
use serde::de::DeserializeOwned;

use super::PodsConfig;
use super::client::{self, connect};
use super::pod::{ApiPod, Keep, Pod, folder};
use super::pods::News;
use crate::record::Facts;
use crate::telemetry::metrics::EnrichMetrics;

/// The first wait after a failure, doubling up to the most; each node has its own between a half
/// and one and a half of it, so that a fleet does not come back in one moment.
const RETRY_MIN: Duration = Duration::from_millis(800);
const RETRY_MAX: Duration = Duration::from_secs(30);

/// Tells all lanes.
pub type Tell = Arc<dyn Fn(News) + Send + Sync>;

/// One node's watch.
#[derive(Clone)]
pub struct Watch {
    pub config: PodsConfig,
    pub node: String,
    pub keep: Keep,
    pub tell: Tell,
    pub metrics: EnrichMetrics,
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Client(#[from] client::Error),
    #[error("the watch")]
    Watch(#[from] watcher::Error),
}

impl Watch {
    /// Watches pods for as long as the agent runs.
    pub async fn pods(self) {
        let config = watcher::Config::default()
            .any_semantic()
            .fields(&format!("spec.nodeName={}", self.node));
        let api = |client: Client| Api::all_with(client, &ApiResource::erase::<KubePod>(&()));
        let mut seen = Seen::new(self.clone());
        self.keep_up(api, config, |event| seen.take(event)).await;
    }

    /// Watches labels of namespaces for as long as the agent runs.
    pub async fn namespaces(self) {
        let api = Api::<PartialObjectMeta<Namespace>>::all;
        let config = watcher::Config::default().any_semantic();
        let mut seen = SeenNamespaces::new(self.tell.clone());
        self.keep_up(api, config, |event| seen.take(event)).await;
    }

    pub(super) async fn keep_up<K>(
        &self,
        api: impl Fn(Client) -> Api<K>,
        config: watcher::Config,
        mut take: impl FnMut(watcher::Event<K>),
    ) where
        K: Resource + Clone + DeserializeOwned + std::fmt::Debug + Send + 'static,
    {
        let mut retry = Retry::new(&self.node);
        loop {
            match connect(&self.config) {
                Ok(client) => {
                    let mut events = pin!(watcher(api(client), config.clone()));
                    while let Some(event) = events.next().await {
                        match event {
                            Ok(event) => {
                                if !matches!(event, watcher::Event::Init) {
                                    retry.worked();
                                }
                                take(event);
                            }
                            Err(error) => {
                                let refused = is_unauthorized(&error);
                                self.failed(&Failure::from(error), &mut retry).await;
                                if refused {
                                    break;
                                }
                            }
                        }
                    }
                }
                Err(error) => self.failed(&Failure::from(error), &mut retry).await,
            }
        }
    }

    pub(super) async fn failed(
        &self,
        error: &(dyn std::error::Error + Send + Sync + 'static),
        retry: &mut Retry,
    ) {
        self.metrics.watch_failures.inc();
        // Told once for each time that it begins to fail: what follows is in the metric.
        if retry.tries == 0 {
            let error = error as &(dyn std::error::Error + 'static);
            tracing::warn!(error, "pods cannot be watched, and are tried again");
        }
        tokio::time::sleep(retry.next()).await;
    }
}

type KubePod = k8s_openapi::api::core::v1::Pod;

/// What was told last, so that only changes are told.
pub(super) struct Seen {
    watch: Watch,
    pods: HashMap<String, Arc<Pod>>,
    /// What a list that is under way has shown.
    listed: HashMap<String, Arc<Pod>>,
}

impl Seen {
    pub(super) fn new(watch: Watch) -> Self {
        Self {
            watch,
            pods: HashMap::new(),
            listed: HashMap::new(),
        }
    }

    pub(super) fn take(&mut self, event: watcher::Event<ApiPod>) {
        match event {
            watcher::Event::Init => self.listed.clear(),
            watcher::Event::InitApply(object) => {
                if let Some(pod) = self.changed(&object) {
                    self.listed.insert(pod.folder.clone(), pod);
                }
            }
            watcher::Event::InitDone => {
                let before = std::mem::replace(&mut self.pods, std::mem::take(&mut self.listed));
                for folder in before.into_keys() {
                    if !self.pods.contains_key(&folder) {
                        self.gone(&folder);
                    }
                }
                self.watch.metrics.listed.set(1);
            }
            watcher::Event::Apply(object) => {
                if let Some(pod) = self.changed(&object) {
                    self.pods.insert(pod.folder.clone(), pod);
                }
            }
            watcher::Event::Delete(object) => {
                if let Some(folder) = folder(&object.metadata)
                    && self.pods.remove(&folder).is_some()
                {
                    self.gone(&folder);
                }
            }
        }
        let pods = i64::try_from(self.pods.len()).unwrap_or(i64::MAX);
        self.watch.metrics.pods.set(pods);
    }

    /// Tells of a pod if something that is kept of it has changed; most changes are of its status.
    fn changed(&self, object: &ApiPod) -> Option<Arc<Pod>> {
        let pod = Pod::of(object, &self.watch.keep)?;
        if let Some(known) = self.pods.get(&pod.folder)
            && **known == pod
        {
            return Some(known.clone());
        }
        let pod = Arc::new(pod);
        self.watch.metrics.changes.inc();
        (self.watch.tell)(News::Pod(pod.clone()));
        Some(pod)
    }

    fn gone(&self, folder: &str) {
        (self.watch.tell)(News::Gone {
            folder: folder.into(),
        });
    }
}

/// Which namespaces there are, so that those are told that are gone.
struct SeenNamespaces {
    tell: Tell,
    names: HashSet<Arc<str>>,
    /// What a list that is under way has shown.
    listed: HashSet<Arc<str>>,
}

impl SeenNamespaces {
    fn new(tell: Tell) -> Self {
        Self {
            tell,
            names: HashSet::new(),
            listed: HashSet::new(),
        }
    }

    fn take(&mut self, event: watcher::Event<PartialObjectMeta<Namespace>>) {
        match event {
            watcher::Event::Init => self.listed.clear(),
            watcher::Event::InitApply(object) => {
                self.listed.extend(tell_labels(&object, &self.tell))
            }
            watcher::Event::InitDone => {
                let before = std::mem::replace(&mut self.names, std::mem::take(&mut self.listed));
                for name in before.difference(&self.names).cloned() {
                    (self.tell)(News::NamespaceGone { name });
                }
            }
            watcher::Event::Apply(object) => self.names.extend(tell_labels(&object, &self.tell)),
            watcher::Event::Delete(object) => {
                let name = object.metadata.name.unwrap_or_default();
                if let Some(name) = self.names.take(name.as_str()) {
                    (self.tell)(News::NamespaceGone { name });
                }
            }
        }
    }
}

/// Says what it is called.
fn tell_labels(object: &PartialObjectMeta<Namespace>, tell: &Tell) -> Option<Arc<str>> {
    let name: Arc<str> = object.metadata.name.as_deref()?.into();
    let labels = object.metadata.labels.iter().flatten();
    let facts: Facts = labels
        .map(|(label, value)| (format!("k8s.namespace.label.{label}"), value.clone()))
        .collect();
    tell(News::Namespace {
        name: name.clone(),
        facts: Arc::new(facts),
    });
    Some(name)
}

fn is_unauthorized(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status)) => status.code == 401,
        _ => false,
    }
}

/// A node's place among all nodes, of 1,000.
pub(super) fn place_of(node: &str) -> u32 {
    let hash = node
        .bytes()
        .fold(7_u32, |hash, byte| hash.wrapping_mul(31) ^ u32::from(byte));
    hash % 1000
}

/// The back-off of one node.
pub(super) struct Retry {
    /// Of 1,000: this node's place among the others.
    place: u32,
    tries: u32,
}

impl Retry {
    pub(super) fn new(node: &str) -> Self {
        Self {
            place: place_of(node),
            tries: 0,
        }
    }

    pub(super) fn worked(&mut self) {
        if std::mem::take(&mut self.tries) > 0 {
            tracing::info!("pods are watched again");
        }
    }

    fn next(&mut self) -> Duration {
        let doubled = RETRY_MIN * 2_u32.pow(self.tries.min(16));
        self.tries += 1;
        doubled.min(RETRY_MAX) / 1000 * (500 + self.place)
    }
}
