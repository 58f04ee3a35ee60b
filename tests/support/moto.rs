//! moto: a CloudWatch Logs that others wrote, as a process, with signatures and policies checked.
//!
//! It knows few limits, but what it knows it knows independently of us: the wire format, SigV4, the
//! order of events. Two users are made: one may do what the agent's policy allows and nothing else,
//! the other reads back. Reading is done by boto3, so that no code of ours judges our code.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::agent::Agent;
use crate::cloudwatch::Event;
use crate::wait;

/// What the agent needs to be allowed.
const AGENT_ACTIONS: &str = "logs:CreateLogGroup,logs:CreateLogStream,logs:PutLogEvents,\
     logs:PutRetentionPolicy,logs:TagResource";

/// What reading back needs.
const READER_ACTIONS: &str = "logs:DescribeLogGroups,logs:DescribeLogStreams,logs:GetLogEvents,\
     logs:ListTagsLogGroup";

/// How many calls make the users, before signatures are checked: three for each.
const UNCHECKED_CALLS: &str = "6";

/// A running moto. Dropping it kills it.
pub struct Moto {
    /// Runs the server; it is killed as the agent would be.
    _server: Agent,
    url: String,
    agent: Key,
    reader: Key,
}

/// A key pair.
#[derive(Debug, Clone, Deserialize)]
pub struct Key {
    pub access_key: String,
    pub secret_key: String,
}

/// An event as boto3 gives it.
#[derive(Debug, Deserialize)]
struct Read {
    group: String,
    stream: String,
    timestamp: i64,
    message: String,
}

impl Moto {
    /// Starts a server, and makes its users.
    ///
    /// # Panics
    /// When moto is not installed or does not start.
    pub fn start() -> Self {
        let server = environment().join("bin/moto_server");
        let installed = server.exists();
        assert!(
            installed,
            "moto is not in {}: run `cargo xtask test`",
            environment().display()
        );
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a port on the loopback interface")
            .port();
        let arguments = ["-H", "127.0.0.1", "-p", &port.to_string()].map(str::to_owned);
        let variables = [("INITIAL_NO_AUTH_ACTION_COUNT", UNCHECKED_CALLS)];
        let mut server = Agent::spawn_program(&server, arguments, &variables);
        server.wait_until("moto listens", |_| {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        let url = format!("http://127.0.0.1:{port}");
        let user = |name: &str, actions: &str| -> Key {
            serde_json::from_str(&script(&["user", &url, name, actions])).expect("a key pair")
        };
        let agent = user("agent", AGENT_ACTIONS);
        let reader = user("reader", READER_ACTIONS);
        Moto {
            _server: server,
            url,
            agent,
            reader,
        }
    }

    /// Where it listens, as an endpoint for the SDK.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The key pair that may do what the agent's policy allows.
    pub fn agent_key(&self) -> &Key {
        &self.agent
    }

    /// Every event, as boto3 reads it from the head of each stream.
    pub fn read(&self) -> Vec<Event> {
        let Key {
            access_key,
            secret_key,
        } = &self.reader;
        let lines = script(&["read", &self.url, access_key, secret_key]);
        let event = |(order, line): (usize, &str)| {
            let Read {
                group,
                stream,
                timestamp,
                message,
            } = serde_json::from_str(line).expect("an event");
            Event {
                group,
                stream,
                timestamp,
                message,
                request: 0,
                order: order as u64,
            }
        };
        lines.lines().enumerate().map(event).collect()
    }

    /// What each log group was given, as JSON.
    pub fn groups(&self) -> Vec<serde_json::Value> {
        let Key {
            access_key,
            secret_key,
        } = &self.reader;
        let lines = script(&["groups", &self.url, access_key, secret_key]);
        let group = |line| serde_json::from_str(line).expect("a log group");
        lines.lines().map(group).collect()
    }

    /// Waits until so many events can be read, and reads them.
    ///
    /// # Panics
    /// When they do not come within [`wait::PATIENCE`].
    pub fn read_at_least(&self, count: usize) -> Vec<Event> {
        let mut events = Vec::new();
        let arrived = wait::holds_within(wait::PATIENCE, || {
            events = self.read();
            events.len() >= count
        });
        assert!(
            arrived,
            "waited in vain for {count} events in moto: {} came",
            events.len()
        );
        events
    }
}

/// The Python environment that `cargo xtask test` makes.
fn environment() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/moto")
}

/// Runs the boto3 script, and returns what it printed.
fn script(arguments: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("end_to_end/moto_readback.py");
    let output = Command::new(environment().join("bin/python"))
        .arg(script)
        .args(arguments)
        .output()
        .expect("python runs");
    let (said, status) = (String::from_utf8_lossy(&output.stderr), output.status);
    assert!(
        status.success(),
        "moto_readback.py {arguments:?} ended with {status}:\n{said}"
    );
    String::from_utf8(output.stdout).expect("JSON")
}
