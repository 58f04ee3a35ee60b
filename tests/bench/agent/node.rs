//! `node/300/*`: a node as people have it. 110 pods with 300 containers write 1 MB/s in all; the agent
//! knows their pods from an API server, runs the filter `redact` over every record, and sends them
//! on. CPU time of all its threads in percent of one core, and its peak of memory, MiB.
//!
//! `node/namespaces/*`: the same load from 300 pods, each in a namespace of its own, that chose `redact` by
//! annotation: no two share an instance. The default lets 32 of them live in each lane, so that nearly
//! every batch meets a fresh one; with `-300` each keeps its own.

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

/// Who chose the filter.
#[derive(Clone, Copy, PartialEq)]
enum Chosen {
    ByOperator,
    /// By every pod, in a namespace of its own, with so many instances in each lane.
    ByPods {
        instances: usize,
    },
}

const CASES: [(&str, Chosen); 3] = [
    ("node/300", Chosen::ByOperator),
    ("node/namespaces", Chosen::ByPods { instances: 32 }),
    ("node/namespaces-300", Chosen::ByPods { instances: 300 }),
];

pub fn run(wanted: &Wanted) {
    for (name, chosen) in CASES {
        let (cpu, rss) = (format!("{name}/cpu_percent"), format!("{name}/rss"));
        if !wanted.any(&cpu) && !wanted.any(&rss) {
            continue;
        }
        let (mut percent, mut peaks) = (Vec::new(), Vec::new());
        for _ in 0..figure::RUNS {
            let (cpu, peak) = once(chosen);
            percent.push(cpu);
            peaks.push(peak);
        }
        figure::print(&cpu, "%", &mut percent);
        figure::print(&rss, "MiB", &mut peaks);
    }
}

fn once(chosen: Chosen) -> (f64, f64) {
    let folder = tempfile::tempdir().expect("a folder");
    let kubelet = Kubelet::new(&folder.path().join("log"));
    let api = FakeKubernetes::start();
    let mut containers = start_containers(&kubelet, &api, chosen);
    let mut agent = spawn(folder.path(), &kubelet, &api, chosen);
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

fn start_containers(kubelet: &Kubelet, api: &FakeKubernetes, chosen: Chosen) -> Vec<Container> {
    let pods = match chosen {
        Chosen::ByOperator => PODS,
        Chosen::ByPods { .. } => CONTAINERS,
    };
    let one = |number: usize| {
        let name = format!("app-{}", number % pods);
        let namespace = match chosen {
            Chosen::ByOperator => "team-a".to_owned(),
            Chosen::ByPods { .. } => format!("team-{number}"),
        };
        if number < pods {
            let mut object = pod("node-1", &namespace, &name, &name);
            let metadata = &mut object["metadata"];
            metadata["labels"] = json!({ "app": "shop", "tier": "web", "version": "7" });
            if chosen != Chosen::ByOperator {
                metadata["annotations"] = json!({ "logsieve.dev/filters": "redact" });
            }
            api.put("pods", object);
        }
        kubelet.start_in(&namespace, &name, &name, &format!("c{}", number / pods))
    };
    (0..CONTAINERS).map(one).collect()
}

fn spawn(folder: &Path, kubelet: &Kubelet, api: &FakeKubernetes, chosen: Chosen) -> Child {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let admin = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
    fs::write(folder.join("token"), TOKEN).expect("a file");
    let allow = "{ allow: [{ namespace: '*', filters: [redact] }] }";
    let (chain, allow, instances) = match chosen {
        Chosen::ByOperator => ("[redact]", "{}", 32),
        Chosen::ByPods { instances } => ("[]", allow, instances),
    };
    let config = format!(
        "state: {state}\nsource: {{ container_log: {{ path: {pods}, links: {links} }} }}\n\
         enrich: {{ node: node-1, pods: {{ server: '{api}', token_file: {token} }} }}\n\
         filters: {{ modules: {{ redact: {{ module: {module}, limits: {{ instances: {instances} }} }} }} }}\n\
         annotations: {allow}\n\
         destinations: {{ out: {{ cloudwatch: {{ region: eu-central-1, endpoint: 'http://{server}', \
         log_stream: '{{k8s.pod.label.app}}/{{k8s.pod.name}}' }} }} }}\n\
         routes: [ {{ filters: {chain}, destination: out }} ]\ntelemetry: {{ listen: '{admin}' }}\n",
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
