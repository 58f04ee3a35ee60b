//! Objects, their resource versions, and the history of changes that watches follow; any part of it
//! may be forgotten, as a real server does.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Map, Value, json};

use super::request::Request;

/// Changes that are remembered.
const HISTORY_MAX: usize = 100_000;

/// Resource, namespace, name.
type Key = (String, String, String);

#[derive(Default)]
pub struct Store {
    version: u64,
    objects: BTreeMap<Key, Value>,
    history: VecDeque<Change>,
    /// Changes up to this version are forgotten.
    forgotten: u64,
}

pub struct Change {
    pub version: u64,
    resource: String,
    /// ADDED, MODIFIED or DELETED.
    pub kind: &'static str,
    pub object: Value,
}

/// Which objects a list or a watch shows, and how.
pub struct Selection {
    resource: String,
    namespace: Option<String>,
    fields: Vec<(String, String)>,
    labels: Vec<(String, String)>,
    metadata_only: bool,
}

impl Selection {
    pub fn of(request: &Request) -> Option<Self> {
        let target = request.target()?;
        let pairs = |name: &str| {
            let text = request.query(name).unwrap_or_default();
            let pairs = text.split(',').filter_map(|p| p.split_once('='));
            pairs
                .map(|(k, v)| (k.to_owned(), v.trim_start_matches('=').to_owned()))
                .collect()
        };
        Some(Self {
            resource: target.resource,
            namespace: target.namespace,
            fields: pairs("fieldSelector"),
            labels: pairs("labelSelector"),
            metadata_only: request
                .header("accept")
                .contains("as=PartialObjectMetadata"),
        })
    }

    fn shows(&self, resource: &str, object: &Value) -> bool {
        let at = |path: &str| path.split('.').try_fold(object, |o, key| o.get(key));
        let is = |value: Option<&Value>, text: &str| value.and_then(Value::as_str) == Some(text);
        let label = |name: &str| object["metadata"]["labels"].get(name);
        resource == self.resource
            && self
                .namespace
                .as_ref()
                .is_none_or(|n| is(at("metadata.namespace"), n))
            && self.fields.iter().all(|(path, value)| is(at(path), value))
            && self
                .labels
                .iter()
                .all(|(name, value)| is(label(name), value))
    }

    /// The object as it is shown.
    pub fn view(&self, object: &Value) -> Value {
        if !self.metadata_only {
            return object.clone();
        }
        json!({
            "apiVersion": "meta.k8s.io/v1",
            "kind": "PartialObjectMetadata",
            "metadata": object["metadata"],
        })
    }
}

fn key(resource: &str, object: &Value) -> Key {
    let text = |name: &str| {
        object["metadata"][name]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    (resource.to_owned(), text("namespace"), text("name"))
}

impl Store {
    pub fn version(&self) -> u64 {
        self.version
    }

    pub fn put(&mut self, resource: &str, mut object: Value) -> Value {
        let key = key(resource, &object);
        let kind = if self.objects.contains_key(&key) {
            "MODIFIED"
        } else {
            "ADDED"
        };
        self.stamp(&mut object);
        self.objects.insert(key, object.clone());
        self.remember(resource, kind, object.clone());
        object
    }

    pub fn delete(&mut self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        let key = (resource.to_owned(), namespace.to_owned(), name.to_owned());
        let mut object = self.objects.remove(&key)?;
        self.stamp(&mut object);
        self.remember(resource, "DELETED", object.clone());
        Some(object)
    }

    fn stamp(&mut self, object: &mut Value) {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
    }

    fn remember(&mut self, resource: &str, kind: &'static str, object: Value) {
        self.history.push_back(Change {
            version: self.version,
            resource: resource.to_owned(),
            kind,
            object,
        });
        if self.history.len() > HISTORY_MAX {
            self.history.pop_front();
        }
    }

    pub fn forget_history(&mut self) {
        self.history.clear();
        self.version += 1;
        self.forgotten = self.version;
    }

    pub fn compact(&mut self) {
        self.history.clear();
        self.forgotten = self.version;
    }

    /// Whether changes since this version are not all known any more.
    pub fn has_forgotten(&self, version: u64) -> bool {
        version < self.forgotten
    }

    pub fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        let key = (resource.to_owned(), namespace.to_owned(), name.to_owned());
        self.objects.get(&key).cloned()
    }

    pub fn all(&self, resource: &str) -> Vec<Value> {
        let of_it = self.objects.iter().filter(|((r, _, _), _)| r == resource);
        of_it.map(|(_, object)| object.clone()).collect()
    }

    pub fn list(&self, selection: &Selection) -> Value {
        let shown = |((resource, _, _), object): &(&Key, &Value)| selection.shows(resource, object);
        let items = self.objects.iter().filter(shown);
        let items: Vec<Value> = items.map(|(_, object)| selection.view(object)).collect();
        json!({
            "apiVersion": "v1",
            "kind": "List",
            "metadata": { "resourceVersion": self.version.to_string() },
            "items": items,
        })
    }

    pub fn since(&self, version: u64, selection: &Selection) -> impl Iterator<Item = &Change> {
        let later = self.history.partition_point(|c| c.version <= version);
        let later = self.history.range(later..);
        later.filter(|c| selection.shows(&c.resource, &c.object))
    }

    /// Puts what a merge patch or an applied object says over what is there.
    pub fn merge(&mut self, resource: &str, namespace: &str, name: &str, patch: Value) -> Value {
        let mut object = self
            .get(resource, namespace, name)
            .unwrap_or_else(|| json!({ "metadata": { "namespace": namespace, "name": name } }));
        merge(&mut object, patch);
        self.put(resource, object)
    }
}

fn merge(into: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *into = patch;
        return;
    };
    if !into.is_object() {
        *into = Value::Object(Map::new());
    }
    let Some(into) = into.as_object_mut() else {
        return;
    };
    for (key, value) in patch {
        if value.is_null() {
            into.remove(&key);
        } else {
            merge(into.entry(key).or_insert(Value::Null), value);
        }
    }
}
