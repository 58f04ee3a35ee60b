//! What is sent to a real API server: the manifests of `deploy/`, as `kubectl apply -k` would send them, and
//! the path that each object lives at.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// The plain manifests, as `kubectl apply -k` would send them.
pub fn manifests() -> Vec<Value> {
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/kustomize/base");
    let read = |part| {
        let text = fs::read_to_string(base.join(part)).expect("it is in the tree");
        serde_saphyr::from_multiple::<Value>(&text).expect("manifests are YAML")
    };
    let parts = [
        "namespace.yaml",
        "rbac.yaml",
        "policy.yaml",
        "daemonset.yaml",
        "network.yaml",
    ];
    let all = parts.into_iter().flat_map(read);
    all.filter(|object| !object.is_null()).collect()
}

/// Where an object lives.
pub fn path_of(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let version = text(&object["apiVersion"]);
    let root = if version.contains('/') {
        "/apis"
    } else {
        "/api"
    };
    let namespace = match object["metadata"]["namespace"].as_str() {
        Some(name) => format!("namespaces/{name}/"),
        None => String::new(),
    };
    let kind = text(&object["kind"]).to_lowercase();
    let kinds = match kind.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{kind}s"),
    };
    format!(
        "{root}/{version}/{namespace}{kinds}/{}",
        text(&object["metadata"]["name"])
    )
}
