//! Where in its file a part of the configuration stands: for errors that show only when parts are
//! compared with each other, long after the parser has forgotten the lines.

use std::fmt;
use std::path::Path;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::Error;

/// A part of the configuration: as people call it, and the keys that lead to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    called: String,
    keys: Vec<String>,
}

impl Place {
    /// `number`: counted from 1.
    pub(super) fn route(number: usize) -> Self {
        Self {
            called: format!("route {number}"),
            keys: route(number, "destination"),
        }
    }

    pub(super) fn of_filter(name: &str, key: &str) -> Self {
        Self {
            called: format!("filter `{name}`"),
            keys: keys(&["filters", "modules", name, key]),
        }
    }

    pub(super) fn of_team(name: &str, key: &str) -> Self {
        Self {
            called: format!("team `{name}`"),
            keys: keys(&["filters", "teams", name, key]),
        }
    }

    pub(super) fn of_quarantine(key: &str) -> Self {
        Self {
            called: "filters.quarantine".to_owned(),
            keys: keys(&["filters", "quarantine", key]),
        }
    }

    pub(super) fn below(mut self, key: &str) -> Self {
        self.keys.push(key.to_owned());
        self
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.called)
    }
}

fn keys(all: &[&str]) -> Vec<String> {
    all.iter().map(|key| (*key).to_owned()).collect()
}

/// The keys of a route, counted from 1, or of one of its own keys.
fn route(number: usize, key: &str) -> Vec<String> {
    let index = number.saturating_sub(1).to_string();
    keys(&["routes", &index, key])
}

/// Line and column, from 1, of what stands below these keys, or of the innermost that is there.
#[must_use]
fn position(text: &str, keys: &[String]) -> Option<(u64, u64)> {
    if keys.is_empty() {
        return None;
    }
    let root: Spanned<Node> = serde_saphyr::from_str(text).ok()?;
    let mut at = &root;
    for key in keys {
        match at.value.below(key) {
            Some(below) => at = below,
            None => break,
        }
    }
    let location = at.referenced;
    Some((location.line(), location.column()))
}

impl Error {
    /// The same with its line, where it is about something that the file says.
    pub(super) fn at(self, path: &Path, text: &str) -> Self {
        match position(text, &self.keys()) {
            Some((line, column)) => Self::At {
                path: path.to_owned(),
                line,
                column,
                source: Box::new(self),
            },
            None => self,
        }
    }

    /// The keys that lead to what is wrong.
    fn keys(&self) -> Vec<String> {
        let destination = |name: &str, key: &str| {
            let mut all = keys(&["destinations", name, "cloudwatch"]);
            all.extend(key.split('.').map(str::to_owned));
            all
        };
        let filter = |name: &str, more: &[&str]| {
            let mut all = keys(&["filters", "modules", name]);
            all.extend(keys(more));
            all
        };
        match self {
            Self::Read { .. }
            | Self::Parse { .. }
            | Self::At { .. }
            | Self::NoDestinations
            | Self::NoRoutes => Vec::new(),
            Self::NoPaths { group } => keys(&["source", "files", group, "include"]),
            Self::Filter { number, .. } => route(*number, "filters"),
            Self::Destination { place, .. } | Self::Ceiling { place, .. } => place.keys.clone(),
            Self::NoDestination { number, .. } | Self::Also { number } => route(*number, "also"),
            Self::Excluded { number } => route(*number, "destination"),
            Self::Format { number, .. } => route(*number, "format"),
            Self::NotRead { number, key } => route(*number, key),
            Self::RouteLimit { number, key, .. } => {
                let mut keys = route(*number, "limits");
                keys.push((*key).to_owned());
                keys
            }
            Self::Allow { number, key, .. } => {
                keys(&["annotations", "allow", &(number - 1).to_string(), key])
            }
            Self::Template { name, key, .. } | Self::Character { name, key, .. } => {
                destination(name, key)
            }
            Self::Endpoint { name, .. } => destination(name, "endpoint"),
            Self::Entity { name, .. } => destination(name, "entity"),
            Self::Create { name, .. } => destination(name, "create"),
            Self::Pin { name, .. } => filter(name, &["sha256"]),
            Self::OfTeam { name, .. } => filter(name, &[]),
            Self::Team { name } => keys(&["filters", "teams", name]),
            Self::PodsOff => keys(&["enrich", "pods", "source"]),
            Self::TooSmall { key, .. } => key.split('.').map(str::to_owned).collect(),
        }
    }
}

/// YAML whose every value knows its place.
enum Node {
    Map(Vec<(String, Spanned<Node>)>),
    List(Vec<Spanned<Node>>),
    Scalar,
}

impl Node {
    fn below(&self, key: &str) -> Option<&Spanned<Self>> {
        match self {
            Self::Map(map) => map.iter().find(|(k, _)| k == key).map(|(_, value)| value),
            Self::List(list) => list.get(key.parse::<usize>().ok()?),
            Self::Scalar => None,
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

/// Scalars of every kind come to the same.
macro_rules! scalars {
    ($($visit:ident: $type:ty,)+) => {
        $(fn $visit<E>(self, _: $type) -> Result<Node, E> {
            Ok(Node::Scalar)
        })+
    };
}

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML")
    }

    scalars! {
        visit_bool: bool,
        visit_i64: i64,
        visit_i128: i128,
        visit_u64: u64,
        visit_u128: u128,
        visit_f64: f64,
        visit_str: &str,
        visit_bytes: &[u8],
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut all = Vec::new();
        while let Some(one) = list.next_element()? {
            all.push(one);
        }
        Ok(Node::List(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut all = Vec::new();
        while let Some(key) = map.next_key::<Option<String>>()? {
            match key {
                Some(key) => all.push((key, map.next_value()?)),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Node::Map(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_found_by_its_keys_and_else_the_innermost_that_is_there() {
        let text = "a: 1\nb:\n  - { c: x }\n  - c: [y, z]\n    d: ~\n";
        let at = |path: &str| {
            let keys: Vec<String> = path.split('.').map(str::to_owned).collect();
            position(text, &keys)
        };
        assert_eq!(at("a"), Some((1, 4)));
        assert_eq!(at("b.1.c.1"), Some((4, 12)));
        assert_eq!(at("b.1.none"), at("b.1"));
        assert_eq!(at("b.0.c"), Some((3, 10)));
        assert_eq!(position(text, &[]), None);
    }
}
