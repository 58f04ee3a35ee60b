//! What pods may decide by their annotations, among what the operator allows for their namespace:
//!
//! - `logsieve.dev/filters: a, b` adds filters behind those of the route;
//! - `logsieve.dev/route: audit` chooses another destination;
//! - `logsieve.dev/exclude: "true"` leaves the pod out.
//!
//! `CONTAINER.logsieve.dev/...` says the same for one container, and beats the pod's. A wrong
//! annotation counts as none at all: nobody can tell which redaction was meant. So one that names a
//! container which the pod does not have is wrong for all that it has.

use std::fmt;

use serde::Deserialize;

use crate::record::{Facts, Globs, STRAY_ANNOTATION};

const DOMAIN: &str = "logsieve.dev";
const KEYS: [&str; 3] = ["exclude", "filters", "route"];
/// Filters that one annotation may add.
const FILTERS_MAX: usize = 16;

/// What becomes of a container whose pod is not known, or whose annotations are wrong, where they
/// could matter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownPod {
    /// It is not read until they are: a redaction that silently does not run is worse than lag.
    #[default]
    Wait,
    /// It takes the operator's chain, as if there were no annotations and no labels.
    DefaultChain,
}

/// What is written about annotations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub unknown_pod: UnknownPod,
    /// The first that names a pod's namespace says what its annotations may do.
    pub allow: Vec<AllowConfig>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AllowConfig {
    /// All, where it is not given.
    pub namespace: Option<Globs>,
    /// Filters that may be added, by name or pattern; those that teams ship as `TEAM/PATTERN`.
    pub filters: Option<Globs>,
    /// Destinations that may be chosen, by name or pattern.
    pub routes: Option<Globs>,
    pub exclude: bool,
    /// As above, for these namespaces.
    pub unknown_pod: Option<UnknownPod>,
}

/// The same with names turned into indexes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allow {
    pub namespace: Option<Globs>,
    pub filters: Vec<(String, usize)>,
    /// Patterns of filters that teams ship, and that come and go.
    pub shipped: Option<Globs>,
    pub destinations: Vec<(String, usize)>,
    pub exclude: bool,
    pub unknown_pod: UnknownPod,
}

impl Allow {
    /// What the operator allows the pods of a namespace.
    #[must_use]
    pub fn of<'a>(all: &'a [Self], namespace: &str) -> Option<&'a Self> {
        let names = |a: &&Self| a.namespace.as_ref().is_none_or(|n| n.matches(namespace));
        all.iter().find(names)
    }

    /// Whether a container waits, however long, while its annotations are not known or wrong.
    #[must_use]
    pub fn waits(&self) -> bool {
        let adds = !self.filters.is_empty() || self.shipped.is_some();
        adds && self.unknown_pod == UnknownPod::Wait
    }
}

/// What a pod's annotations choose for one of its containers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    pub filters: Vec<usize>,
    pub destination: Option<usize>,
    pub exclude: bool,
}

/// Which annotation is wrong, and why: for the pod's owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    pub annotation: String,
    pub reason: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "annotation `{}`: {}", self.annotation, self.reason)
    }
}

/// Reads the annotations that concern a container.
///
/// # Errors
/// The first one that is wrong, or not allowed.
pub fn read(facts: &Facts, container: &str, allow: Option<&Allow>) -> Result<Choice, Wrong> {
    if let Some(annotation) = facts.get(STRAY_ANNOTATION) {
        return Err(Wrong {
            annotation: annotation.clone(),
            reason: "the pod has no container of that name".to_owned(),
        });
    }
    let mut choice = Choice::default();
    // The container's own come last, and so win.
    for prefix in [DOMAIN.to_owned(), format!("{container}.{DOMAIN}")] {
        let prefix = format!("k8s.pod.annotation.{prefix}/");
        let from = facts.range(prefix.clone()..);
        for (fact, value) in from.take_while(|(name, _)| name.starts_with(&prefix)) {
            let key = &fact[prefix.len()..];
            let annotation = fact["k8s.pod.annotation.".len()..].to_owned();
            let set = match allow {
                Some(allow) => choice.set(key, value, allow),
                None => Err("no annotation is allowed in this namespace".to_owned()),
            };
            set.map_err(|reason| Wrong { annotation, reason })?;
        }
    }
    Ok(choice)
}

impl Choice {
    fn set(&mut self, key: &str, value: &str, allow: &Allow) -> Result<(), String> {
        match key {
            "exclude" => {
                self.exclude = match value.trim() {
                    "true" if allow.exclude => true,
                    "true" => return Err("excluding is not allowed in this namespace".into()),
                    "false" => false,
                    other => return Err(format!("`{other}` is neither `true` nor `false`")),
                };
            }
            "filters" => {
                let names = value.split(',').map(str::trim).filter(|n| !n.is_empty());
                let filters = names.map(|name| find(name, "filter", &allow.filters));
                self.filters = filters.take(FILTERS_MAX + 1).collect::<Result<_, _>>()?;
                if self.filters.len() > FILTERS_MAX {
                    return Err(format!("more than {FILTERS_MAX} filters"));
                }
            }
            "route" => {
                self.destination = Some(find(value.trim(), "destination", &allow.destinations)?);
            }
            other => {
                let known = KEYS.join("`, `");
                return Err(format!("there is no `{other}`; there are `{known}`"));
            }
        }
        Ok(())
    }
}

fn find(name: &str, what: &str, allowed: &[(String, usize)]) -> Result<usize, String> {
    let found = allowed.iter().find(|(known, _)| known == name);
    found.map(|(_, index)| *index).ok_or_else(|| {
        let known: Vec<&str> = allowed.iter().map(|(name, _)| name.as_str()).collect();
        match known[..] {
            [] => format!("no {what} may be chosen in this namespace"),
            _ => format!(
                "`{name}` is no {what} that may be chosen in this namespace; there are `{}`",
                known.join("`, `")
            ),
        }
    })
}
