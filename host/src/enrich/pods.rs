//! What one lane knows of this node's pods. Plain code: news comes as events, so that a simulation
//! can bring it at any moment, and nobody waits for a lock.
//!
//! A pod that is gone from the API stays known as long as a container of it is followed: its last
//! lines may still be unread. One that nobody follows stays a little while, for a file whose
//! sighting was overtaken by the news.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::pod::Pod;
use crate::record::{Container, Facts};

/// A pod that is gone, and that no container asks for, is known so much longer.
const GONE_KEPT: Duration = Duration::from_secs(10);

/// What the watch tells every lane.
#[derive(Debug, Clone)]
pub enum News {
    /// A pod is new, or not as it was.
    Pod(Arc<Pod>),
    Gone {
        path_uid: Arc<str>,
    },
    /// Labels of a namespace, as facts.
    Namespace {
        name: Arc<str>,
        facts: Arc<Facts>,
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
    pods: HashMap<String, Known>,
    namespaces: HashMap<Arc<str>, Arc<Facts>>,
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
                self.pods.insert(pod.path_uid.clone(), known);
            }
            News::Gone { path_uid } => {
                if let Some(known) = self.pods.get_mut(&*path_uid) {
                    known.gone_at.get_or_insert(now);
                }
            }
            News::Namespace { name, facts } => drop(self.namespaces.insert(name, facts)),
        }
    }

    /// The container with all that is known; none while something is missing.
    #[must_use]
    pub fn enrich(&self, found: &Arc<Container>) -> Option<Arc<Container>> {
        let pod = &self.pods.get(&found.pod_uid)?.pod;
        // Whoever may write annotations could claim another pod's path for theirs, but not its name.
        if pod.namespace != found.namespace || pod.name != found.pod {
            return None;
        }
        let mut container = Container::clone(found);
        pod.add_facts(&found.name, &mut container.facts);
        if self.expects.namespaces {
            let labels = self.namespaces.get(found.namespace.as_str())?;
            container.facts.extend(Facts::clone(labels));
        }
        Some(Arc::new(container))
    }

    /// Forgets pods that are gone and that nobody follows.
    pub fn forget_gone(&mut self, now: Duration, is_followed: impl Fn(&str) -> bool) {
        self.pods.retain(|uid, known| {
            let old = |at: Duration| now.saturating_sub(at) >= GONE_KEPT;
            !known.gone_at.is_some_and(old) || is_followed(uid)
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
