//! What the agent may do to its own pod, and to no other: the right that lets the kubelet bring a changed
//! ConfigMap at once, and the policy that narrows it.

use std::fs;

use serde_json::{Value, json};
use support::api_server::{AGENT, ApiServer};
use support::kubernetes::pod;

use super::live;
use crate::cluster::EVERYTHING;
use crate::node::until;

#[test]
fn a_changed_config_map_on_a_real_server_makes_the_agent_touch_its_own_pod() {
    let Some(mut live) = live("touch", EVERYTHING, "") else {
        return;
    };
    let own = agent(&live.api, "agent-touch");
    let token = live.api.token_of(&own);
    fs::write(live.node.path().join("token"), token).expect("the token is ours");
    let map = |name: &str, module: &str| {
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "binaryData": { "f.wasm": module },
                "metadata": { "name": name, "namespace": "logsieve" } })
    };
    live.api.apply(&map("logsieve-filters-touch", "b25l"));
    let variables = [("POD_NAMESPACE", "logsieve"), ("POD_NAME", "agent-touch")];
    live.start(&variables);
    // What is delivered shows that the watches are heard.
    let known = live.pod("p1", "api", json!({}));
    let _container = live.container(&known, "first");
    live.until_stream_has("api/api", &["first"]);
    let mut version = 0;
    until("the pod is touched", || {
        version += 1;
        live.api.apply(&map(
            "logsieve-filters-touch",
            ["dHdv", "b25l"][version % 2],
        ));
        let own = live.api.get("/api/v1/namespaces/logsieve/pods/agent-touch");
        let seen = own["metadata"]["annotations"]["logsieve-filters-seen"].clone();
        seen.as_str()
            .is_some_and(|seen| seen.starts_with("logsieve-filters-touch@"))
    });
}

/// A pod of the agent, as the server then has it.
fn agent(api: &ApiServer, name: &str) -> Value {
    let mut own = pod("node-policy", "logsieve", name, "");
    let metadata = own["metadata"].as_object_mut().expect("an object");
    metadata.remove("uid");
    metadata.insert("labels".into(), json!({ "app": "agent" }));
    // A token is bound to no pod of another account.
    own["spec"]["serviceAccountName"] = json!("logsieve");
    own.as_object_mut().expect("an object").remove("status");
    api.apply(&own)
}

#[test]
fn who_holds_the_token_of_one_agent_can_change_annotations_of_its_pod_and_nothing_else() {
    let Some(api) = ApiServer::shared() else {
        return;
    };
    let own = agent(&api, "agent-own");
    agent(&api, "agent-other");
    let token = api.token_of(&own);
    let patch = |token: &str, name: &str, patch: Value| {
        let path = format!("/api/v1/namespaces/logsieve/pods/{name}");
        api.patch_as(token, &path, &patch)
    };
    let note = json!({ "metadata": { "annotations": { "logsieve-filters-seen": "1" } } });
    // A policy is in force a moment after it was applied.
    until("the policy is in force", || {
        patch(&token, "agent-other", note.clone())
            .is_err_and(|why| why.contains("no pod but its own"))
    });
    patch(&token, "agent-own", note.clone()).expect("its own annotations");
    let why = patch(AGENT, "agent-own", note).expect_err("a token of no pod");
    assert!(why.contains("no pod but its own"), "{why}");
    let mut containers = own["spec"]["containers"].clone();
    containers[0]["image"] = json!("registry.example/evil");
    for wrong in [
        json!({ "spec": { "containers": containers } }),
        json!({ "metadata": { "labels": { "app": "other" } } }),
    ] {
        let why = patch(&token, "agent-own", wrong).expect_err("not annotations alone");
        assert!(why.contains("neither its spec nor its labels"), "{why}");
    }
}
