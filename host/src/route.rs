//! Which chain, destination and names a container's records get.
//!
//! Routes are the operator's, first match wins. The answer is worked out once for each container and
//! kept by its lane.

pub mod template;

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::record::{Container, Facts};
use template::Template;

/// One or several patterns with `*` and `?`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Globs {
    One(String),
    Many(Vec<String>),
}

impl Globs {
    fn matches(&self, text: &str) -> bool {
        match self {
            Self::One(glob) => matches(glob.as_bytes(), text.as_bytes()),
            Self::Many(globs) => globs.iter().any(|g| matches(g.as_bytes(), text.as_bytes())),
        }
    }
}

/// Which containers a route takes; a field that is not given takes all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Match {
    pub namespace: Option<Globs>,
    pub pod: Option<Globs>,
    pub container: Option<Globs>,
}

impl Match {
    #[must_use]
    pub fn takes(&self, container: &Container) -> bool {
        let fits =
            |globs: &Option<Globs>, text: &str| globs.as_ref().is_none_or(|g| g.matches(text));
        fits(&self.namespace, &container.namespace)
            && fits(&self.pod, &container.pod)
            && fits(&self.container, &container.name)
    }
}

/// One route as it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RouteConfig {
    #[serde(rename = "match")]
    pub matching: Match,
    /// Filters by name, in the order in which records meet them.
    pub filters: Vec<String>,
    /// Where the records go, by name; none with `exclude`.
    pub destination: Option<String>,
    /// The containers are not read at all.
    pub exclude: bool,
}

pub type Config = Vec<RouteConfig>;

/// One route as lanes use it: names are indexes.
#[derive(Debug, Clone)]
pub struct Route {
    pub matching: Match,
    pub chain: Vec<usize>,
    /// None: the containers are not read.
    pub destination: Option<usize>,
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

/// All routes.
#[derive(Debug, Clone, Default)]
pub struct Table {
    pub routes: Vec<Route>,
    /// By destination; none for those without names.
    pub names: Vec<Option<NameTemplates>>,
}

impl Table {
    /// The first route that takes the container.
    #[must_use]
    pub fn find(&self, container: &Container) -> Option<&Route> {
        self.routes.iter().find(|r| r.matching.takes(container))
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

/// `*` stands for any run of characters, `?` for any one byte.
fn matches(glob: &[u8], text: &[u8]) -> bool {
    let (mut g, mut t) = (0, 0);
    // Where to go on when the last star takes one byte more.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if g < glob.len() && glob[g] == b'*' {
            star = Some((g, t));
            g += 1;
        } else if g < glob.len() && (glob[g] == b'?' || glob[g] == text[t]) {
            (g, t) = (g + 1, t + 1);
        } else if let Some((at, taken)) = star {
            star = Some((at, taken + 1));
            (g, t) = (at + 1, taken + 1);
        } else {
            return false;
        }
    }
    glob[g..].iter().all(|b| *b == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_as_people_expect() {
        for (glob, text, fits) in [
            ("*", "", true),
            ("pay*", "payments", true),
            ("*-system", "kube-system", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("p?d", "pod", true),
            ("p?d", "pd", false),
            ("pod", "pods", false),
        ] {
            assert_eq!(
                matches(glob.as_bytes(), text.as_bytes()),
                fits,
                "{glob} {text}"
            );
        }
    }

    #[test]
    fn the_first_route_that_takes_a_container_wins() {
        let route = |namespace: &str, destination| Route {
            matching: Match {
                namespace: Some(Globs::Many(vec![namespace.into()])),
                ..Match::default()
            },
            chain: vec![],
            destination: Some(destination),
        };
        let table = Table {
            routes: vec![route("pay*", 0), route("*", 1)],
            names: vec![],
        };
        let container = |namespace: &str| Container {
            namespace: namespace.into(),
            pod: "p".into(),
            pod_uid: "u".into(),
            name: "c".into(),
            facts: Facts::new(),
        };
        assert_eq!(
            table.find(&container("payments")).unwrap().destination,
            Some(0)
        );
        assert_eq!(table.find(&container("shop")).unwrap().destination, Some(1));
    }
}
