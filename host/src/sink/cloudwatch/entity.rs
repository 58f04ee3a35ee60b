//! What a request's events are about, for CloudWatch's view of related telemetry: one entity a
//! request, so two containers with different ones share no request.
//!
//! Keys and values are those of `PutLogEvents` (`keyAttributes`, `attributes`); AWS for Fluent Bit
//! sends `AwsAccountId` among the former as well, and so does the preset.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Attributes of an entity beside its key (API reference, `Entity`).
pub const ATTRIBUTES_MAX: usize = 10;
/// Longest value of an attribute (API reference, `EntityAttributesValue` and the one of keys),
/// characters.
const VALUE_CHARS_MAX: usize = 512;

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

/// The member `entity` of a request, as JSON.
#[must_use]
pub fn json(key: &BTreeMap<String, String>, more: &BTreeMap<String, String>) -> String {
    fn fitting(values: &BTreeMap<String, String>) -> BTreeMap<&str, &str> {
        let values = values.iter().filter(|(_, value)| !value.is_empty());
        values.map(|(k, v)| (k.as_str(), cut(v))).collect()
    }
    let entity = Entity {
        key_attributes: fitting(key),
        attributes: fitting(more),
    };
    // Strings only: nothing that could fail to serialise.
    serde_json::to_string(&entity).unwrap_or_default()
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
        let text = json(&key, &map(&[("A", &long), ("B", "")]));
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        let expected = serde_json::json!({
            "keyAttributes": {"Type": "Service", "Name": "sh\"op"},
            "attributes": {"A": long[..VALUE_CHARS_MAX]},
        });
        assert_eq!(read, expected);
    }
}
