//! `logsieve filter push`: into the team's ConfigMap, where nothing else changes, and a wait that ends when
//! every agent says that it runs the module, or says which does not.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};
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
    push_with(cluster, module, &["--wait", wait])
}

/// Pushes, waits for no node, and gives what it said.
fn pushed(cluster: &Cluster, module: &Path, more: &[&str]) -> String {
    let finished = push_with(cluster, module, &[&["--wait", "0"], more].concat());
    assert!(finished.status.success(), "{}", finished.stderr);
    finished.stdout
}

fn push_with(cluster: &Cluster, module: &Path, more: &[&str]) -> Finished {
    let module = module.display().to_string();
    let words = [&["filter", "push", &module, "--team", "pay"], more].concat();
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

/// The keys of the team's ConfigMap, bytes and text.
fn keys(cluster: &Cluster, name: &str) -> Vec<String> {
    let map = cluster.api.get("configmaps", "logsieve", name);
    let map = map.expect("it was made");
    let keys = |key: &str| map[key].as_object().cloned().unwrap_or_default();
    let all = keys("binaryData").into_iter().chain(keys("data"));
    all.map(|(key, _)| key).collect()
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

#[test]
fn settings_and_examples_stay_beside_a_module_that_is_pushed_again() {
    let cluster = Cluster::new(EVERYTHING, SELF_SERVICE);
    let redact = module("filters/redact");
    let write = |name: &str, text: &str| {
        let path = cluster.node.path().join(name);
        fs::write(&path, text).expect("the file is ours");
        path.display().to_string()
    };
    let settings = write("s.yaml", "kinds: [card]");
    let examples = write("e.yaml", "examples: []");
    let both = ["--settings", &settings, "--examples", &examples];
    let said = pushed(&cluster, &redact, &both);
    assert!(!said.contains("kept"), "{said}");
    let name = "logsieve-filters-pay";
    let all = [
        "redact.examples.yaml",
        "redact.settings.yaml",
        "redact.wasm",
    ];
    assert_eq!(keys(&cluster, name), all);
    let said = pushed(&cluster, &redact, &[]);
    assert!(said.contains("redact.settings.yaml is kept"), "{said}");
    assert!(said.contains("redact.examples.yaml is kept"), "{said}");
    assert_eq!(keys(&cluster, name), all);
    let said = pushed(&cluster, &redact, &["--no-settings"]);
    assert!(!said.contains("settings"), "{said}");
    assert_eq!(keys(&cluster, name), [all[0], all[2]]);
    pushed(&cluster, &redact, &["--no-examples"]);
    assert_eq!(keys(&cluster, name), [all[2]]);
}

#[test]
fn settings_that_no_node_would_take_are_told_before_anything_is_laid() {
    let cluster = Cluster::new(EVERYTHING, SELF_SERVICE);
    let settings = cluster.node.path().join("s.yaml");
    for (text, word) in [
        ("- a list", "is no YAML mapping"),
        ("kinds: []", "it refuses its settings"),
    ] {
        fs::write(&settings, text).expect("the file is ours");
        let settings = settings.display().to_string();
        let more = ["--wait", "0", "--settings", settings.as_str()];
        let finished = push_with(&cluster, &module("filters/redact"), &more);
        assert!(!finished.status.success(), "{}", finished.stdout);
        let said = finished.stderr;
        assert!(
            said.contains(word) && said.contains("nothing was pushed"),
            "{said}"
        );
    }
    let name = "logsieve-filters-pay";
    assert!(cluster.api.get("configmaps", "logsieve", name).is_none());
}

#[test]
fn a_push_leaves_one_form_of_its_module_and_all_other_filters() {
    let cluster = Cluster::new(EVERYTHING, SELF_SERVICE);
    let name = "logsieve-filters-pay";
    let bytes = fs::read(module("filters/redact")).expect("it is built");
    let packed = cluster.node.path().join("redact.wasm.zst");
    let zst = zstd::encode_all(bytes.as_slice(), 3).expect("it packs");
    fs::write(&packed, zst).expect("the file is ours");
    // As `kubectl create configmap --from-file` makes it: text is no bytes.
    let former: Value = json!({
        "metadata": { "namespace": "logsieve", "name": name },
        "binaryData": { "redact.wasm": "", "redact.wasm.gz.0": "", "redact.wasm.gz.1": "", "other.wasm": "" },
        "data": { "redact.settings.yaml": "kinds: [card]", "other.settings.yaml": "{}" },
    });
    cluster.api.put("configmaps", former);
    let said = pushed(&cluster, &packed, &[]);
    assert!(said.contains("redact.settings.yaml is kept"), "{said}");
    let expected = [
        "other.wasm",
        "redact.wasm.zst",
        "other.settings.yaml",
        "redact.settings.yaml",
    ];
    assert_eq!(keys(&cluster, name), expected);
    let settings = cluster.node.path().join("s.yaml");
    fs::write(&settings, "kinds: [email]").expect("the file is ours");
    let settings = settings.display().to_string();
    pushed(
        &cluster,
        &module("filters/redact"),
        &["--settings", &settings],
    );
    let expected = [
        "other.wasm",
        "redact.settings.yaml",
        "redact.wasm",
        "other.settings.yaml",
    ];
    assert_eq!(keys(&cluster, name), expected);
}

#[test]
fn a_team_whose_config_map_has_another_name_is_pushed_there() {
    let cluster = Cluster::new(EVERYTHING, SELF_SERVICE);
    let to = ["--config-map", "payments-filters"];
    pushed(&cluster, &module("filters/redact"), &to);
    assert_eq!(keys(&cluster, "payments-filters"), ["redact.wasm"]);
    let own = cluster
        .api
        .get("configmaps", "logsieve", "logsieve-filters-pay");
    assert!(own.is_none());
}

#[test]
fn a_file_that_no_agent_takes_for_a_module_is_not_pushed() {
    let cluster = Cluster::new(EVERYTHING, SELF_SERVICE);
    let part = cluster.node.path().join("redact.wasm.zst.0");
    fs::copy(module("filters/redact"), &part).expect("the file is ours");
    let finished = push(&cluster, &part, "0");
    assert!(!finished.status.success(), "{}", finished.stdout);
    assert!(
        finished.stderr.contains("no agent takes it"),
        "{}",
        finished.stderr
    );
    let map = cluster
        .api
        .get("configmaps", "logsieve", "logsieve-filters-pay");
    assert!(map.is_none());
}
