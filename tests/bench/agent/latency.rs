//! `latency/new_pod` and `latency/annotation`: what people wait for, by the wall clock, ms, with the default
//! flush. From a pod's appearance in the API, with its first line in its log, to that record in
//! CloudWatch; and from a changed annotation to the last record that was written without its filter.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::agent::binary;
use support::cloudwatch::FakeCloudWatch;
use support::kubelet::{Container, Kubelet};
use support::kubernetes::{FakeKubernetes, TOKEN, pod};

use crate::figure::{self, Wanted};

const PODS: usize = 20;
const CHANGES: usize = 10;
const CARD: &str = "4111 1111 1111 1111";
/// A run that takes longer has gone wrong.
const PATIENCE: Duration = Duration::from_secs(60);
/// Records are written so often while an annotation changes, and for so long.
const EVERY: Duration = Duration::from_millis(5);
const WRITES: u32 = 400;

pub fn run(wanted: &Wanted) {
    if wanted.any("latency/new_pod") {
        figure::print("latency/new_pod", "ms", &mut new_pods());
    }
    if wanted.any("latency/annotation") {
        figure::print("latency/annotation", "ms", &mut changes());
    }
}

struct Rig {
    folder: tempfile::TempDir,
    kubelet: Kubelet,
    api: FakeKubernetes,
    cloudwatch: FakeCloudWatch,
    agent: Child,
}

impl Rig {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let kubelet = Kubelet::new(&folder.path().join("log"));
        let (api, cloudwatch) = (FakeKubernetes::start(), FakeCloudWatch::start());
        let agent = spawn(folder.path(), &kubelet, &api, &cloudwatch);
        let rig = Self {
            folder,
            kubelet,
            api,
            cloudwatch,
            agent,
        };
        // It is up, its filter compiled, its group there.
        drop(rig.first_record("warm-up"));
        rig
    }

    fn put(&self, name: &str, filters: &str) {
        let mut object = pod("node-1", "team-a", name, name);
        object["metadata"]["annotations"] = json!({ "logsieve.dev/filters": filters });
        self.api.put("pods", object);
    }

    /// A new pod, and how long its first record took to CloudWatch.
    fn first_record(&self, name: &str) -> (Container, Duration) {
        let (before, began) = (self.cloudwatch.event_count(), Instant::now());
        self.put(name, "redact");
        let mut container = self.kubelet.start_in("team-a", name, name, "app");
        container.print("the first record");
        self.wait_for(before + 1);
        (container, began.elapsed())
    }

    fn wait_for(&self, events: usize) {
        let began = Instant::now();
        while self.cloudwatch.event_count() < events {
            assert!(
                began.elapsed() < PATIENCE,
                "no record in {:?}",
                self.folder.path()
            );
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ = self.agent.kill();
        let _ = self.agent.wait();
    }
}

fn new_pods() -> Vec<f64> {
    let rig = Rig::start();
    let one = |number: usize| {
        // Not in step with the flush.
        std::thread::sleep(Duration::from_millis(37 * number as u64));
        let (_container, took) = rig.first_record(&format!("pod-{number}"));
        took.as_secs_f64() * 1e3
    };
    (0..PODS).map(one).collect()
}

fn changes() -> Vec<f64> {
    let rig = Rig::start();
    let (mut container, _) = rig.first_record("app");
    let one = |number: usize| {
        rig.put("app", "");
        // A record in the clear shows that the filter is off.
        until_plain(&rig, &mut container, number);
        let began = Instant::now();
        rig.put("app", "redact");
        let before = rig.cloudwatch.event_count();
        for write in 0..WRITES {
            let at = began.elapsed().as_micros();
            container.print(json!({ "change": number, "at": at, "card": CARD }).to_string());
            std::thread::sleep((EVERY * (write + 1)).saturating_sub(began.elapsed()));
        }
        rig.wait_for(before + WRITES as usize);
        let events = rig.cloudwatch.events();
        let records = events
            .iter()
            .filter_map(|e| serde_json::from_str::<Value>(&e.message).ok());
        let of_this = records.filter(|record| record["change"] == number);
        let plain = of_this.filter(|record| record["card"] == CARD);
        plain
            .filter_map(|record| record["at"].as_f64())
            .fold(0.0, f64::max)
            / 1e3
    };
    (0..CHANGES).map(one).collect()
}

fn until_plain(rig: &Rig, container: &mut Container, number: usize) {
    let began = Instant::now();
    let text = format!("off {number} {CARD}");
    while !rig
        .cloudwatch
        .events()
        .iter()
        .any(|event| event.message == text)
    {
        assert!(began.elapsed() < PATIENCE, "the filter stays on");
        container.print(&text);
        std::thread::sleep(Duration::from_millis(50));
    }
    // What was printed meanwhile is not to be counted with what follows.
    let mut count = 0;
    while count != rig.cloudwatch.event_count() {
        count = rig.cloudwatch.event_count();
        std::thread::sleep(Duration::from_millis(1500));
    }
}

fn spawn(
    folder: &Path,
    kubelet: &Kubelet,
    api: &FakeKubernetes,
    cloudwatch: &FakeCloudWatch,
) -> Child {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let token = folder.join("token");
    fs::write(&token, TOKEN).expect("a file");
    let config = format!(
        "state: {state}\nsource: {{ container_log: {{ path: {pods}, links: {links} }} }}\n\
         enrich: {{ node: node-1, pods: {{ server: '{api}', token_file: {token} }} }}\n\
         filters: {{ modules: {{ redact: {{ module: {module} }} }} }}\n\
         destinations: {{ out: {{ cloudwatch: {{ region: eu-central-1, endpoint: '{server}', \
         format: text }} }} }}\nroutes: [{{}}]\n\
         annotations: {{ allow: [ {{ filters: redact }} ] }}\ntelemetry: {{ listen: null }}\n",
        state = folder.join("state").display(),
        pods = kubelet.pods().display(),
        links = kubelet.containers().display(),
        api = api.url(),
        token = token.display(),
        module = target.join("filters/redact.wasm").display(),
        server = cloudwatch.url(),
    );
    let path = folder.join("logsieve.yaml");
    fs::write(&path, config).expect("a file");
    Command::new(binary())
        .args(["run".as_ref(), "--config".as_ref(), path.as_os_str()])
        .env("AWS_ACCESS_KEY_ID", "AKIATEST")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stderr(Stdio::null())
        .spawn()
        .expect("the agent: run `cargo xtask bench`")
}
