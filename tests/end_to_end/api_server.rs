//! The agent against a real API server, with the rights that the manifests give it and no others.
//!
//! What the stand-in plays in `pods` and `push` is held here against the real thing: watches and their
//! end, patches, Events, annotations of the agent's own pod. A server has to be built first
//! (`cargo xtask api-server`, which CI does); without one these tests do nothing, and say so.

mod own_pod;

use std::fs;
use std::net::UdpSocket;
use std::ops::Deref;
use std::sync::Arc;

use serde_json::{Value, json};
use support::agent::Agent;
use support::api_server::{AGENT, AUTHOR, ApiServer};
use support::kubelet::Container;
use support::kubernetes::pod;

use crate::cluster::{CARD, EVERYTHING, labelled};
use crate::node::{CREDENTIALS, Node, cloudwatch, module, texts, until, wait_for_words};

const SELF_SERVICE: &str = "annotations: { allow: [{ namespace: 'team-*', filters: [redact] }] }";

/// A node of a cluster with a real API server. Node and namespace are the test's own.
struct Live<A> {
    node: Node,
    api: A,
    name: &'static str,
    agent: Option<Agent>,
}

/// A node in the cluster that tests share; nothing where there is no server.
fn live(name: &'static str, routes: &str, more: &str) -> Option<Live<Arc<ApiServer>>> {
    Some(Live::new(name, ApiServer::shared()?, routes, more))
}

impl<A: Deref<Target = ApiServer>> Live<A> {
    /// `name` tells tests apart: its namespace is `team-NAME`, its node `node-NAME`.
    fn new(name: &'static str, api: A, routes: &str, more: &str) -> Self {
        let mut node = Node::new();
        let to = cloudwatch(&node.fake.url(), "format: text").replace(
            "{k8s.pod.name}/{k8s.container.name}",
            "{k8s.deployment.name|none}/{k8s.pod.label.app|none}",
        );
        node.config.destinations = format!("{{ main: {to} }}");
        node.config.routes = routes.to_owned();
        let redact = module("filters/redact");
        let redact = redact.display();
        node.config.filters = format!("{{ modules: {{ redact: {{ module: {redact} }} }} }}");
        let token = node.path().join("token");
        fs::write(&token, AGENT).expect("the token is ours");
        node.config.more = format!(
            "enrich: {{ node: node-{name}, pods: {{ server: \"{}\", token_file: {}, ca_file: {}, wait: 30s, filter_config_maps: 'logsieve-filters-{name}' }} }}\n{more}",
            api.url(),
            token.display(),
            api.ca_file().display(),
        );
        let namespace = json!({ "apiVersion": "v1", "kind": "Namespace",
                                "metadata": { "name": format!("team-{name}") } });
        api.apply(&namespace);
        Live {
            node,
            api,
            name,
            agent: None,
        }
    }

    fn start(&mut self, variables: &[(&str, &str)]) {
        let variables: Vec<_> = CREDENTIALS.iter().chain(variables).copied().collect();
        let agent = self.agent.insert(self.node.start_with(&variables));
        wait_for_words(agent, "logsieve runs");
    }

    fn namespace(&self) -> String {
        format!("team-{}", self.name)
    }

    /// A pod of a Deployment `api` with this label and these annotations, as the server then has it.
    fn pod(&self, name: &str, app: &str, annotations: Value) -> Value {
        let mut pod = labelled(name, app, annotations);
        self.place(&mut pod, &self.namespace());
        self.api.apply(&pod)
    }

    /// Makes a pod of the stand-in's one that a server takes.
    fn place(&self, pod: &mut Value, namespace: &str) {
        pod["metadata"]["namespace"] = json!(namespace);
        pod["spec"]["nodeName"] = json!(format!("node-{}", self.name));
        let without = |value: &mut Value, key: &str| {
            value.as_object_mut().expect("an object").remove(key);
        };
        without(&mut pod["metadata"], "uid");
        without(pod, "status");
    }

    /// Starts the container of a pod, and one record in it.
    fn container(&self, pod: &Value, record: &str) -> Container {
        let text = |key: &str| pod["metadata"][key].as_str().expect("the server gives it");
        let mut container =
            self.node
                .kubelet
                .start_in(&self.namespace(), text("name"), text("uid"), "app");
        container.print(record);
        container
    }

    fn stream(&self, stream: &str) -> Vec<String> {
        let group = format!("/eks/{}", self.namespace());
        let is_it = |known: &(String, String)| known.0 == group && known.1 == stream;
        if self.node.fake.stream_names().iter().any(is_it) {
            texts(&self.node, &group, stream)
        } else {
            Vec::new()
        }
    }

    fn until_stream_has(&self, stream: &str, texts: &[&str]) {
        until(&format!("{stream} has {texts:?}"), || {
            self.stream(stream) == texts
        });
    }
}

#[test]
fn with_the_rights_of_the_manifests_the_agent_learns_of_pods_and_their_changes() {
    let Some(mut live) = live("facts", EVERYTHING, "") else {
        return;
    };
    let first = live.pod("p1", "api", json!({}));
    let mut container = live.container(&first, "first");
    live.start(&[]);
    live.until_stream_has("api/api", &["first"]);
    live.pod("p1", "web", json!({}));
    until("a record goes by the new label", || {
        container.print("later");
        !live.stream("api/web").is_empty()
    });
    // A pod that comes while the agent watches, and is deleted before its last words are read.
    let second = live.pod("p2", "other", json!({}));
    let mut container = live.container(&second, "hello");
    live.until_stream_has("api/other", &["hello"]);
    live.api.delete_pod(&live.namespace(), "p2");
    let third = live.pod("p3", "marker", json!({}));
    let _marker = live.container(&third, "marker");
    live.until_stream_has("api/marker", &["marker"]);
    container.print("last words");
    live.until_stream_has("api/other", &["hello", "last words"]);
}

#[test]
fn a_mirror_pod_of_a_real_server_is_known_by_its_configurations_hash() {
    let Some(mut live) = live("static", EVERYTHING, "") else {
        return;
    };
    let hash = json!({ "kubernetes.io/config.hash": "0f1e2d3c", "kubernetes.io/config.mirror": "0f1e2d3c" });
    live.pod("p1", "static", hash);
    let namespace = live.namespace();
    let mut container = live
        .node
        .kubelet
        .start_in(&namespace, "p1", "0f1e2d3c", "app");
    container.print("first");
    live.start(&[]);
    live.until_stream_has("api/static", &["first"]);
}

#[test]
fn an_annotation_on_a_real_server_turns_a_filter_on_and_a_wrong_one_becomes_an_event() {
    let Some(mut live) = live("notes", EVERYTHING, SELF_SERVICE) else {
        return;
    };
    let wrong = live.pod("p1", "api", json!({ "logsieve.dev/filters": "redcat" }));
    let mut container = live.container(&wrong, CARD);
    live.start(&[]);
    let path = format!("/api/v1/namespaces/{}/events", live.namespace());
    let events = || {
        live.api.get(&path)["items"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    };
    until("an Event is on the pod", || !events().is_empty());
    assert_eq!(
        events()[0]["involvedObject"]["uid"],
        wrong["metadata"]["uid"]
    );
    assert_eq!(events()[0]["type"], "Warning");
    assert!(live.stream("api/api").is_empty(), "it waits");
    live.pod("p1", "api", json!({ "logsieve.dev/filters": "redact" }));
    until("the record arrives", || !live.stream("api/api").is_empty());
    assert!(
        !live.stream("api/api")[0].contains("4111"),
        "it was redacted"
    );
    live.pod("p1", "api", json!({}));
    until("a record arrives as it was written", || {
        container.print(CARD);
        live.stream("api/api")
            .last()
            .is_some_and(|text| text == CARD)
    });
}

#[test]
fn labels_of_namespaces_need_a_right_of_their_own() {
    let routes = "[{ match: { namespace_labels: { team: pay } }, destination: main }]";
    let Some(mut live) = live("labels", routes, "") else {
        return;
    };
    let known = live.pod("p1", "api", json!({}));
    let _container = live.container(&known, "first");
    live.start(&[]);
    let agent = live.agent.as_mut().expect("it was started");
    wait_for_words(agent, "forbidden");
    let rules =
        json!([{ "apiGroups": [""], "resources": ["namespaces"], "verbs": ["list", "watch"] }]);
    let subject = json!({ "kind": "ServiceAccount", "name": "logsieve", "namespace": "logsieve" });
    grant(&live.api, "namespaces", None, rules, subject);
    let labelled = json!({ "apiVersion": "v1", "kind": "Namespace",
                           "metadata": { "name": live.namespace(), "labels": { "team": "pay" } } });
    live.api.apply(&labelled);
    live.until_stream_has("api/api", &["first"]);
}

#[test]
fn a_server_that_is_killed_and_has_forgotten_what_was_costs_no_record_and_no_fact() {
    let Some(api) = ApiServer::start() else {
        return;
    };
    let mut live = Live::new("killed", Box::new(api), EVERYTHING, SELF_SERVICE);
    let redacted = json!({ "logsieve.dev/filters": "redact" });
    let first = live.pod("p1", "first", redacted.clone());
    let second = live.pod("p2", "second", json!({}));
    let mut container = live.container(&first, CARD);
    live.start(&[]);
    until("the record arrives", || live.stream("api/first").len() == 1);
    live.api.go_away();
    container.print(CARD);
    let _second = live.container(&second, CARD);
    until("who is known is read on", || {
        live.stream("api/first").len() == 2
    });
    live.api.come_back();
    let third = live.pod("p3", "third", redacted);
    let _third = live.container(&third, CARD);
    until("who came after it was killed is known", || {
        live.stream("api/third").len() == 1
    });
    live.until_stream_has("api/second", &[CARD]);
    for stream in ["api/first", "api/third"] {
        for text in live.stream(stream) {
            assert!(!text.contains("4111"), "{stream}: {text}");
        }
    }
}

#[test]
fn a_filters_author_pushes_with_the_rights_that_the_docs_name() {
    let Some(mut live) = live("push", EVERYTHING, SELF_SERVICE) else {
        return;
    };
    let address = reachable_address();
    // The port that every agent of a chart has.
    live.node.config.listen = format!("\"{address}:9880\"");
    let mut own = pod("", "", "agent-push", "");
    own["metadata"]["labels"] = json!({ "app.kubernetes.io/name": "logsieve" });
    live.place(&mut own, "logsieve");
    live.api.apply(&own);
    own["status"] = json!({ "phase": "Running", "podIP": address,
        "conditions": [{ "type": "Ready", "status": "True" }] });
    live.api.set_status(&own);
    live.start(&[]);
    let rules = json!([
        { "apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["logsieve-filters-push"], "verbs": ["patch", "create"] },
        { "apiGroups": [""], "resources": ["pods"], "verbs": ["list"] },
        { "apiGroups": [""], "resources": ["pods/proxy"], "verbs": ["get"] },
    ]);
    let author =
        json!({ "kind": "User", "name": "author", "apiGroup": "rbac.authorization.k8s.io" });
    grant(&live.api, "author", Some("logsieve"), rules, author);
    let config = live.node.path().join("kubeconfig");
    fs::write(&config, kubeconfig(&live.api)).expect("the file is ours");
    let config = config.display().to_string();
    let redact = module("filters/redact").display().to_string();
    let push = |more: &[&str]| {
        let words = [&["filter", "push", &redact, "--team", "push"], more].concat();
        let mut command = Agent::spawn(words, &[("KUBECONFIG", &config)]);
        let status = command.wait_for_exit();
        assert!(status.success(), "{}", command.stderr());
        command.stdout()
    };
    let settings = live.node.path().join("s.yaml");
    fs::write(&settings, "{}").expect("the file is ours");
    push(&["--wait", "0", "--settings", &settings.display().to_string()]);
    let said = push(&["--wait", "60"]);
    assert!(said.contains("redact.settings.yaml is kept"), "{said}");
    assert!(said.contains("every node runs it"), "{said}");
    let map = live
        .api
        .get("/api/v1/namespaces/logsieve/configmaps/logsieve-filters-push");
    let has = |key: &str| map["binaryData"][key].is_string();
    assert!(has("redact.wasm") && has("redact.settings.yaml"), "{map}");
}

/// Gives rights: in one namespace, or in all.
fn grant(api: &ApiServer, name: &str, namespace: Option<&str>, rules: Value, subject: Value) {
    let kind = if namespace.is_some() {
        "Role"
    } else {
        "ClusterRole"
    };
    let version = "rbac.authorization.k8s.io/v1";
    let metadata = match namespace {
        Some(namespace) => json!({ "name": name, "namespace": namespace }),
        None => json!({ "name": name }),
    };
    api.apply(
        &json!({ "apiVersion": version, "kind": kind, "metadata": metadata, "rules": rules }),
    );
    let role = json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name });
    api.apply(
        &json!({ "apiVersion": version, "kind": format!("{kind}Binding"), "metadata": metadata,
                       "roleRef": role, "subjects": [subject] }),
    );
}

fn kubeconfig(api: &ApiServer) -> String {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "contexts": [{ "name": "c", "context": { "cluster": "c", "user": "u" } }],
        "clusters": [{ "name": "c", "cluster": { "server": api.url(), "certificate-authority": api.ca_file() } }],
        "users": [{ "name": "u", "user": { "token": AUTHOR } }],
    })
    .to_string()
}

/// This machine's own address: a server proxies to none on the loopback interface.
fn reachable_address() -> String {
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    socket
        .connect("192.0.2.1:9")
        .expect("the machine has a route; nothing is sent");
    socket
        .local_addr()
        .expect("it has an address")
        .ip()
        .to_string()
}
