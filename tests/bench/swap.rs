//! How long a swap takes, and a start from kept code.
//!
//! `swap/seconds`: from the rename of a module's file to the metric that names the new one in charge,
//! in the agent as it ships (wall time). `cache/start`: a module of 12 MB, its code kept, from its file
//! to a configured instance (wall time, this process). `swap/peak_rss`: the agent's peak of memory after
//! it compiled that module, which its child did.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use logsieve::clock::{Clock, thread_cpu};
use logsieve::filter::compile::Compiler;
use logsieve::filter::engine::Engine;
use logsieve::filter::instance::{Blueprint, Instance};
use logsieve::filter::limits::Limits;
use logsieve::filter::module::{find, sha256_hex};
use logsieve::telemetry::metrics::Metrics;
use support::agent::binary;
use support::modules;

use crate::figure::{RUNS, Wanted, print};

const BIG_BYTES: usize = 12 << 20;
/// A swap that takes longer has gone wrong.
const PATIENCE: Duration = Duration::from_secs(300);

fn target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target")
}

pub fn run(wanted: &Wanted) {
    if wanted.has("swap/seconds") {
        swap_seconds();
    }
    if wanted.has("cache/start") {
        cache_start();
    }
    if wanted.has("swap/peak_rss") {
        peak_rss();
    }
}

fn read(name: &str) -> Vec<u8> {
    fs::read(target().join(name)).expect("a module: run `cargo xtask bench`")
}

fn swap_seconds() {
    let module = read("filters/redact.wasm");
    let mut agent = Agent::start(&module);
    let mut runs: Vec<f64> = (0..RUNS as u32)
        .map(|number| agent.swap(&modules::marked(&module, number)).as_secs_f64())
        .collect();
    print("swap/seconds", "s", &mut runs);
}

fn peak_rss() {
    let mut agent = Agent::start(&read("filters/redact.wasm"));
    agent.swap(&modules::grown(&read("guests/noop.wasm"), BIG_BYTES));
    let status = fs::read_to_string(format!("/proc/{}/status", agent.child.id()));
    let status = status.expect("it is running");
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kib = peak.expect("VmHWM").trim().trim_end_matches(" kB");
    let kib: f64 = kib.parse().expect("KiB");
    print("swap/peak_rss", "MiB", &mut [kib / 1024.0]);
}

fn cache_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("big.wasm");
    fs::write(&path, modules::grown(&read("guests/noop.wasm"), BIG_BYTES)).expect("a file");
    let program = binary();
    let start = || {
        let engine = Engine::new(Clock::start()).expect("an engine");
        let kept = folder.path().join("compiled");
        let compiler = Compiler::with_program(engine.clone(), &kept, u64::MAX, program.as_os_str());
        let found = find::read(&path, &[], None).expect("it is there");
        let module = compiler.module(&found).expect("it compiles");
        let blueprint = Blueprint {
            name: "big".into(),
            engine,
            module,
            settings: "{}".into(),
            limits: Limits::default(),
            cpu: thread_cpu,
            metrics: Metrics::default().filter("big"),
        };
        Instance::new(&blueprint).map(drop).expect("it starts");
    };
    let timed = || {
        let began = Instant::now();
        start();
        began.elapsed()
    };
    print("cache/cold", "s", &mut [timed().as_secs_f64()]);
    let mut runs: Vec<f64> = (0..RUNS).map(|_| timed().as_secs_f64() * 1e3).collect();
    print("cache/start", "ms", &mut runs);
}

/// The agent with one filter, and nothing to read.
struct Agent {
    child: Child,
    folder: tempfile::TempDir,
    admin: SocketAddr,
}

impl Agent {
    fn start(module: &[u8]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        for name in ["pods", "containers", "modules"] {
            fs::create_dir(root.join(name)).expect("a folder");
        }
        fs::write(root.join("modules/f.wasm"), module).expect("a file");
        let free = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
        let admin = free.expect("a port");
        let text = format!(
            "state: {0}/state\nsource: {{ container_log: {{ path: {0}/pods, links: {0}/containers }} }}\n\
             filters: {{ directories: [{0}/modules], modules: {{ f: {{}} }} }}\n\
             destinations: {{ out: {{ 'null': {{}} }} }}\nroutes: [{{ filters: [f] }}]\n\
             telemetry: {{ listen: '{admin}' }}\n",
            root.display()
        );
        let config = root.join("logsieve.yaml");
        fs::write(&config, text).expect("a file");
        let child = Command::new(binary())
            .arg("run")
            .arg("--config")
            .arg(config)
            .stderr(Stdio::null())
            .spawn()
            .expect("the agent: run `cargo xtask bench`");
        let agent = Self {
            child,
            folder,
            admin,
        };
        agent.wait_for(&sha256_hex(module));
        agent
    }

    fn swap(&mut self, module: &[u8]) -> Duration {
        let modules = self.folder.path().join("modules");
        fs::write(modules.join("new"), module).expect("a file");
        let began = Instant::now();
        fs::rename(modules.join("new"), modules.join("f.wasm")).expect("a rename");
        self.wait_for(&sha256_hex(module));
        began.elapsed()
    }

    /// Waits until this module is in charge.
    fn wait_for(&self, hash: &str) {
        let give_up = Instant::now() + PATIENCE;
        while !self.metrics().is_some_and(|page| page.contains(hash)) {
            assert!(Instant::now() < give_up, "{hash} is not in charge");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn metrics(&self) -> Option<String> {
        let mut stream = TcpStream::connect(self.admin).ok()?;
        let request = b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        stream.write_all(request).ok()?;
        let mut page = String::new();
        stream.read_to_string(&mut page).ok()?;
        Some(page)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
