//! A node, and the pod of the agent on it: the manifest's mounts, environment and arguments around the
//! image's file tree, in a mount namespace of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use support::agent::{Agent, Finished, finish_program};

use super::image::{self, FILTERS};
use crate::cluster::{Cluster, EVERYTHING, SELF_SERVICE};
use crate::node::module;

/// `$1` the image, then source, place and mode of each mount, `--`, and what is run, its variables first.
const IN_A_POD: &str = r#"
    set -e
    image=$1; shift
    mount --bind "$image" "$image"
    while [ "$1" != -- ]; do
        mount --bind "$1" "$image$2"
        [ "$3" = rw ] || mount -o remount,bind,ro "$image$2"
        shift 3
    done
    mount -t proc proc "$image/proc"
    mount -o remount,bind,ro "$image"
    ! touch "$image/probe" "$image/var/log/probe" 2>/dev/null
    shift
    exec env -i "$@"
"#;
/// What `unshare` is told in front of it.
const UNSHARED: [&str; 5] = ["--mount", "--propagation", "private", "sh", "-c"];
/// Gives up all rights: the pod's group is 0, and it is in no other.
const GIVE_UP: [&str; 8] = [
    "--regid",
    "0",
    "--clear-groups",
    "--bounding-set",
    "-all",
    "--inh-caps",
    "-all",
    "--no-new-privs",
];
/// Where a pod has its token.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const CONFIG: &str = "/etc/logsieve/config/logsieve.yaml";

/// Whether this machine lets a test do all that.
pub fn may_unshare() -> bool {
    let probe = "mount -o remount,bind,ro / && setpriv --bounding-set -all --inh-caps -all true";
    let done = Command::new("unshare").args(UNSHARED).arg(probe).output();
    done.is_ok_and(|output| output.status.success())
}

/// The agent's container, as the manifest has it.
fn container() -> Value {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/kustomize/base/daemonset.yaml");
    let text = fs::read_to_string(path).expect("the manifest");
    let manifest: Value = serde_saphyr::from_str(&text).expect("it is YAML");
    let pod = &manifest["spec"]["template"]["spec"];
    let user = &pod["securityContext"];
    assert_eq!(user["runAsUser"], 0, "the test runs it so");
    assert_eq!(user["runAsGroup"], 0, "the test runs it so");
    let container = pod["containers"][0].clone();
    let context = &container["securityContext"];
    assert_eq!(context["capabilities"], json!({ "drop": ["ALL"] }));
    assert_eq!(context["allowPrivilegeEscalation"], false);
    assert_eq!(context["readOnlyRootFilesystem"], true);
    container
}

/// A node, and the pod of the agent on it.
pub struct Pod {
    pub cluster: Cluster,
    pub image: PathBuf,
    container: Value,
    user: u32,
}

impl Pod {
    /// The pod of the manifest, run by this user.
    pub fn run_by(user: u32) -> Self {
        let cluster = Cluster::new(EVERYTHING, SELF_SERVICE);
        let root = cluster.node.path();
        let image = root.join("image");
        let container = container();
        let mounts = container["volumeMounts"].as_array().into_iter().flatten();
        let places = mounts.filter_map(|mount| mount["mountPath"].as_str());
        image::unpack(
            &image,
            &places.chain(["/proc", ACCOUNT]).collect::<Vec<_>>(),
        );
        for folder in ["config", "account", "state"] {
            fs::create_dir_all(root.join(folder)).expect("it is ours");
        }
        fs::copy(cluster.token_file(), root.join("account/token")).expect("the token is ours");
        let pod = Self {
            cluster,
            image,
            container,
            user,
        };
        pod.configure();
        pod
    }

    /// The node's folder for the agent.
    pub fn state(&self) -> PathBuf {
        self.cluster.node.path().join("state")
    }

    /// The node's configuration, with the pod's paths in the place of the node's.
    fn configure(&self) {
        let root = self.cluster.node.path().display().to_string();
        let text = fs::read_to_string(self.cluster.node.write_config()).expect("it is ours");
        let redact = module("filters/redact").display().to_string();
        let text = text
            .replace(&format!("{root}/state"), "/var/lib/logsieve")
            .replace(&format!("{root}/log"), "/var/log")
            .replace(&format!("{root}/token"), &format!("{ACCOUNT}/token"))
            .replace(&redact, "redact.wasm");
        let text = text.replace("modules:", &format!("directories: [{FILTERS}], modules:"));
        fs::write(self.cluster.node.path().join("config/logsieve.yaml"), text).expect("it is ours");
    }

    /// Source, place and mode of each mount of the manifest, and of the service account's.
    fn mounts(&self) -> Vec<String> {
        let root = self.cluster.node.path();
        let mut all = Vec::new();
        let mut add = |source: &str, place: &str, mode: &str| {
            let source = root.join(source).display().to_string();
            all.extend([source, place.to_owned(), mode.to_owned()]);
        };
        let mounts = self.container["volumeMounts"].as_array();
        for mount in mounts.into_iter().flatten() {
            let source = match mount["name"].as_str().unwrap_or_default() {
                "config" => "config",
                "varlog" => "log",
                "state" => "state",
                other => panic!("what is mounted as {other}? teach this test"),
            };
            let place = mount["mountPath"].as_str().expect("a place");
            let read_only = mount["readOnly"] == true;
            add(source, place, if read_only { "ro" } else { "rw" });
        }
        add("account", ACCOUNT, "ro");
        all
    }

    /// The manifest's variables, and those that EKS' webhook adds.
    fn environment(&self) -> Vec<String> {
        let field = |path: &str| match path {
            "spec.nodeName" => "node-1",
            "metadata.name" => "agent-0",
            "metadata.namespace" => "logsieve",
            other => panic!("what is {other}? teach this test"),
        };
        let value = |variable: &Value| match variable["value"].as_str() {
            Some(value) => value.to_owned(),
            None => {
                let path = variable.pointer("/valueFrom/fieldRef/fieldPath");
                field(path.and_then(Value::as_str).unwrap_or_default()).to_owned()
            }
        };
        let all = self.container["env"].as_array().into_iter().flatten();
        let of_manifest = all.map(|variable| {
            let name = variable["name"].as_str().unwrap_or_default();
            format!("{name}={}", value(variable))
        });
        let keys = ["AWS_ACCESS_KEY_ID=AKIATEST", "AWS_SECRET_ACCESS_KEY=secret"];
        of_manifest.chain(keys.map(str::to_owned)).collect()
    }

    /// What `unshare` is told, to run the agent with these arguments.
    fn words(&self, arguments: impl IntoIterator<Item = String>) -> Vec<String> {
        let image = self.image.display().to_string();
        let mut all: Vec<String> = UNSHARED.map(str::to_owned).into();
        all.extend([IN_A_POD.into(), "sh".into(), image.clone()]);
        all.extend(self.mounts());
        all.push("--".into());
        all.extend(self.environment());
        all.extend([image::which("chroot").display().to_string(), image]);
        all.extend(image::setpriv());
        all.extend(["--reuid".into(), self.user.to_string()]);
        all.extend(GIVE_UP.map(str::to_owned));
        all.push("/usr/bin/logsieve".into());
        all.extend(arguments);
        all
    }

    /// Starts the agent as the manifest does.
    pub fn start(&self) -> Agent {
        let arguments = self.container["args"].as_array().into_iter().flatten();
        let arguments = arguments.filter_map(Value::as_str).map(str::to_owned);
        Agent::spawn_program(Path::new("unshare"), self.words(arguments), &[])
    }

    /// Runs another command in the pod's place, with the pod's configuration where it takes one.
    pub fn finish(&self, command: &str) -> Finished {
        let mut arguments = vec![command.to_owned()];
        if !command.starts_with('-') {
            arguments.extend(["--config".to_owned(), CONFIG.to_owned()]);
        }
        finish_program(Path::new("unshare"), self.words(arguments))
    }
}
