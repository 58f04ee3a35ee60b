//! What one lane knows of this node's pods. Plain code: news comes as events, so that a simulation
//! can bring it at any moment, and nobody waits for a lock.
//!
//! A pod that is gone from the API stays known as long as a container of it is followed: its last
//! lines may still be unread. One that nobody follows stays a little while, for a file whose
//! sighting was overtaken by the news.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::pod::Pod;
use crate::record::{Container, Facts};

/// How long a pod is still known that is gone, and that no container asks for.
const GONE_KEPT: Duration = Duration::from_secs(10);

/// What the watch tells every lane.
#[derive(Debug, Clone)]
pub enum News {
    /// A pod is new, or not as it was.
    Pod(Arc<Pod>),
    Gone {
        folder: Arc<str>,
    },
    /// Labels of a namespace, as facts.
    Namespace {
        name: Arc<str>,
        facts: Arc<Facts>,
    },
    NamespaceGone {
        name: Arc<str>,
    },
}

/// Whether a lane may wait for facts of pods.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expects {
    pub pods: bool,
    pub namespaces: bool,
}

#[derive(Debug, Default)]
pub struct Pods {
    expects: Expects,
    /// By their folders of logs.
    pods: HashMap<String, Known>,
    namespaces: HashMap<Arc<str>, Arc<Facts>>,
    /// Namespaces that are gone from the API, and known as long as a pod of theirs is.
    gone_namespaces: HashSet<Arc<str>>,
}

#[derive(Debug)]
struct Known {
    pod: Arc<Pod>,
    gone_at: Option<Duration>,
}

impl Pods {
    #[must_use]
    pub fn new(expects: Expects) -> Self {
        Self {
            expects,
            ..Self::default()
        }
    }

    /// Whether facts of pods can come at all.
    #[must_use]
    pub fn are_expected(&self) -> bool {
        self.expects.pods
    }

    pub fn learn(&mut self, news: News, now: Duration) {
        match news {
            News::Pod(pod) => {
                let known = Known {
                    pod: pod.clone(),
                    gone_at: None,
                };
                self.pods.insert(pod.folder.clone(), known);
            }
            News::Gone { folder } => {
                if let Some(known) = self.pods.get_mut(&*folder) {
                    known.gone_at.get_or_insert(now);
                }
            }
            News::Namespace { name, facts } => {
                self.gone_namespaces.remove(&name);
                self.namespaces.insert(name, facts);
            }
            News::NamespaceGone { name } => drop(self.gone_namespaces.insert(name)),
        }
    }

    /// The container with all that is known; none while something is missing.
    #[must_use]
    pub fn enrich(&self, found: &Arc<Container>) -> Option<Arc<Container>> {
        let folder = format!("{}_{}_{}", found.namespace, found.pod, found.pod_uid);
        let pod = &self.pods.get(&folder)?.pod;
        let mut container = Container::clone(found);
        pod.add_facts(&found.name, &mut container.facts);
        if self.expects.namespaces {
            let labels = self.namespaces.get(found.namespace.as_str())?;
            container.facts.extend(Facts::clone(labels));
        }
        Some(Arc::new(container))
    }

    /// Forgets pods that are gone and that nobody follows, and namespaces that are gone with all theirs.
    pub fn forget_gone(&mut self, now: Duration, is_followed: impl Fn(&str) -> bool) {
        self.pods.retain(|folder, known| {
            let old = |at: Duration| now.saturating_sub(at) >= GONE_KEPT;
            !known.gone_at.is_some_and(old) || is_followed(folder)
        });
        let (pods, namespaces) = (&self.pods, &mut self.namespaces);
        self.gone_namespaces.retain(|name| {
            let of_it = |folder: &String| folder.split('_').next() == Some(&**name);
            let used = pods.keys().any(of_it);
            if !used {
                namespaces.remove(name);
            }
            used
        });
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.pods.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pods.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enrich::pod::Keep;
    use crate::record::Globs;

    fn pod(name: &str, app: &str, annotations: &serde_json::Value) -> Arc<Pod> {
        let object = serde_json::json!({
            "apiVersion": "v1", "kind": "Pod", "spec": { "containers": [] },
            "metadata": { "name": name, "namespace": "pay", "uid": name, "labels": { "app": app },
                          "annotations": annotations },
        });
        let keep = Keep {
            annotations: Globs::One("*".into()),
            matched: Vec::new(),
        };
        Arc::new(Pod::of(&serde_json::from_value(object).unwrap(), &keep).unwrap())
    }

    fn container(pod: &str) -> Arc<Container> {
        Arc::new(Container {
            namespace: "pay".into(),
            pod: pod.into(),
            pod_uid: pod.into(),
            name: "app".into(),
            facts: Facts::new(),
        })
    }

    fn pods() -> Pods {
        Pods::new(Expects {
            pods: true,
            namespaces: false,
        })
    }

    fn app(pods: &Pods, pod: &str) -> Option<String> {
        let known = pods.enrich(&container(pod))?;
        known.facts.get("k8s.pod.label.app").cloned()
    }

    #[test]
    fn a_pod_that_claims_anothers_log_path_is_not_believed() {
        let mut pods = pods();
        let none = serde_json::json!({});
        pods.learn(News::Pod(pod("victim", "api", &none)), Duration::ZERO);
        let claims = serde_json::json!({
            "kubernetes.io/config.hash": "victim", "kubernetes.io/config.mirror": "victim",
            "logsieve.dev/exclude": "true",
        });
        pods.learn(News::Pod(pod("thief", "evil", &claims)), Duration::ZERO);
        assert_eq!(app(&pods, "victim").as_deref(), Some("api"));
    }

    #[test]
    fn a_gone_pod_is_known_for_as_long_as_somebody_follows_it() {
        let mut pods = pods();
        let known = pod("api-0", "api", &serde_json::json!({}));
        let folder: Arc<str> = known.folder.as_str().into();
        pods.learn(News::Pod(known), Duration::ZERO);
        pods.learn(News::Gone { folder }, Duration::ZERO);
        let late = GONE_KEPT * 2;
        pods.forget_gone(late, |folder| folder == "pay_api-0_api-0");
        assert_eq!(app(&pods, "api-0").as_deref(), Some("api"));
        pods.forget_gone(GONE_KEPT / 2, |_| false);
        assert!(app(&pods, "api-0").is_some(), "its file may be on its way");
        pods.forget_gone(late, |_| false);
        assert!(pods.is_empty());
    }

    #[test]
    fn a_namespace_is_forgotten_when_it_and_its_last_pod_are_gone() {
        let mut pods = Pods::new(Expects {
            pods: true,
            namespaces: true,
        });
        let name: Arc<str> = "pay".into();
        let labels = || News::Namespace {
            name: name.clone(),
            facts: Arc::default(),
        };
        let gone = || News::NamespaceGone { name: name.clone() };
        pods.learn(labels(), Duration::ZERO);
        pods.learn(
            News::Pod(pod("api-0", "api", &serde_json::json!({}))),
            Duration::ZERO,
        );
        pods.learn(gone(), Duration::ZERO);
        pods.forget_gone(Duration::ZERO, |_| true);
        assert!(
            app(&pods, "api-0").is_some(),
            "its last lines may be unread"
        );
        let folder = "pay_api-0_api-0".into();
        pods.learn(News::Gone { folder }, Duration::ZERO);
        pods.forget_gone(GONE_KEPT, |_| false);
        assert!(pods.namespaces.is_empty() && pods.gone_namespaces.is_empty());
        // One that comes back is kept.
        pods.learn(gone(), Duration::ZERO);
        pods.learn(labels(), Duration::ZERO);
        pods.forget_gone(GONE_KEPT, |_| false);
        assert_eq!(pods.namespaces.len(), 1);
    }
}
