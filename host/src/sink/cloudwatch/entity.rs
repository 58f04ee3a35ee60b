//! What a request's events are about, for CloudWatch's view of related telemetry: one entity a
//! request, so two containers with different ones share no request.
//!
//! Keys and values are those of `PutLogEvents` (`keyAttributes`, `attributes`); AWS for Fluent Bit
//! sends `AwsAccountId` among the former as well, and so does the preset.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Names that a key may have (API reference, `Entity`); the last is not told there, and sent by AWS for
/// Fluent Bit.
const KEYS: [&str; 6] = [
    "Type",
    "ResourceType",
    "Identifier",
    "Name",
    "Environment",
    "AwsAccountId",
];
/// Entries of a key (the same).
const KEYS_MIN: usize = 2;
const KEYS_MAX: usize = 4;
/// Attributes of an entity beside its key (the same), and the characters of their names.
const ATTRIBUTES_MAX: usize = 10;
const NAME_CHARS_MAX: usize = 256;
/// Longest value of an attribute (API reference, `EntityAttributesValue` and the one of keys),
/// characters.
const VALUE_CHARS_MAX: usize = 512;

/// What no entity may be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("`key_attributes` has {found} entries, and has to have {KEYS_MIN} to {KEYS_MAX}")]
    Keys { found: usize },
    #[error("`key_attributes` has no `{name}`: there are {}", KEYS.join(", "))]
    Key { name: String },
    #[error("`attributes` has {found} entries, and may have {ATTRIBUTES_MAX}")]
    Attributes { found: usize },
    #[error("`attributes`: a name is empty or longer than {NAME_CHARS_MAX} characters")]
    Name,
}

/// Templates over container facts, by the names of the API.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What tells this entity from others. Where a fact is not known there is no entity.
    pub key_attributes: BTreeMap<String, String>,
    /// What else is known; those whose fact is not known are left out.
    pub attributes: BTreeMap<String, String>,
}

impl Config {
    /// # Errors
    /// When the service would refuse every request that carries it.
    pub fn check(&self) -> Result<(), Error> {
        let (keys, more) = (&self.key_attributes, &self.attributes);
        if !(KEYS_MIN..=KEYS_MAX).contains(&keys.len()) {
            return Err(Error::Keys { found: keys.len() });
        }
        if let Some(name) = keys.keys().find(|name| !KEYS.contains(&name.as_str())) {
            return Err(Error::Key { name: name.clone() });
        }
        if more.len() > ATTRIBUTES_MAX {
            return Err(Error::Attributes { found: more.len() });
        }
        let fits = |name: &String| (1..=NAME_CHARS_MAX).contains(&name.chars().count());
        if !more.keys().all(fits) {
            return Err(Error::Name);
        }
        Ok(())
    }

    /// What the EKS add-on sends for a pod that is not instrumented.
    #[must_use]
    pub fn of_eks_workload() -> Self {
        let map = |pairs: &[(&str, &str)]| {
            let own = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
            pairs.iter().map(own).collect()
        };
        let workload = "{k8s.pod.label.app.kubernetes.io/name,k8s.pod.label.app,k8s.deployment.name,\
                        k8s.statefulset.name,k8s.daemonset.name,k8s.cronjob.name,k8s.job.name,\
                        k8s.pod.name}";
        Self {
            key_attributes: map(&[
                ("Type", "Service"),
                ("Name", workload),
                ("Environment", "eks:{k8s.cluster.name}/{k8s.namespace.name}"),
                ("AwsAccountId", "{cloud.account.id}"),
            ]),
            attributes: map(&[
                ("PlatformType", "AWS::EKS"),
                ("EKS.Cluster", "{k8s.cluster.name}"),
                ("K8s.Namespace", "{k8s.namespace.name}"),
                ("K8s.Node", "{k8s.node.name}"),
                ("K8s.Workload", workload),
                ("EC2.InstanceId", "{host.id}"),
                ("AWS.ServiceNameSource", "K8sWorkload"),
            ]),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entity<'a> {
    key_attributes: BTreeMap<&'a str, &'a str>,
    attributes: BTreeMap<&'a str, &'a str>,
}

/// The member `entity` of a request, as JSON; none where too little of its key is known.
#[must_use]
pub fn json(key: &BTreeMap<String, String>, more: &BTreeMap<String, String>) -> Option<String> {
    fn fitting(values: &BTreeMap<String, String>) -> BTreeMap<&str, &str> {
        let values = values.iter().filter(|(_, value)| !value.is_empty());
        values.map(|(k, v)| (k.as_str(), cut(v))).collect()
    }
    let entity = Entity {
        key_attributes: fitting(key),
        attributes: fitting(more),
    };
    if entity.key_attributes.len() < KEYS_MIN {
        return None;
    }
    // Strings only: nothing that could fail to serialise.
    serde_json::to_string(&entity).ok()
}

fn cut(value: &str) -> &str {
    let end = value.char_indices().nth(VALUE_CHARS_MAX);
    end.map_or(value, |(at, _)| &value[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entity_is_the_json_that_the_api_takes() {
        let map = |pairs: &[(&str, &str)]| {
            let own = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
            pairs.iter().map(own).collect::<BTreeMap<_, _>>()
        };
        let long = "x".repeat(600);
        let key = map(&[("Type", "Service"), ("Name", "sh\"op")]);
        let text = json(&key, &map(&[("A", &long), ("B", "")])).unwrap();
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        let expected = serde_json::json!({
            "keyAttributes": {"Type": "Service", "Name": "sh\"op"},
            "attributes": {"A": long[..VALUE_CHARS_MAX]},
        });
        assert_eq!(read, expected);
        let nameless = map(&[("Type", "Service"), ("Name", "")]);
        assert_eq!(json(&nameless, &BTreeMap::new()), None);
    }

    #[test]
    fn an_entity_that_the_service_would_refuse_is_refused_first() {
        let of = |keys: &[&str], attributes: usize| {
            let own = |name: &&str| ((*name).to_owned(), "x".to_owned());
            Config {
                key_attributes: keys.iter().map(own).collect(),
                attributes: (0..attributes).map(|n| own(&&*format!("a{n}"))).collect(),
            }
        };
        assert_eq!(Config::of_eks_workload().check(), Ok(()));
        assert_eq!(of(&["Type", "Name"], 10).check(), Ok(()));
        let all = ["Type", "Name", "Environment", "Identifier", "ResourceType"];
        assert_eq!(of(&all, 0).check(), Err(Error::Keys { found: 5 }));
        assert_eq!(of(&["Type"], 0).check(), Err(Error::Keys { found: 1 }));
        let name = "type".to_owned();
        assert_eq!(of(&["type", "Name"], 0).check(), Err(Error::Key { name }));
        let too_many = Err(Error::Attributes { found: 11 });
        assert_eq!(of(&["Type", "Name"], 11).check(), too_many);
    }
}
