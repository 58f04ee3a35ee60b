//! A real Kubernetes API server with its store, as processes, where they have been built
//! (`cargo xtask api-server`): what the stand-in in `kubernetes` says is held against it.
//!
//! There is no kubelet and no controller: a pod is what a test writes. Rights are checked as in a
//! cluster: the agent's token has those of the manifests in `deploy/kustomize/base`, which were applied
//! with unknown fields refused, and no others.

mod objects;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use hyper::{Method, Request};
use kube::config::AuthInfo;
use kube::{Client, Config};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{tls, wait};
use objects::{manifests, path_of};

/// The agent's token: of the service account `logsieve` in the namespace `logsieve`, and of no pod; see
/// [`ApiServer::token_of`].
pub const AGENT: &str = "the-agents-token";
/// A filter author's: of the user `author`, who has no rights but those that a test gives.
pub const AUTHOR: &str = "the-authors-token";
const ADMIN: &str = "the-admins-token";
const TOKENS: &str = "\
the-admins-token,admin,1,\"system:masters\"
the-agents-token,system:serviceaccount:logsieve:logsieve,2,\"system:serviceaccounts\"
the-authors-token,author,3
";
/// How long the two programs may take to answer on a machine that is busy with other tests.
const START: Duration = Duration::from_secs(180);

/// What answers once it is ready for tests: the last thing that it makes for itself.
const READY: [&str; 3] = [
    "/readyz/ping",
    "/api/v1/namespaces/default",
    "/apis/rbac.authorization.k8s.io/v1/clusterroles/cluster-admin",
];

/// A running API server. Dropping it ends both programs.
pub struct ApiServer {
    folder: TempDir,
    programs: [PathBuf; 2],
    ports: [u16; 3],
    etcd: Option<Child>,
    server: Option<Child>,
    runtime: tokio::runtime::Runtime,
    client: Client,
}

/// The one that tests share while any of them runs.
static SHARED: Mutex<Weak<ApiServer>> = Mutex::new(Weak::new());

impl ApiServer {
    /// The server that tests share, with the manifests applied; nothing where it has not been built.
    ///
    /// # Panics
    /// When it does not start, or refuses a manifest.
    pub fn shared() -> Option<Arc<Self>> {
        let mut shared = SHARED
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(running) = shared.upgrade() {
            return Some(running);
        }
        let started = Arc::new(Self::start()?);
        *shared = Arc::downgrade(&started);
        Some(started)
    }

    /// A server of a test's own.
    ///
    /// # Panics
    /// As [`ApiServer::shared`].
    pub fn start() -> Option<Self> {
        let tools = tools();
        let programs = ["etcd", "kube-apiserver"].map(|name| tools.join(name));
        if programs.iter().any(|program| !program.exists()) {
            eprintln!(
                "no API server has been built (`cargo xtask api-server`): the test does nothing"
            );
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder of our own");
        let ports = free_ports();
        let files = [
            ("cert.pem", tls::CERTIFICATE),
            ("key.pem", tls::KEY),
            ("tokens.csv", TOKENS),
        ];
        for (name, text) in files {
            fs::write(folder.path().join(name), text).expect("the folder is ours");
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let client = {
            let _inside = runtime.enter();
            client(ports[2], &folder.path().join("cert.pem"), ADMIN)
        };
        let mut server = Self {
            folder,
            programs,
            ports,
            etcd: None,
            server: None,
            runtime,
            client,
        };
        server.etcd = Some(server.run_etcd());
        server.come_back();
        for manifest in manifests() {
            server.apply(&manifest);
        }
        Some(server)
    }

    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.ports[2])
    }

    /// What its certificate is checked against.
    pub fn ca_file(&self) -> PathBuf {
        self.file("cert.pem")
    }

    /// Kills the server (not its store): every stream breaks, and nobody answers.
    pub fn go_away(&mut self) {
        end(self.server.take());
    }

    /// Starts the server on the same port, and waits until it is ready.
    ///
    /// # Panics
    /// When it is not within some minutes.
    pub fn come_back(&mut self) {
        self.server = Some(self.run_server());
        let answers = |path| self.ask(Method::GET, path, "", String::new()).is_ok();
        let mut ended = false;
        let server = self.server.as_ref().map(Child::id);
        assert!(
            wait::holds_within(START, || {
                ended = server.is_none_or(has_ended);
                ended || READY.into_iter().all(answers)
            }) && !ended,
            "the API server: {}",
            self.said()
        );
    }

    /// Creates an object or changes it to this, by the server's own apply; unknown fields are refused.
    ///
    /// # Panics
    /// When it is refused.
    pub fn apply(&self, object: &Value) -> Value {
        let path = format!(
            "{}?fieldManager=tests&force=true&fieldValidation=Strict",
            path_of(object)
        );
        self.ask(
            Method::PATCH,
            &path,
            "application/apply-patch+yaml",
            object.to_string(),
        )
        .unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// A token of the agent's service account as the kubelet mounts it into this pod: bound to it.
    ///
    /// # Panics
    /// When it is refused.
    pub fn token_of(&self, pod: &Value) -> String {
        let (name, uid) = (&pod["metadata"]["name"], &pod["metadata"]["uid"]);
        let request = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": { "boundObjectRef": { "kind": "Pod", "apiVersion": "v1", "name": name, "uid": uid } },
        });
        let path = "/api/v1/namespaces/logsieve/serviceaccounts/logsieve/token";
        let answer = self.ask(Method::POST, path, "application/json", request.to_string());
        let answer = answer.unwrap_or_else(|error| panic!("{path}: {error}"));
        let token = answer["status"]["token"].as_str();
        token.expect("the server gives one").to_owned()
    }

    /// Changes the status of an object.
    ///
    /// # Panics
    /// When it is refused.
    pub fn set_status(&self, object: &Value) {
        let path = format!("{}/status", path_of(object));
        self.ask(
            Method::PATCH,
            &path,
            "application/merge-patch+json",
            object.to_string(),
        )
        .unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// An object, or the list of a kind, by its path.
    ///
    /// # Panics
    /// When there is none.
    pub fn get(&self, path: &str) -> Value {
        self.ask(Method::GET, path, "", String::new())
            .unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Deletes a pod, as when its kubelet is done with it.
    ///
    /// # Panics
    /// When it is not there.
    pub fn delete_pod(&self, namespace: &str, name: &str) {
        let path = format!("/api/v1/namespaces/{namespace}/pods/{name}?gracePeriodSeconds=0");
        self.ask(Method::DELETE, &path, "", String::new())
            .unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// Changes an object as the holder of a token would.
    ///
    /// # Errors
    /// What the server says when it refuses.
    pub fn patch_as(&self, token: &str, path: &str, patch: &Value) -> Result<Value, String> {
        let client = {
            let _inside = self.runtime.enter();
            client(self.ports[2], &self.ca_file(), token)
        };
        let request = Request::patch(path).header("Content-Type", "application/merge-patch+json");
        let request = request.body(patch.to_string().into_bytes());
        let request = request.expect("a request");
        let answer = self.runtime.block_on(client.request::<Value>(request));
        answer.map_err(|error| error.to_string())
    }

    fn ask(&self, method: Method, path: &str, kind: &str, body: String) -> Result<Value, String> {
        let mut request = Request::builder().method(method).uri(path);
        if !kind.is_empty() {
            request = request.header("Content-Type", kind);
        }
        let request = request.body(body.into_bytes()).expect("a request");
        let answer = self.runtime.block_on(self.client.request_text(request));
        let text = answer.map_err(|error| error.to_string())?;
        Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run_etcd(&self) -> Child {
        let [clients, peers, _] = self.ports.map(|port| format!("http://127.0.0.1:{port}"));
        let mut etcd = Command::new(&self.programs[0]);
        etcd.arg("--data-dir").arg(self.file("etcd"));
        etcd.args([
            "--listen-client-urls",
            &clients,
            "--advertise-client-urls",
            &clients,
        ]);
        etcd.args([
            "--listen-peer-urls",
            &peers,
            "--initial-advertise-peer-urls",
            &peers,
        ]);
        etcd.arg("--initial-cluster")
            .arg(format!("default={peers}"));
        etcd.arg("--unsafe-no-fsync");
        self.spawn(etcd, "etcd.log")
    }

    fn run_server(&self) -> Child {
        let [store, _, port] = self.ports;
        let mut server = Command::new(&self.programs[1]);
        let files = [
            ("cert-dir", "certs"),
            ("tls-cert-file", "cert.pem"),
            ("tls-private-key-file", "key.pem"),
            ("service-account-key-file", "cert.pem"),
            ("service-account-signing-key-file", "key.pem"),
            ("token-auth-file", "tokens.csv"),
        ];
        for (option, name) in files {
            server.arg(format!("--{option}={}", self.file(name).display()));
        }
        server.arg(format!("--etcd-servers=http://127.0.0.1:{store}"));
        server.arg(format!("--secure-port={port}"));
        server.args([
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--authorization-mode=RBAC",
            // Would refuse pods until a controller has made each namespace's account.
            "--disable-admission-plugins=ServiceAccount",
        ]);
        self.spawn(server, "server.log")
    }

    fn spawn(&self, mut command: Command, log: &str) -> Child {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.file(log))
            .expect("the folder is ours");
        let out = log.try_clone().expect("a second handle");
        let command = command.stdin(Stdio::null()).stdout(out).stderr(log);
        command.spawn().expect("it was built to be run")
    }

    /// The end of what the programs said.
    fn said(&self) -> String {
        let end = |name| {
            let text = fs::read_to_string(self.file(name)).unwrap_or_default();
            let lines: Vec<_> = text.lines().rev().take(10).collect();
            lines.into_iter().rev().collect::<Vec<_>>().join("\n")
        };
        format!("{}\n{}", end("etcd.log"), end("server.log"))
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        end(self.server.take());
        end(self.etcd.take());
    }
}

/// Whether a child is a zombie: it has ended, and nobody has asked.
fn has_ended(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_none_or(|(_, rest)| rest.starts_with('Z'))
}

fn end(child: Option<Child>) {
    if let Some(mut child) = child {
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn client(port: u16, certificate: &Path, token: &str) -> Client {
    let address = format!("https://127.0.0.1:{port}").parse();
    let mut to = Config::new(address.expect("an address"));
    to.root_cert_file = Some(certificate.to_owned());
    to.default_retry = false;
    to.auth_info = AuthInfo {
        token: Some(token.to_owned().into()),
        ..AuthInfo::default()
    };
    Client::try_from(to).expect("a client")
}

/// `target/tools`, beside the profile that this test was built in.
fn tools() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let target = test.ancestors().nth(3).expect("target/PROFILE/deps/TEST");
    target.join("tools")
}

fn free_ports() -> [u16; 3] {
    let held = [(); 3]
        .map(|()| TcpListener::bind("127.0.0.1:0").expect("a port on the loopback interface"));
    held.map(|port| port.local_addr().expect("it has an address").port())
}
