//! Which chain, destinations and names a container's records get.
//!
//! Routes are the operator's, first match wins; `annotations` says what pods may add to that. What
//! the path tells is enough for routes that match nothing else: these work with the API server
//! away. A container that a label or annotation could still send elsewhere waits for its pod: what
//! would leave unfiltered meanwhile could not be called back. The table is replaced as a whole.

pub mod annotations;
pub mod template;

use std::collections::BTreeMap;

use bytesize::ByteSize;
use serde::Deserialize;

use crate::record::{Container, Facts, Globs};
use annotations::{Allow, UnknownPod, Wrong};
use template::Template;

/// Which containers a route takes; a field that is not given takes all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Match {
    pub namespace: Option<Globs>,
    pub pod: Option<Globs>,
    pub container: Option<Globs>,
    /// Where records come from: `container`, `journal` or `files`.
    pub source: Option<Globs>,
    /// Of plain files: the path that is written to.
    pub file: Option<Globs>,
    /// Of the journal: the unit, syslog's identifier, and how records came to it.
    pub unit: Option<Globs>,
    pub identifier: Option<Globs>,
    pub transport: Option<Globs>,
    pub node: Option<Globs>,
    pub labels: BTreeMap<String, Globs>,
    pub annotations: BTreeMap<String, Globs>,
    pub namespace_labels: BTreeMap<String, Globs>,
}

/// Whether a route takes a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    No,
    Yes,
    /// Only its pod could tell.
    NotKnown,
}

impl Match {
    /// Whether it asks for more than the path and the node tell.
    #[must_use]
    pub fn needs_pod(&self) -> bool {
        !(self.labels.is_empty() && self.annotations.is_empty() && self.namespace_labels.is_empty())
    }

    fn takes_path(&self, container: &Container) -> bool {
        let fits =
            |globs: &Option<Globs>, text: &str| globs.as_ref().is_none_or(|g| g.matches(text));
        let fact = |name: &str| container.facts.get(name).map(String::as_str);
        let is = |globs: &Option<Globs>, name: &str, other: &str| {
            globs.is_none() || fits(globs, fact(name).unwrap_or(other))
        };
        // Only a container of a pod has a place among pods.
        let placed = self.namespace.is_some() || self.pod.is_some() || self.container.is_some();
        if placed && fact("log.source").is_some() {
            return false;
        }
        fits(&self.namespace, &container.namespace)
            && fits(&self.pod, &container.pod)
            && fits(&self.container, &container.name)
            && is(&self.node, "k8s.node.name", "")
            && is(&self.source, "log.source", "container")
            && is(&self.file, "log.file.path", "")
            && is(&self.unit, "systemd.unit", "")
            && is(&self.identifier, "syslog.identifier", "")
            && is(&self.transport, "journal.transport", "")
    }

    fn takes_facts(&self, facts: &Facts) -> bool {
        let all = |kind: &str, wanted: &BTreeMap<String, Globs>| {
            wanted.iter().all(|(name, globs)| {
                facts
                    .get(&format!("{kind}.{name}"))
                    .is_some_and(|v| globs.matches(v))
            })
        };
        all("k8s.pod.label", &self.labels)
            && all("k8s.pod.annotation", &self.annotations)
            && all("k8s.namespace.label", &self.namespace_labels)
    }

    fn fits(&self, container: &Container, pod: PodState) -> Fit {
        if !self.takes_path(container) {
            Fit::No
        } else if !self.needs_pod() {
            Fit::Yes
        } else if pod != PodState::Known {
            Fit::NotKnown
        } else if self.takes_facts(&container.facts) {
            Fit::Yes
        } else {
            Fit::No
        }
    }
}

/// What each container of a route may take, by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of its files that are read a second, with a second's worth at once; none: as it comes.
    /// The rest waits in its files.
    pub bytes_per_second: Option<ByteSize>,
    /// Longest record that pieces are joined to; none: the source's own.
    pub record_bytes_max: Option<ByteSize>,
}

/// One route as it is written. `F`: formats, which only sinks know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RouteConfig<F> {
    #[serde(rename = "match")]
    pub matching: Match,
    /// Filters by name, in the order in which records meet them.
    pub filters: Vec<String>,
    /// Where the records go, by name; none with `exclude`.
    pub destination: Option<String>,
    /// How they are written there, if not as the destination says.
    pub format: Option<F>,
    pub limits: Limits,
    /// The containers are not read at all.
    pub exclude: bool,
    /// Does not end the search: adds its destination to that of the route which does. What goes
    /// there is what the other route's filters let through.
    pub also: bool,
}

pub type Config<F> = Vec<RouteConfig<F>>;

/// One route as lanes use it: names are indexes.
#[derive(Debug, Clone)]
pub struct Route {
    pub matching: Match,
    pub chain: Vec<usize>,
    /// None: the containers are not read.
    pub destination: Option<usize>,
    pub also: bool,
    pub limits: Limits,
}

/// How a destination's names are made.
#[derive(Debug, Clone)]
pub struct NameTemplates {
    pub group: Template,
    pub stream: Template,
    pub entity: Option<EntityTemplates>,
}

/// What tells what records are about, by attribute.
#[derive(Debug, Clone)]
pub struct EntityTemplates {
    pub key: Vec<(String, Template)>,
    pub more: Vec<(String, Template)>,
}

/// A container's names at one destination.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    pub group: String,
    pub stream: String,
    /// None where one of its key's facts is not known.
    pub entity: Option<Entity>,
}

/// What records are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entity {
    pub key: BTreeMap<String, String>,
    /// Those that are known.
    pub more: BTreeMap<String, String>,
}

impl EntityTemplates {
    fn render(&self, facts: &Facts) -> Option<Entity> {
        let known =
            |(name, value): &(String, Template)| Some((name.clone(), value.render_known(facts)?));
        Some(Entity {
            key: self.key.iter().map(known).collect::<Option<_>>()?,
            more: self.more.iter().filter_map(known).collect(),
        })
    }
}

/// What is known of a container's pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PodState {
    /// Its facts are the container's.
    Known,
    /// Its facts may come.
    Awaited,
    /// They did not come in time, or nobody asks for them.
    GivenUp,
}

/// What becomes of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Not read, and no change of its pod can change that.
    Never,
    /// Not read, as its pod is now: what is written meanwhile is passed over.
    Skip,
    /// Not read yet: its files are open, and wait.
    Wait(Wait),
    Take(Taken),
}

/// What a container waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wait {
    /// The facts of its pod; for a while, or for as long as it takes.
    Pod { for_ever: bool },
    /// Somebody to put an annotation right.
    Annotation(Wrong),
    /// The first module of a filter of its chain: nothing leaves unfiltered.
    Module { filter: String },
}

/// What a container's records meet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    pub chain: Vec<usize>,
    /// The first place in the chain that the pod chose itself.
    pub chosen_from: usize,
    pub destination: usize,
    /// Further destinations for what the chain lets through.
    pub also: Vec<usize>,
    pub limits: Limits,
    /// An annotation that was passed over.
    pub wrong: Option<Wrong>,
}

/// All routes, and what annotations may add to them.
#[derive(Debug, Clone, Default)]
pub struct Table {
    pub routes: Vec<Route>,
    pub allow: Vec<Allow>,
    /// For routes that match what only the pod tells.
    pub unknown_pod: UnknownPod,
    /// By destination; none for those without names.
    pub names: Vec<Option<NameTemplates>>,
}

impl Table {
    /// Whether some route runs this filter.
    #[must_use]
    pub fn uses(&self, filter: usize) -> bool {
        self.routes.iter().any(|r| r.chain.contains(&filter))
    }

    /// What becomes of the container. Routes first; then, if one takes it, its annotations.
    #[must_use]
    pub fn decide(&self, container: &Container, pod: PodState) -> Decision {
        let mut also = Vec::new();
        let mut may_change = false;
        for route in &self.routes {
            match route.matching.fits(container, pod) {
                Fit::NotKnown if self.unknown_pod == UnknownPod::Wait => {
                    return Decision::Wait(Wait::Pod { for_ever: true });
                }
                Fit::NotKnown => may_change = true,
                Fit::No => {
                    may_change |=
                        route.matching.needs_pod() && route.matching.takes_path(container);
                }
                Fit::Yes if route.also => also.extend(route.destination),
                Fit::Yes => {
                    may_change |= route.matching.needs_pod();
                    let Some(destination) = route.destination else {
                        return not_read(may_change);
                    };
                    let taken = Taken {
                        chain: route.chain.clone(),
                        chosen_from: route.chain.len(),
                        destination,
                        also,
                        limits: route.limits,
                        wrong: None,
                    };
                    return self.ask_pod(container, pod, taken);
                }
            }
        }
        not_read(may_change)
    }

    /// What the pod's own annotations make of what the routes say.
    fn ask_pod(&self, container: &Container, pod: PodState, mut taken: Taken) -> Decision {
        let allow = Allow::of(&self.allow, &container.namespace);
        let waits = allow.is_some_and(Allow::waits);
        match pod {
            PodState::Known => {}
            PodState::GivenUp if !waits => return Decision::Take(taken),
            PodState::Awaited | PodState::GivenUp => {
                return Decision::Wait(Wait::Pod { for_ever: waits });
            }
        }
        match annotations::read(&container.facts, &container.name, allow) {
            Ok(choice) if choice.exclude => return Decision::Skip,
            Ok(choice) => {
                taken.chain.extend(choice.filters);
                if let Some(destination) = choice.destination {
                    taken.destination = destination;
                }
            }
            Err(wrong) if waits => return Decision::Wait(Wait::Annotation(wrong)),
            Err(wrong) => taken.wrong = Some(wrong),
        }
        let home = taken.destination;
        taken.also.retain(|d| *d != home);
        Decision::Take(taken)
    }

    /// Whether something cannot be decided by the path alone.
    #[must_use]
    pub fn needs_pods(&self) -> bool {
        !self.allow.is_empty() || self.routes.iter().any(|r| r.matching.needs_pod())
    }

    #[must_use]
    pub fn needs_namespaces(&self) -> bool {
        let asks = |r: &Route| !r.matching.namespace_labels.is_empty();
        self.routes.iter().any(asks)
    }

    /// Annotations that routes match on.
    #[must_use]
    pub fn matched_annotations(&self) -> Vec<String> {
        let names = self
            .routes
            .iter()
            .flat_map(|r| r.matching.annotations.keys());
        names.cloned().collect()
    }

    /// Whether a destination's group or stream is named by this fact.
    #[must_use]
    pub fn names_fact(&self, destination: usize, fact: &str) -> bool {
        let templates = self.names.get(destination).and_then(Option::as_ref);
        templates.is_some_and(|t| t.group.names(fact) || t.stream.names(fact))
    }

    /// What a container's records go under at a destination.
    #[must_use]
    pub fn names(&self, destination: usize, facts: &Facts) -> Names {
        let Some(Some(templates)) = self.names.get(destination) else {
            return Names::default();
        };
        let entity = templates.entity.as_ref();
        Names {
            group: templates.group.render(facts),
            stream: templates.stream.render(facts),
            entity: entity.and_then(|e| e.render(facts)),
        }
    }
}

fn not_read(may_change: bool) -> Decision {
    if may_change {
        Decision::Skip
    } else {
        Decision::Never
    }
}

#[cfg(test)]
mod tests;
