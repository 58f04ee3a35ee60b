//! A node in a cluster, for tests of what its API server tells: pods come and change there, their
//! log files here. Each record goes to a stream that is named for what the API told of its pod.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use support::agent::Agent;
use support::kubelet::Container;
use support::kubernetes::{FakeKubernetes, TOKEN, pod};

use crate::node::{CREDENTIALS, Node, a_while, cloudwatch, module, texts, until, wait_for_words};

pub const NODE: &str = "node-1";
const GROUP: &str = "/eks/team-a";

/// A node in a cluster. Each record goes to a stream named for its Deployment and its label `app`.
pub struct Cluster {
    pub node: Node,
    pub api: FakeKubernetes,
    agent: Option<Agent>,
}

impl Cluster {
    pub fn new(routes: &str, more: &str) -> Self {
        let mut node = Node::new();
        let api = FakeKubernetes::start();
        let to = cloudwatch(&node.fake.url(), "format: text").replace(
            "{k8s.pod.name}/{k8s.container.name}",
            "{k8s.deployment.name|none}/{k8s.pod.label.app|none}",
        );
        let audit = to.replace("/eks/", "/audit/");
        node.config.destinations = format!("{{ audit: {audit}, main: {to} }}");
        node.config.routes = routes.to_owned();
        let redact = module("filters/redact");
        node.config.filters = format!(
            "{{ modules: {{ redact: {{ module: {} }} }} }}",
            redact.display()
        );
        let cluster = Cluster {
            node,
            api,
            agent: None,
        };
        fs::write(cluster.token_file(), TOKEN).expect("the token is ours");
        cluster.configured(more)
    }

    fn configured(mut self, more: &str) -> Self {
        self.node.config.more = format!(
            "enrich: {{ node: {NODE}, pods: {{ server: \"{}\", token_file: {}, wait: 3s }} }}\n{more}",
            self.api.url(),
            self.token_file().display(),
        );
        self
    }

    pub fn token_file(&self) -> PathBuf {
        self.node.path().join("token")
    }

    pub fn start(&mut self) -> &mut Agent {
        self.start_with(&CREDENTIALS)
    }

    pub fn start_with(&mut self, variables: &[(&str, &str)]) -> &mut Agent {
        let agent = self.agent.insert(self.node.start_with(variables));
        wait_for_words(agent, "logsieve runs");
        agent
    }

    /// The agent that was started last.
    pub fn agent(&mut self) -> &mut Agent {
        self.agent.as_mut().expect("it was started")
    }

    /// Starts a container of a pod whose uid is its name, and one record in it.
    pub fn container(&self, pod: &str, record: &str) -> Container {
        let mut container = self.node.kubelet.start_in("team-a", pod, pod, "app");
        container.print(record);
        container
    }

    /// Puts a pod with this label and these annotations into the API.
    pub fn pod(&self, name: &str, app: &str, annotations: Value) {
        self.api.put("pods", labelled(name, app, annotations));
    }

    /// What a stream of the group has.
    pub fn stream(&self, stream: &str) -> Vec<String> {
        let known = self.node.fake.stream_names();
        let is_it = |(group, name): &(String, String)| group == GROUP && name == stream;
        if known.iter().any(is_it) {
            texts(&self.node, GROUP, stream)
        } else {
            Vec::new()
        }
    }

    pub fn until_stream_has(&self, stream: &str, texts: &[&str]) {
        until(&format!("{stream} has {texts:?}"), || {
            self.stream(stream) == texts
        });
    }

    pub fn nothing_arrived(&self) {
        a_while();
        assert_eq!(self.node.fake.event_count(), 0);
    }
}

pub fn labelled(name: &str, app: &str, annotations: Value) -> Value {
    let mut pod = pod(NODE, "team-a", name, name);
    pod["metadata"]["labels"] = json!({ "app": app, "pod-template-hash": "7d9" });
    pod["metadata"]["annotations"] = annotations;
    pod["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "api-7d9", "uid": "r",
        "controller": true,
    }]);
    pod
}

pub const EVERYTHING: &str = "[{ destination: main }]";
pub const SELF_SERVICE: &str = "annotations: { allow: [{ namespace: 'team-*', filters: [redact], routes: [audit], exclude: true }] }";
pub const CARD: &str = "card 4111111111111111";
