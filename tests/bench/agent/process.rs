//! Runs the agent's release build over the files, and reads what it used from /proc: the CPU time of
//! all its threads, to the nanosecond, and its peak of memory.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::agent::binary;

use super::corpus::Corpus;

/// A run that takes longer has gone wrong.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often the agent is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(50);

pub struct Case {
    pub name: &'static str,
    /// Below `target/`.
    module: Option<&'static str>,
    /// YAML; `SERVER` stands for the server's address.
    destination: String,
    /// YAML of a source that is read as well.
    also: String,
}

pub struct Used {
    pub cpu_seconds: f64,
    pub peak_rss_mib: f64,
}

impl Case {
    pub fn new(name: &'static str, module: Option<&'static str>, destination: &str) -> Self {
        Self {
            name,
            module,
            destination: destination.to_owned(),
            also: String::new(),
        }
    }

    /// The same with another source beside the containers' files.
    pub fn with(mut self, source: String) -> Self {
        self.also = format!(", {source}");
        self
    }

    /// Runs the agent until every byte is settled.
    pub fn run(&self, corpus: &Corpus, server: SocketAddr) -> Used {
        self.run_and_watch(corpus, server, &[]).remove(0)
    }

    /// The same, and then lets it idle: what it had used after each of these waits, too.
    pub fn run_and_watch(
        &self,
        corpus: &Corpus,
        server: SocketAddr,
        waits: &[Duration],
    ) -> Vec<Used> {
        let folder = tempfile::tempdir().expect("a folder");
        let admin = TcpListener::bind("127.0.0.1:0")
            .and_then(|l| l.local_addr())
            .expect("a port");
        let config = folder.path().join("logsieve.yaml");
        fs::write(&config, self.config(corpus, folder.path(), admin, server)).expect("a file");
        let mut agent = start(&config);
        let mut all = vec![measure(&mut agent, corpus.bytes, admin)];
        for wait in waits {
            std::thread::sleep(*wait);
            all.push(used(agent.id()));
        }
        let _ = agent.kill();
        let _ = agent.wait();
        all
    }

    fn config(
        &self,
        corpus: &Corpus,
        folder: &Path,
        admin: SocketAddr,
        server: SocketAddr,
    ) -> String {
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
        let module = self.module.map(|m| target.join(m));
        let (modules, chain) = match &module {
            Some(module) => (
                format!("{{ f: {{ module: {} }} }}", module.display()),
                "[f]",
            ),
            None => ("{}".into(), "[]"),
        };
        format!(
            "state: {state}\nsource: {{ container_log: {{ path: {root}/pods, links: {root}/containers }}{also} }}\n\
             filters: {{ modules: {modules} }}\ndestinations: {{ out: {destination} }}\n\
             routes: [ {{ filters: {chain}, destination: out }} ]\ntelemetry: {{ listen: '{admin}' }}\n",
            state = folder.join("state").display(),
            root = corpus.root.display(),
            also = self.also,
            destination = self.destination.replace("SERVER", &server.to_string()),
        )
    }
}

/// Starts the agent.
pub fn start(config: &Path) -> Child {
    Command::new(binary())
        .arg("run")
        .arg("--config")
        .arg(config)
        .env("AWS_ACCESS_KEY_ID", "bench")
        .env("AWS_SECRET_ACCESS_KEY", "bench")
        .stderr(Stdio::null())
        .spawn()
        .expect("the agent: run `cargo xtask bench`")
}

/// Waits until every byte is settled.
fn measure(agent: &mut Child, bytes: u64, admin: SocketAddr) -> Used {
    let give_up = Instant::now() + PATIENCE;
    loop {
        assert!(
            Instant::now() < give_up,
            "the agent did not settle {bytes} bytes"
        );
        assert!(
            agent.try_wait().expect("a child").is_none(),
            "the agent has ended"
        );
        if settled(admin) >= Some(bytes) {
            return used(agent.id());
        }
        std::thread::sleep(ASK_EVERY);
    }
}

/// What the agent shows.
pub fn metrics(admin: SocketAddr) -> Option<String> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(admin).ok()?;
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

fn settled(admin: SocketAddr) -> Option<u64> {
    let answer = metrics(admin)?;
    let line = answer
        .lines()
        .find(|l| l.starts_with("logsieve_tail_settled_bytes_total "))?;
    line.rsplit(' ').next()?.parse().ok()
}

pub fn used(process: u32) -> Used {
    // To the nanosecond, where /proc/PID/stat counts in hundredths of a second.
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("threads");
    let ran = |thread: fs::DirEntry| -> Option<f64> {
        let schedstat = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        schedstat.split(' ').next()?.parse().ok()
    };
    let nanos: f64 = threads.flatten().filter_map(ran).sum();
    Used {
        cpu_seconds: nanos / 1e9,
        peak_rss_mib: peak_rss_mib(process).expect("VmHWM"),
    }
}

/// None when the process has ended.
pub fn peak_rss_mib(process: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: f64 = peak.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib / 1024.0)
}
