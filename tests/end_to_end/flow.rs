//! One container that prints at a rate while things happen to its files and its agent; at the end what
//! came is counted against what was written. Seconds here, minutes under `cargo xtask soak`, which
//! shows the line that each case prints.

use std::fs;
use std::time::{Duration, Instant};

use support::agent::Agent;
use support::books::Found;
use support::count::Count;
use support::kubelet::Container;

use crate::node::{Node, wait_for_words};

pub const KIB: usize = 1 << 10;
pub const MIB: usize = 1 << 20;

/// How often the container prints, and its files are looked at.
const TICK: Duration = Duration::from_millis(20);

/// The long form of a case under `cargo xtask soak`, the short one otherwise.
pub fn long_or<T>(short: T, long: T) -> T {
    if std::env::var_os("LOGSIEVE_SOAK").is_some() {
        long
    } else {
        short
    }
}

/// A node with one container that prints much.
pub struct Flow {
    pub node: Node,
    pub app: Container,
}

impl Flow {
    /// The agent has all its defaults, but for the format: text.
    pub fn new() -> Self {
        let mut node = Node::new();
        node.config.destinations = format!(
            "{{ main: {{ cloudwatch: {{ region: eu-central-1, endpoint: \"{}\", format: text, \
             log_group: \"/eks/{{k8s.namespace.name}}\", \
             log_stream: \"{{k8s.pod.name}}/{{k8s.container.name}}\" }} }} }}",
            node.fake.url()
        );
        let app = node.kubelet.start("web", "shop-1", "app");
        Self { node, app }
    }

    /// Prints so many bytes a second for so long; `meanwhile` is called every few milliseconds with
    /// the time that has passed.
    pub fn pour(
        &mut self,
        bytes_a_second: usize,
        length: Duration,
        mut meanwhile: impl FnMut(&mut Self, Duration),
    ) {
        let began = Instant::now();
        let mut poured = 0;
        loop {
            let passed = began.elapsed().min(length);
            let due = (passed.as_secs_f64() * bytes_a_second as f64) as usize;
            while due > poured {
                // A machine out of breath catches up in as many steps as one that is not.
                let piece = (due - poured).min(MIB);
                self.app.pour(piece);
                poured += piece;
                meanwhile(self, passed);
            }
            if passed == length {
                return;
            }
            meanwhile(self, passed);
            std::thread::sleep(TICK);
        }
    }

    /// Bytes in the live file.
    pub fn live_bytes(&self) -> usize {
        fs::metadata(self.app.live_path()).map_or(0, |file| file.len() as usize)
    }

    /// What came, against what was written.
    pub fn count(&self) -> Count {
        let stream = format!("{}/app", self.app.pod());
        let events = self.node.fake.read("/eks/web", &stream);
        Count::of(&self.app, &events)
    }

    /// Waits until every record is at the service.
    pub fn wait(&self, agent: &mut Agent) {
        let poured = self.app.poured();
        let came = agent
            .holds_in_time(|_| self.node.fake.event_count() >= poured && self.count().lost == 0);
        assert!(came, "waited in vain: {}\n{}", self.count(), agent.stderr());
    }

    /// The agent's books against what came. Behind a former agent, all that came is the most that this
    /// one can have delivered.
    pub fn assert_books(&self, agent: &mut Agent) {
        let count = self.count();
        let found = Found {
            arrived: (count.written - count.lost) as u64,
            markers: count.markers.len() as u64,
            lost: count.lost as u64,
            lost_bytes: 0,
        };
        let found = [(self.app.name(), found)].into();
        self.node.assert_books(agent, &found);
    }

    /// Waits until all is there, has the agent drain, and says what came. Nothing may be lost.
    pub fn ends_whole(&self, case: &str, agent: &mut Agent) -> Count {
        self.wait(agent);
        wait_for_words(agent, "logsieve runs");
        self.assert_books(agent);
        let status = agent.drain();
        assert!(status.success(), "{status}: {}", agent.stderr());
        let count = self.count();
        println!("soak {case}: {count}");
        count.assert_at_least_once();
        count
    }
}
