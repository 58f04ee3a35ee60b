//! What a route matches, as sets that can be compared: for each key the patterns of which one has to
//! fit. Plain files and containers are apart by their source.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::glob;

/// Which containers, or which plain files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matching {
    keys: BTreeMap<&'static str, Vec<String>>,
}

impl Matching {
    pub fn all_containers() -> Self {
        Self {
            keys: [("source", vec!["container".to_owned()])].into(),
        }
    }

    pub fn file(path: &str) -> Self {
        let file = vec![path.to_owned()];
        Self {
            keys: [("source", vec!["files".to_owned()]), ("file", file)].into(),
        }
    }

    /// Narrowed by one more key; `*` says nothing.
    pub fn with(mut self, key: &'static str, globs: &[&str]) -> Self {
        if !globs.contains(&"*") {
            let globs = globs.iter().map(|g| (*g).to_owned()).collect();
            self.keys.insert(key, globs);
        }
        self
    }

    pub fn is_file(&self) -> bool {
        self.keys.contains_key("file")
    }

    /// Names of containers that it takes and that are no patterns.
    pub fn container_names(&self) -> impl Iterator<Item = &str> {
        let globs = self.keys.get("container").into_iter().flatten();
        globs.map(String::as_str).filter(|g| glob::is_exact(g))
    }

    /// Whether it takes nothing that the other does not take.
    pub fn is_within(&self, other: &Self) -> bool {
        other.keys.iter().all(|(key, outer)| {
            let covered = |inner: &String| outer.iter().any(|o| glob::contains(o, inner));
            self.keys
                .get(key)
                .is_some_and(|inner| inner.iter().all(covered))
        })
    }

    /// Whether the same text could never fit both.
    pub fn is_apart(&self, other: &Self) -> bool {
        self.keys.iter().any(|(key, own)| {
            let apart = |theirs: &Vec<String>| {
                let meets = |one: &String| theirs.iter().any(|t| glob::intersects(one, t));
                !own.iter().any(meets)
            };
            other.keys.get(key).is_some_and(apart)
        })
    }

    /// What both take; `None` where patterns cannot say it.
    pub fn and(&self, other: &Self) -> Option<Self> {
        let mut keys = self.keys.clone();
        for (key, theirs) in &other.keys {
            let Some(own) = keys.get_mut(key) else {
                keys.insert(key, theirs.clone());
                continue;
            };
            let mut both = Vec::new();
            for (a, b) in own.iter().flat_map(|a| theirs.iter().map(move |b| (a, b))) {
                let narrow = match () {
                    () if glob::contains(b, a) => a,
                    () if glob::contains(a, b) => b,
                    () if glob::intersects(a, b) => return None,
                    () => continue,
                };
                if !both.contains(narrow) {
                    both.push(narrow.clone());
                }
            }
            *own = both;
        }
        Some(Self { keys })
    }

    /// As a route has it. Where no plain files are read, everything comes from containers.
    pub fn value(&self, with_files: bool) -> Map<String, Value> {
        let needs_source = with_files && self.keys.len() == 1;
        let keys = self.keys.iter();
        let keys = keys.filter(|(key, _)| **key != "source" || self.is_file() || needs_source);
        keys.map(|(key, globs)| match &globs[..] {
            [one] => ((*key).to_owned(), json!(one)),
            many => ((*key).to_owned(), json!(many)),
        })
        .collect()
    }
}

impl std::fmt::Display for Matching {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = self.value(true).into_iter();
        let words: Vec<_> = value
            .map(|(key, value)| format!("{key}: {value}"))
            .collect();
        f.write_str(&words.join(", "))
    }
}
