//! A node and its agent, one step after the other, for tests that are about one thing: no faults drawn
//! by a seed, and the disk is in the hands of the test.

use std::path::{Path, PathBuf};
use std::time::Duration;

use logsieve::clock::Now;
use logsieve::record::receipt::Part;
use logsieve::sink::cloudwatch::body::Request;

use crate::agent::Agent;
use crate::disk::{Disk, Node};
use crate::journald::ROOT as JOURNAL;
use crate::kubelet::{LINKS, PODS};
use crate::plain::FOLDER;
use crate::service::Body;

/// A node and its agent, one step after the other.
pub struct Bench {
    pub disk: Disk,
    pub agent: Agent,
    now: Duration,
    /// Requests without an answer, and what those with one brought.
    waiting: Vec<Request>,
    pub texts: Vec<String>,
}

impl Bench {
    pub fn new() -> Self {
        let disk = Disk::new(fastrand::Rng::with_seed(1));
        disk.make_folder(Path::new(PODS));
        disk.make_folder(Path::new(LINKS));
        disk.make_folder(Path::new(FOLDER));
        disk.tell_times();
        let agent = Agent::start(&disk, None, at(Duration::ZERO)).expect("a first start");
        let agent = agent.with_plain(&disk);
        Self::of(disk, agent)
    }

    /// With a journal of one file, that holds this.
    pub fn with_journal(bytes: Vec<u8>) -> Self {
        let disk = Disk::new(fastrand::Rng::with_seed(1));
        let folder = Path::new(JOURNAL).join("3d1219c7c4c5404aaa1f6d2a48adfda4");
        disk.make_folder(&folder);
        disk.rewrite(disk.create(&folder.join("system.journal")), bytes);
        let agent = Agent::start_with_journal(&disk, None, at(Duration::ZERO));
        Self::of(disk, agent.expect("a first start"))
    }

    fn of(disk: Disk, agent: Agent) -> Self {
        Self {
            disk,
            agent,
            now: Duration::ZERO,
            waiting: Vec::new(),
            texts: Vec::new(),
        }
    }

    /// A container's folder, with a live file in it.
    pub fn container(&mut self, pod: &str) -> (PathBuf, Node) {
        let folder = Path::new(PODS).join(format!("plain_{pod}_uid-{pod}/app"));
        self.disk.make_folder(&folder);
        let node = self.disk.create(&folder.join("0.log"));
        self.look(pod);
        (folder, node)
    }

    /// A plain file.
    pub fn plain(&mut self, name: &str) -> Node {
        let node = self.disk.create(&Path::new(FOLDER).join(name));
        self.agent.look_at_plain();
        node
    }

    /// What `copytruncate` makes of a plain file, before it cuts it.
    pub fn copy(&mut self, of: Node, name: &str) {
        let bytes = self.disk.bytes(of);
        let copy = self.disk.create(&Path::new(FOLDER).join(name));
        self.disk.append(copy, &bytes);
        self.agent.look_at_plain();
    }

    /// Requests without an answer are given up.
    pub fn give_up(&mut self) {
        self.waiting.clear();
    }

    pub fn look(&mut self, pod: &str) {
        self.agent.look(&format!("plain_{pod}_uid-{pod}"));
    }

    /// Lets so much time pass; requests whose stream is not `unanswered` are answered at once.
    pub fn pass(&mut self, time: Duration, unanswered: &str) {
        for _ in 0..time.as_millis() / 10 {
            self.now += Duration::from_millis(10);
            let waiting = &mut self.waiting;
            self.agent
                .tick(at(self.now), &mut |request| waiting.push(request));
            for request in self.waiting.extract_if(.., |r| &*r.to.stream != unanswered) {
                let body: Body = serde_json::from_slice(&request.body.json()).expect("JSON");
                self.texts
                    .extend(body.events.into_iter().map(|event| event.message));
                drop((request.departure, request.permit));
                request.parts.into_iter().for_each(Part::settle);
            }
        }
    }
}

fn at(mono: Duration) -> Now {
    let wall = 1_795_464_000_000_000_000 + mono.as_nanos() as u64;
    Now { mono, wall }
}

pub fn line(second: u32, tag: &str, text: &str) -> String {
    format!("2026-11-23T20:00:{second:02}Z stdout {tag} {text}\n")
}

pub const SECOND: Duration = Duration::from_secs(1);
