//! The agent as the manifest runs it: in the image's file tree and nothing else, with the manifest's
//! mounts, environment and arguments, as uid 0 without a single capability or new privilege, on a root
//! that it cannot write. Needs root and `unshare`; where that is not to be had the test says so and
//! passes. What is missing of a pod: its network, its seccomp profile, and its memory limit.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use support::agent::{self, Agent};

use crate::cluster::{CARD, Cluster, EVERYTHING, SELF_SERVICE};
use crate::node::{module, until, wait_for_words};

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
/// Gives up all rights; it lies in the image as well, where nobody looks.
const GIVE_UP: [&str; 7] = [
    "/.tools/setpriv",
    "--clear-groups",
    "--bounding-set",
    "-all",
    "--inh-caps",
    "-all",
    "--no-new-privs",
];

/// Whom the image trusts, as every Debian has it.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// Where the image has filters, and the pod its token.
const FILTERS: &str = "/etc/logsieve/filters";
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

fn container() -> Value {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/kustomize/base/daemonset.yaml");
    let text = fs::read_to_string(path).expect("the manifest");
    let manifest: Value = serde_saphyr::from_str(&text).expect("it is YAML");
    let pod = &manifest["spec"]["template"]["spec"];
    assert_eq!(
        pod["securityContext"]["runAsUser"], 0,
        "the test runs it so"
    );
    let container = pod["containers"][0].clone();
    let context = &container["securityContext"];
    assert_eq!(context["capabilities"], json!({ "drop": ["ALL"] }));
    assert_eq!(context["allowPrivilegeEscalation"], false);
    assert_eq!(context["readOnlyRootFilesystem"], true);
    container
}

/// The image's file tree: what `deploy/Dockerfile` copies, and the libraries of its base.
fn unpack_image(image: &Path, container: &Value) {
    let copy = |from: &Path, to: &str| {
        let to = image.join(to.trim_start_matches('/'));
        fs::create_dir_all(to.parent().expect("a folder")).expect("it is ours");
        fs::copy(from, &to).unwrap_or_else(|e| panic!("{}: {e}", from.display()));
    };
    copy(&agent::binary(), "/usr/bin/logsieve");
    copy(&module("filters/redact"), &format!("{FILTERS}/redact.wasm"));
    copy(Path::new(AUTHORITIES), AUTHORITIES);
    let setpriv = which("setpriv");
    copy(&setpriv, "/.tools/setpriv");
    for library in [libraries(&agent::binary()), libraries(&setpriv)].concat() {
        copy(Path::new(&library), &library);
    }
    let mounts = container["volumeMounts"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let places = mounts
        .iter()
        .filter_map(|mount| mount["mountPath"].as_str());
    for place in places.chain(["/proc", ACCOUNT]) {
        fs::create_dir_all(image.join(place.trim_start_matches('/'))).expect("it is ours");
    }
}

fn which(program: &str) -> PathBuf {
    let found = Command::new("sh")
        .args(["-c", "command -v \"$0\"", program])
        .output();
    let path = String::from_utf8(found.expect("a shell").stdout).expect("a path");
    path.trim().into()
}

/// What the loader would load for a program.
fn libraries(program: &Path) -> Vec<String> {
    let told = Command::new("ldd").arg(program).output().expect("ldd");
    let told = String::from_utf8(told.stdout).expect("text");
    let words = told.split_whitespace().filter(|word| word.starts_with('/'));
    words.map(str::to_owned).collect()
}

/// A node, and the pod of the agent on it.
struct Pod {
    cluster: Cluster,
    image: PathBuf,
    container: Value,
}

impl Pod {
    fn new() -> Self {
        let cluster = Cluster::new(EVERYTHING, SELF_SERVICE);
        let root = cluster.node.path();
        let image = root.join("image");
        let container = container();
        unpack_image(&image, &container);
        for folder in ["config", "account", "state"] {
            fs::create_dir_all(root.join(folder)).expect("it is ours");
        }
        fs::copy(cluster.token_file(), root.join("account/token")).expect("the token is ours");
        let pod = Self {
            cluster,
            image,
            container,
        };
        pod.configure();
        pod
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
        for mount in self.container["volumeMounts"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let source = match mount["name"].as_str().unwrap_or_default() {
                "config" => "config",
                "varlog" => "log",
                "state" => "state",
                other => panic!("what is mounted as {other}? teach this test"),
            };
            let mode = if mount["readOnly"] == true {
                "ro"
            } else {
                "rw"
            };
            let place = mount["mountPath"].as_str().expect("a place");
            all.extend([
                root.join(source).display().to_string(),
                place.into(),
                mode.into(),
            ]);
        }
        all.extend([
            root.join("account").display().to_string(),
            ACCOUNT.into(),
            "ro".into(),
        ]);
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
        let all = self.container["env"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let of_manifest = all.iter().map(|variable| {
            let name = variable["name"].as_str().unwrap_or_default();
            format!("{name}={}", value(variable))
        });
        let keys = ["AWS_ACCESS_KEY_ID=AKIATEST", "AWS_SECRET_ACCESS_KEY=secret"];
        of_manifest.chain(keys.map(str::to_owned)).collect()
    }

    fn start(&self) -> Agent {
        let words = [
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            IN_A_POD,
            "sh",
        ];
        let mut all: Vec<String> = words.map(str::to_owned).into();
        let image = self.image.display().to_string();
        all.push(image.clone());
        all.extend(self.mounts());
        all.push("--".into());
        all.extend(self.environment());
        all.extend([which("chroot").display().to_string(), image]);
        all.extend(GIVE_UP.map(str::to_owned));
        all.push("/usr/bin/logsieve".into());
        let arguments = self.container["args"].as_array().into_iter().flatten();
        all.extend(arguments.filter_map(Value::as_str).map(str::to_owned));
        Agent::spawn_program(Path::new("unshare"), all, &[])
    }
}

fn may_unshare() -> bool {
    let probe = "mount -o remount,bind,ro / && setpriv --bounding-set -all --inh-caps -all true";
    let words = ["--mount", "--propagation", "private", "sh", "-c", probe];
    let done = Command::new("unshare").args(words).output();
    done.is_ok_and(|output| output.status.success())
}

#[test]
fn the_agent_runs_as_the_manifest_runs_it() {
    if !may_unshare() {
        eprintln!("mounts may not be unshared here: nothing was tested");
        return;
    }
    let pod = Pod::new();
    let cluster = &pod.cluster;
    cluster.pod("p1", "api", json!({ "logsieve.dev/filters": "redact" }));
    let mut container = cluster.container("p1", CARD);
    let mut agent = pod.start();
    wait_for_words(&mut agent, "logsieve runs");
    let status = fs::read_to_string(format!("/proc/{}/status", agent.process_id()));
    let status = status.expect("it runs");
    for line in [
        "CapEff:\t0000000000000000",
        "CapBnd:\t0000000000000000",
        "NoNewPrivs:\t1",
    ] {
        assert!(status.contains(line), "{line}: {status}");
    }
    let root = fs::read_link(format!("/proc/{}/root", agent.process_id()));
    assert_eq!(
        root.expect("it runs"),
        pod.image,
        "it sees the image and no more"
    );
    until("its record arrives", || {
        cluster.stream("api/api").len() == 1
    });
    container.print("and another");
    until("the next one, too", || cluster.stream("api/api").len() == 2);
    assert!(
        !cluster.stream("api/api")[0].contains("4111"),
        "it was redacted"
    );
    assert!(agent.drain().success());

    // The next one goes on from the checkpoint.
    container.print("after a restart");
    let mut agent = pod.start();
    until("what was written meanwhile", || {
        cluster.stream("api/api").len() == 3
    });
    assert!(agent.drain().success());
}
