//! `node/300/*`: a node as people have it. 110 pods with 300 containers write 1 MB/s in all; the agent
//! knows their pods from an API server, runs the filter `redact` over every record, and sends them
//! on. CPU time of all its threads in percent of one core, and its peak of memory, MiB.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use support::agent::binary;
use support::kubelet::{Container, Kubelet};
use support::kubernetes::{FakeKubernetes, TOKEN, pod};

use super::null_server;
use super::process::used;
use crate::figure::{self, Wanted};

const PODS: usize = 110;
const CONTAINERS: usize = 300;
const BYTES_A_SECOND: usize = 1_000_000;
/// Each container writes so often.
const ROUND: Duration = Duration::from_millis(250);
/// Before measuring: files are found, pods are known, the filter is compiled.
const WARM_UP: Duration = Duration::from_secs(5);
const MEASURED: Duration = Duration::from_secs(20);

pub fn run(wanted: &Wanted) {
    if !wanted.any("node/300/cpu_percent") && !wanted.any("node/300/rss") {
        return;
    }
    let (mut percent, mut rss) = (Vec::new(), Vec::new());
    for _ in 0..figure::RUNS {
        let (cpu, peak) = once();
        percent.push(cpu);
        rss.push(peak);
    }
    figure::print("node/300/cpu_percent", "%", &mut percent);
    figure::print("node/300/rss", "MiB", &mut rss);
}

fn once() -> (f64, f64) {
    let folder = tempfile::tempdir().expect("a folder");
    let kubelet = Kubelet::new(&folder.path().join("log"));
    let api = FakeKubernetes::start();
    let mut containers = start_containers(&kubelet, &api);
    let mut agent = spawn(folder.path(), &kubelet, &api);
    write_for(WARM_UP, &mut containers);
    let (before, began) = (used(agent.id()), Instant::now());
    write_for(MEASURED, &mut containers);
    let (after, took) = (used(agent.id()), began.elapsed());
    let ended = agent.try_wait().expect("a child");
    assert!(ended.is_none(), "the agent has ended");
    let _ = agent.kill();
    let _ = agent.wait();
    let cpu = (after.cpu_seconds - before.cpu_seconds) / took.as_secs_f64();
    (cpu * 100.0, after.peak_rss_mib)
}

fn start_containers(kubelet: &Kubelet, api: &FakeKubernetes) -> Vec<Container> {
    let one = |number: usize| {
        let name = format!("app-{}", number % PODS);
        if number < PODS {
            let mut object = pod("node-1", "team-a", &name, &name);
            object["metadata"]["labels"] = json!({ "app": "shop", "tier": "web", "version": "7" });
            api.put("pods", object);
        }
        kubelet.start_in("team-a", &name, &name, &format!("c{}", number / PODS))
    };
    (0..CONTAINERS).map(one).collect()
}

fn spawn(folder: &Path, kubelet: &Kubelet, api: &FakeKubernetes) -> Child {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let admin = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
    fs::write(folder.join("token"), TOKEN).expect("a file");
    let config = format!(
        "state: {state}\nsource: {{ container_log: {{ path: {pods}, links: {links} }} }}\n\
         enrich: {{ node: node-1, pods: {{ server: '{api}', token_file: {token} }} }}\n\
         filters: {{ modules: {{ redact: {{ module: {module} }} }} }}\n\
         destinations: {{ out: {{ cloudwatch: {{ region: eu-central-1, endpoint: 'http://{server}', \
         log_stream: '{{k8s.pod.label.app}}/{{k8s.pod.name}}' }} }} }}\n\
         routes: [ {{ filters: [redact], destination: out }} ]\ntelemetry: {{ listen: '{admin}' }}\n",
        state = folder.join("state").display(),
        pods = kubelet.pods().display(),
        links = kubelet.containers().display(),
        api = api.url(),
        token = folder.join("token").display(),
        module = target.join("filters/redact.wasm").display(),
        server = null_server::start(),
        admin = admin.expect("a port"),
    );
    let path = folder.join("logsieve.yaml");
    fs::write(&path, config).expect("a file");
    Command::new(binary())
        .args(["run".as_ref(), "--config".as_ref(), path.as_os_str()])
        .env("AWS_ACCESS_KEY_ID", "bench")
        .env("AWS_SECRET_ACCESS_KEY", "bench")
        .stderr(Stdio::null())
        .spawn()
        .expect("the agent: run `cargo xtask bench`")
}

/// Every container writes its part of what all of them write.
fn write_for(time: Duration, containers: &mut [Container]) {
    let text = "{\"level\":\"info\",\"msg\":\"GET /orders/1017 200\",\"user\":\"u-20931\",\"took_ms\":12,\"trace\":\"4bf92f3577b34da6a3ce929d0e0e4736\"}";
    // The head of a line is about 45 bytes.
    let line = text.len() + 45;
    let a_round = BYTES_A_SECOND as f64 * ROUND.as_secs_f64() / (line * CONTAINERS) as f64;
    let until = Instant::now() + time;
    let mut owed = 0.0;
    while Instant::now() < until {
        let next = Instant::now() + ROUND;
        owed += a_round;
        while owed >= 1.0 {
            containers.iter_mut().for_each(|c| c.print(text));
            owed -= 1.0;
        }
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}
