//! What `deploy/` installs: manifests that Kubernetes' own types take to the last field, rights and
//! privileges that are as few as said, configurations that load.
//!
//! The manifests in `kustomize/base` are made from the chart; where `helm` is on the path (or named
//! by the variable HELM) the chart is rendered here too, with everything on, and has to give the
//! same. Without it, what is committed is tested all the same.

mod alerts;
mod chart;
mod dockerfile;
mod lab;
mod manifests;
mod monitoring;

use std::path::{Path, PathBuf};

use k8s_openapi::api::{admissionregistration as admission, apps, core, networking, rbac};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

fn deploy(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../deploy")
        .join(path)
}

fn read(path: &str) -> String {
    let path = deploy(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The objects of a file or a rendered chart.
fn objects(text: &str) -> Vec<Value> {
    let all: Vec<Value> = serde_saphyr::from_multiple(text).expect("manifests are YAML");
    all.into_iter().filter(|o| !o.is_null()).collect()
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let found = objects.iter().find(|o| o["kind"] == kind);
    found.unwrap_or_else(|| panic!("there is no {kind}"))
}

/// Fails unless Kubernetes' type for the object knows every field of it.
fn assert_known(object: &Value) {
    match object["kind"].as_str().unwrap_or_default() {
        "ConfigMap" => round_trip::<core::v1::ConfigMap>(object),
        "ServiceAccount" => round_trip::<core::v1::ServiceAccount>(object),
        "Namespace" => round_trip::<core::v1::Namespace>(object),
        "DaemonSet" => round_trip::<apps::v1::DaemonSet>(object),
        "ClusterRole" => round_trip::<rbac::v1::ClusterRole>(object),
        "ClusterRoleBinding" => round_trip::<rbac::v1::ClusterRoleBinding>(object),
        "Role" => round_trip::<rbac::v1::Role>(object),
        "RoleBinding" => round_trip::<rbac::v1::RoleBinding>(object),
        "ValidatingAdmissionPolicy" => {
            round_trip::<admission::v1::ValidatingAdmissionPolicy>(object);
        }
        "ValidatingAdmissionPolicyBinding" => {
            round_trip::<admission::v1::ValidatingAdmissionPolicyBinding>(object);
        }
        "NetworkPolicy" => round_trip::<networking::v1::NetworkPolicy>(object),
        "PodMonitor" => monitoring::assert_known(object),
        "PrometheusRule" => alerts::assert_known(object),
        other => panic!("what is a {other}?"),
    }
}

fn round_trip<T: Serialize + DeserializeOwned>(object: &Value) {
    let typed: T = serde_json::from_value(object.clone()).expect("the object is of its kind");
    let known = serde_json::to_value(typed).expect("it is JSON");
    assert_within(object, &known, object["kind"].as_str().unwrap_or_default());
}

/// Every field of `written` has to be in `known`.
fn assert_within(written: &Value, known: &Value, at: &str) {
    match (written, known) {
        (Value::Object(written), Value::Object(known)) => {
            for (key, value) in written {
                // Kubernetes' types leave out what says nothing.
                if value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty) {
                    continue;
                }
                let at = format!("{at}.{key}");
                let known = known
                    .get(key)
                    .unwrap_or_else(|| panic!("`{at}` is no field"));
                assert_within(value, known, &at);
            }
        }
        (Value::Array(written), Value::Array(known)) => {
            assert_eq!(written.len(), known.len(), "{at}");
            for (written, known) in written.iter().zip(known) {
                assert_within(written, known, at);
            }
        }
        _ => assert_eq!(written, known, "{at}"),
    }
}
