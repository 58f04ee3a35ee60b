//! `logsieve filter push`: into the team's ConfigMap by the server's own apply, and a wait that ends when
//! every agent says that it runs the module, or says which does not.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::json;
use support::agent::{Agent, Finished};
use support::kubernetes::{FakeKubernetes, TOKEN, pod};

use crate::cluster::{Cluster, EVERYTHING, NODE, SELF_SERVICE};
use crate::node::{module, with_metrics};

/// Runs the command as its author does, with a kubeconfig.
pub fn spawn(cluster: &Cluster, words: &[&str]) -> Agent {
    let config = cluster.node.path().join("kubeconfig");
    fs::write(&config, kubeconfig(&cluster.api)).expect("the file is ours");
    let config = config.display().to_string();
    Agent::spawn(words, &[("KUBECONFIG", &config)])
}

fn push(cluster: &Cluster, module: &Path, wait: &str) -> Finished {
    let module = module.display().to_string();
    let words = ["filter", "push", &module, "--team", "pay", "--wait", wait];
    let mut command = spawn(cluster, &words);
    let status = command.wait_for_exit();
    Finished {
        status,
        stdout: command.stdout(),
        stderr: command.stderr(),
    }
}

fn kubeconfig(api: &FakeKubernetes) -> String {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "contexts": [{ "name": "c", "context": { "cluster": "c", "user": "u" } }],
        "clusters": [{ "name": "c", "cluster": { "server": api.url() } }],
        "users": [{ "name": "u", "user": { "token": TOKEN } }],
    })
    .to_string()
}

/// A cluster with one agent, which runs `redact`.
fn cluster() -> Cluster {
    let mut cluster = Cluster::new(EVERYTHING, SELF_SERVICE);
    let address = with_metrics(&mut cluster.node);
    own_pod(&cluster, address);
    cluster.start();
    cluster
}

/// The agent's own pod in the API, and the way to its admin page.
pub fn own_pod(cluster: &Cluster, address: SocketAddr) {
    let mut own = pod(NODE, "logsieve", "agent-0", "u");
    own["metadata"]["labels"] = json!({ "app.kubernetes.io/name": "logsieve" });
    cluster.api.put("pods", own);
    cluster.api.set_proxy("agent-0:9880", address);
}

#[test]
fn a_pushed_module_is_in_its_config_map_when_every_node_runs_it() {
    let cluster = cluster();
    let redact = module("filters/redact");
    let finished = push(&cluster, &redact, "60");
    assert!(finished.status.success(), "{}", finished.stderr);
    assert!(
        finished.stdout.contains("every node runs it"),
        "{}",
        finished.stdout
    );
    let map = cluster
        .api
        .get("configmaps", "logsieve", "logsieve-filters-pay");
    let map = map.expect("it was applied");
    let data = map["binaryData"]["redact.wasm"]
        .as_str()
        .unwrap_or_default();
    let bytes = fs::metadata(&redact).expect("it is there").len();
    assert_eq!(
        data.len() as u64,
        bytes.div_ceil(3) * 4,
        "all of it, in base64"
    );
    let second = push(&cluster, &module("filters/drop"), "0");
    assert!(second.status.success(), "{}", second.stderr);
    let map = cluster
        .api
        .get("configmaps", "logsieve", "logsieve-filters-pay");
    let data = &map.expect("it is there")["binaryData"];
    assert!(data["redact.wasm"].is_string() && data["drop.wasm"].is_string());
}

#[test]
fn a_push_that_no_node_takes_says_which_node_runs_what() {
    let cluster = cluster();
    let other = cluster.node.path().join("redact.wasm");
    fs::copy(module("filters/drop"), &other).expect("the file is ours");
    let finished = push(&cluster, &other, "1");
    assert_eq!(finished.status.code(), Some(1));
    let said = finished.stderr;
    assert!(
        said.contains("agent-0: runs ") && said.contains("1 nodes do not run it"),
        "{said}"
    );
}

#[test]
fn where_no_agent_runs_nobody_is_said_to_run_the_module() {
    let cluster = Cluster::new(EVERYTHING, SELF_SERVICE);
    let finished = push(&cluster, &module("filters/redact"), "1");
    assert!(!finished.status.success(), "{}", finished.stdout);
    let said = finished.stderr;
    assert!(
        said.contains("no agent runs in the namespace `logsieve`"),
        "{said}"
    );
}
