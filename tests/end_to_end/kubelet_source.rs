//! Facts of pods from the node's own kubelet, with the API server nowhere: what changes is noticed at the
//! next question, what is not known waits, and nobody is asked who cannot prove to be the kubelet.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use support::kubelet::Container;
use support::kubelet_server::{KubeletServer, TOKEN};
use support::tls::{CERTIFICATE, OTHER_CERTIFICATE};

use crate::cluster::{CARD, Cluster, EVERYTHING, SELF_SERVICE, labelled};
use crate::node::{until, wait_for_words};

struct Rig {
    cluster: Cluster,
    kubelet: KubeletServer,
}

impl Rig {
    fn new(more: &str, trusted: &str) -> Self {
        let mut cluster = Cluster::new(EVERYTHING, more);
        cluster.api.set_away(true);
        let kubelet = KubeletServer::start();
        let ca = cluster.node.path().join("ca.crt");
        fs::write(&ca, trusted).expect("the file is ours");
        let source = format!(
            "pods: {{ source: kubelet, kubelet: {{ server: \"{}\", token_file: {}, ca_file: {}, \
             poll_every: 100ms }}, ",
            kubelet.url(),
            token_file(&cluster).display(),
            ca.display(),
        );
        let all = &mut cluster.node.config.more;
        *all = all.replace("pods: { ", &source);
        fs::write(token_file(&cluster), TOKEN).expect("the file is ours");
        Self { cluster, kubelet }
    }

    fn pod(&self, name: &str, app: &str, annotations: Value) {
        let mut pod = labelled(name, app, annotations);
        for key in ["apiVersion", "kind"] {
            pod.as_object_mut().expect("an object").remove(key);
        }
        self.kubelet.put(pod);
    }

    fn container(&self, pod: &str, record: &str) -> Container {
        self.cluster.container(pod, record)
    }
}

fn token_file(cluster: &Cluster) -> PathBuf {
    cluster.node.path().join("kubelet-token")
}

#[test]
fn records_carry_what_the_kubelet_tells_of_their_pod() {
    let mut rig = Rig::new("", CERTIFICATE);
    rig.pod("p1", "api", json!({}));
    // A static pod has its configuration's hash for a uid here, and is no mirror.
    let hash = json!({ "kubernetes.io/config.hash": "p2", "kubernetes.io/config.source": "file" });
    rig.pod("p2", "static", hash);
    let mut container = rig.container("p1", "first");
    let _static = rig.container("p2", "from a file");
    rig.cluster.start();
    rig.cluster.until_stream_has("api/api", &["first"]);
    rig.cluster.until_stream_has("api/static", &["from a file"]);
    rig.pod("p1", "web", json!({}));
    until("a record goes by the new label", || {
        container.print("later");
        !rig.cluster.stream("api/web").is_empty()
    });
    // The last lines of a pod that is gone still have its facts.
    rig.kubelet.remove("p1");
    rig.pod("p3", "marker", json!({}));
    let _marker = rig.container("p3", "marker");
    rig.cluster.until_stream_has("api/marker", &["marker"]);
    container.print("last words");
    until("its last words arrive", || {
        let texts = rig.cluster.stream("api/web");
        texts.last().is_some_and(|text| text == "last words")
    });
    let asked = rig.kubelet.asked();
    assert!(
        asked
            .iter()
            .all(|path| path.trim_end_matches('?') == "/pods"),
        "{asked:?}"
    );
}

#[test]
fn nothing_leaves_unfiltered_while_the_kubelet_does_not_answer() {
    let mut rig = Rig::new(SELF_SERVICE, CERTIFICATE);
    rig.kubelet.fail_next(&[500, 429]);
    rig.kubelet.set_token("another-token");
    let _container = rig.container("p1", CARD);
    rig.pod("p1", "api", json!({ "logsieve.dev/filters": "redact" }));
    rig.cluster.start();
    wait_for_words(rig.cluster.agent(), "pods cannot be watched");
    rig.cluster.nothing_arrived();
    fs::write(token_file(&rig.cluster), "another-token").expect("the file is ours");
    until("the record arrives", || {
        rig.cluster.stream("api/api").len() == 1
    });
    let text = rig.cluster.stream("api/api").remove(0);
    assert!(!text.contains("4111"), "{text}");
}

#[test]
fn the_token_is_shown_to_nobody_but_the_kubelet() {
    let mut rig = Rig::new(SELF_SERVICE, OTHER_CERTIFICATE);
    let _container = rig.container("p1", CARD);
    rig.pod("p1", "api", json!({}));
    rig.cluster.start();
    wait_for_words(rig.cluster.agent(), "pods cannot be watched");
    rig.cluster.nothing_arrived();
    assert!(rig.kubelet.asked().is_empty());
}

#[test]
fn a_missing_right_is_named() {
    let mut rig = Rig::new("", CERTIFICATE);
    rig.kubelet.fail_next(&[403]);
    rig.cluster.start();
    wait_for_words(rig.cluster.agent(), "`get` on `nodes/pods`");
}
