//! A node for one test: log files, a service to send to, and an agent between them.
//!
//! The configuration is written out for each run, so that a test changes what it is about and
//! nothing else. Waiting is for records, never for time.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use support::agent::Agent;
use support::books::{Exact, Found, Told, page};
use support::cloudwatch::{Event, FakeCloudWatch};
use support::kubelet::{Expected, Kubelet, Written, token_of};
use support::tally::{Delivered, Order, Tally};
use support::wait;
use tempfile::TempDir;

/// The credentials that the fake knows, and nothing that asks the network for others.
pub const CREDENTIALS: [(&str, &str); 3] = [
    ("AWS_ACCESS_KEY_ID", "AKIATEST"),
    ("AWS_SECRET_ACCESS_KEY", "secret"),
    ("AWS_EC2_METADATA_DISABLED", "true"),
];

/// A node.
pub struct Node {
    root: TempDir,
    pub kubelet: Kubelet,
    pub fake: FakeCloudWatch,
    pub config: Config,
    /// Agents that were started, by process: how many events the service had then.
    started: RefCell<Vec<(u32, usize)>>,
}

/// What the agent is told, where a test may want it otherwise.
#[derive(Debug, Clone)]
pub struct Config {
    /// YAML behind `filters:`.
    pub filters: String,
    /// YAML behind `destinations:`; `main` is the fake.
    pub destinations: String,
    /// YAML behind `routes:`.
    pub routes: String,
    /// Further keys of `source.container_log`, as flow YAML without its braces.
    pub source: String,
    /// YAML behind `source.journal:`, or nothing.
    pub journal: String,
    /// YAML behind `source.files:`.
    pub files: String,
    /// The admin page's address, or `null`.
    pub listen: String,
    /// Whole further lines.
    pub more: String,
}

impl Node {
    /// A node whose agent sends every record as text, each container to a stream of its own.
    pub fn new() -> Self {
        Self::with(FakeCloudWatch::start())
    }

    /// The same with a service of the test's own.
    pub fn with(fake: FakeCloudWatch) -> Self {
        let root = tempfile::tempdir().expect("a folder of our own");
        let kubelet = Kubelet::new(&root.path().join("log"));
        let config = Config {
            filters: "{}".to_owned(),
            destinations: format!("{{ main: {} }}", cloudwatch(&fake.url(), "format: text")),
            routes: "[{ destination: main }]".to_owned(),
            source: String::new(),
            journal: "null".to_owned(),
            files: "{}".to_owned(),
            listen: "\"127.0.0.1:0\"".to_owned(),
            more: String::new(),
        };
        Node {
            root,
            kubelet,
            fake,
            config,
            started: RefCell::default(),
        }
    }

    pub fn path(&self) -> &Path {
        self.root.path()
    }

    pub fn state(&self) -> PathBuf {
        self.root.path().join("state")
    }

    /// Writes the configuration and returns its path.
    pub fn write_config(&self) -> PathBuf {
        let Config {
            filters,
            destinations,
            routes,
            source,
            journal,
            files,
            listen,
            more,
        } = &self.config;
        let path = self.root.path().join("logsieve.yaml");
        let (pods, links) = (self.kubelet.pods(), self.kubelet.containers());
        let text = format!(
            "state: {}\nsource: {{ container_log: {{ path: {}, links: {}, {source} }}, journal: {journal}, files: {files} }}\n\
             filters: {filters}\ndestinations: {destinations}\nroutes: {routes}\n\
             telemetry: {{ listen: {listen} }}\n{more}\n",
            self.state().display(),
            pods.display(),
            links.display(),
        );
        fs::write(&path, text).expect("the configuration is ours");
        path
    }

    /// Starts the agent.
    pub fn start(&self) -> Agent {
        self.start_with(&CREDENTIALS)
    }

    /// Starts the agent with these variables instead of the right credentials.
    pub fn start_with(&self, variables: &[(&str, &str)]) -> Agent {
        let config = self.write_config();
        let before = self.fake.event_count();
        let words = ["run".as_ref(), "--config".as_ref(), config.as_os_str()];
        let agent = Agent::spawn(words, variables);
        let mut started = self.started.borrow_mut();
        started.push((agent.process_id(), before));
        agent
    }

    /// Runs another command of the agent with this node's configuration, to its end.
    pub fn run(&self, command: &str) -> support::agent::Finished {
        let config = self.write_config();
        support::agent::finish([command.as_ref(), "--config".as_ref(), config.as_os_str()])
    }

    /// Waits until every one of these records is at the service, then drains the agent.
    pub fn drain_after(&self, agent: &mut Agent, written: &[Written]) {
        self.wait_for(agent, written);
        // An agent that reads again what a killed one had delivered goes on repeating it.
        self.assert_books_of(agent, |agent| self.found(agent, written));
        self.drain(agent);
    }

    /// Stops the agent.
    pub fn drain(&self, agent: &mut Agent) {
        // A signal would meet a deaf process that is not up yet.
        wait_for_words(agent, "logsieve runs");
        let status = agent.drain();
        assert!(
            status.success(),
            "the agent ended with {status}; it said:\n{}",
            agent.stderr()
        );
    }

    /// Waits until every one of these records is at the service.
    pub fn wait_for(&self, agent: &mut Agent, written: &[Written]) {
        // Counting is cheap, and comparing is not: compare when the count may be right.
        let arrived = agent.holds_in_time(|_| {
            self.fake.event_count() >= written.len() && self.tally(written).losses() == 0
        });
        assert!(
            arrived,
            "waited in vain for these records:\n{}",
            self.tally(written)
        );
    }

    /// How many events the service had when this agent was started, and whether it was the first.
    fn before(&self, agent: &Agent) -> (usize, bool) {
        let started = self.started.borrow();
        let at = started.iter().position(|s| s.0 == agent.process_id());
        at.map_or((0, true), |at| (started[at].1, at == 0))
    }

    /// What was found of each container that wrote these records.
    pub fn found(&self, agent: &Agent, written: &[Written]) -> BTreeMap<String, Found> {
        let (before, _) = self.before(agent);
        let mut found: BTreeMap<String, Found> = BTreeMap::new();
        let mut owners = HashMap::new();
        for record in written {
            found.entry(record.container.clone()).or_default();
            let text = String::from_utf8_lossy(&record.text).into_owned();
            if let Some(token) = token_of(&text) {
                owners.insert(token.to_owned(), record);
            }
        }
        let all = self.fake.events();
        let mut seen = HashSet::new();
        for event in all.get(before..).unwrap_or_default() {
            if event.message.starts_with("logsieve: ") {
                let name = delivered(event).container.unwrap_or_default();
                found.entry(name).or_default().markers += 1;
            } else if let Some(token) = token_of(&event.message)
                && let Some(record) = owners.get(token)
                && seen.insert(token)
            {
                found.entry(record.container.clone()).or_default().arrived += 1;
            }
        }
        let tokens = all.iter().filter_map(|event| token_of(&event.message));
        let came: HashSet<&str> = tokens.collect();
        for (_, record) in owners.iter().filter(|(t, _)| !came.contains(t.as_str())) {
            let found = found.entry(record.container.clone()).or_default();
            found.lost += 1;
            found.lost_bytes += record.source_bytes();
        }
        found
    }

    /// Waits until the agent's books agree with what was found, wherever it tells them. Where filters
    /// add, join or drop records, or another agent ran before, how many it delivered is bounded only.
    pub fn assert_books(&self, agent: &mut Agent, found: &BTreeMap<String, Found>) {
        self.assert_books_of(agent, |_| found.clone());
    }

    /// The same with what is found by then.
    fn assert_books_of(
        &self,
        agent: &mut Agent,
        found: impl Fn(&Agent) -> BTreeMap<String, Found>,
    ) {
        if self.config.listen == "null" {
            return;
        }
        let plain = self.config.filters == "{}" && self.before(agent).1;
        let exact = if plain { Exact::Yes } else { Exact::No };
        let mut wrong = String::new();
        let agree = agent.holds_in_time(|agent| {
            let Some(address) = agent.admin() else {
                return false;
            };
            let told = Told::metrics(address);
            let found = found(agent);
            let checked = told.check(&found, exact);
            let checked = checked.and_then(|()| told.and_status(address).check(&found, exact));
            wrong = checked.err().unwrap_or_default();
            wrong.is_empty()
        });
        assert!(agree, "the agent's books are wrong: {wrong}");
    }

    /// What was written against what CloudWatch shows.
    pub fn tally(&self, written: &[Written]) -> Tally {
        let expected: Vec<Expected> = written.iter().map(Written::expected).collect();
        Tally::of(&expected, &self.delivered(), Order::Millisecond)
    }

    /// All records as CloudWatch shows them, with the container that their stream is named for.
    pub fn delivered(&self) -> Vec<Delivered> {
        let streams = self.fake.stream_names();
        let events = streams
            .iter()
            .flat_map(|(group, stream)| self.fake.read(group, stream));
        events.map(|event| delivered(&event)).collect()
    }
}

/// A destination in YAML: the fake, one stream for each container.
pub fn cloudwatch(url: &str, more: &str) -> String {
    format!(
        "{{ cloudwatch: {{ region: eu-central-1, endpoint: \"{url}\", \
         log_group: \"/eks/{{k8s.namespace.name}}\", \
         log_stream: \"{{k8s.pod.name}}/{{k8s.container.name}}\", \
         flush_after: 50ms, {more} }} }}"
    )
}

/// A log event of the text format, whose stream tells the container.
pub fn delivered(event: &Event) -> Delivered {
    let namespace = event.group.trim_start_matches("/eks/");
    let container = Some(format!("{namespace}/{}", event.stream));
    Delivered {
        container,
        ..Delivered::text(event)
    }
}

/// The text of each event of a stream, in CloudWatch's order.
pub fn texts(node: &Node, group: &str, stream: &str) -> Vec<String> {
    node.fake
        .read(group, stream)
        .into_iter()
        .map(|event| event.message)
        .collect()
}

/// Waits until the agent has said something on stderr.
pub fn wait_for_words(agent: &mut Agent, words: &str) {
    agent.wait_until(&format!("it says `{words}`"), |agent| {
        agent.stderr().contains(words)
    });
}

/// A filter's module as `cargo xtask` builds it, such as `filters/redact` or `guests/noop`.
///
/// # Panics
/// When it was not built.
pub fn module(name: &str) -> PathBuf {
    let target = support::agent::binary();
    let path = target
        .ancestors()
        .skip(1)
        .map(|folder| folder.join(format!("{name}.wasm")));
    let found = path.take(3).find(|path| path.exists());
    found.unwrap_or_else(|| panic!("there is no `target/{name}.wasm`: run `cargo xtask test`"))
}

/// Turns the admin page on, and returns its address.
pub fn with_metrics(node: &mut Node) -> SocketAddr {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port on the loopback interface");
    let address = free.local_addr().expect("it has an address");
    node.config.listen = format!("\"{address}\"");
    address
}

/// What the agent's admin page shows under `/metrics`; nothing while it is not up.
pub fn metrics(address: SocketAddr) -> String {
    page(address, "/metrics")
}

/// The most that a process has had in memory, bytes.
pub fn memory_peak(process: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it is running");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.expect("Linux tells").trim().trim_end_matches(" kB");
    kilobytes.parse::<usize>().expect("a number") * 1024
}

/// How long a test waits when it shows that something does *not* happen.
pub fn a_while() {
    std::thread::sleep(std::time::Duration::from_millis(500));
}

/// A request hangs, and all that is unanswered is in it or behind it.
pub fn wait_for_hang(node: &Node, agent: &mut Agent) {
    agent.wait_until("a request hangs", |_| {
        let requests = node.fake.requests();
        requests.iter().any(|request| request.fault.is_some())
    });
}

/// Waits until something holds at the service.
pub fn until(what: &str, condition: impl FnMut() -> bool) {
    wait::until(what, condition);
}
