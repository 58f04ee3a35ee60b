//! What the simulation once found, each as the shortest way to see it again, whatever the seeds have
//! become since.

use std::path::{Path, PathBuf};
use std::time::Duration;

use logsieve::clock::Now;
use logsieve::record::receipt::Part;
use logsieve::sink::cloudwatch::body::Request;

use crate::agent::Agent;
use crate::disk::{Disk, Node};
use crate::kubelet::{LINKS, PODS};
use crate::service::Body;

/// A node and its agent, one step after the other.
struct Bench {
    disk: Disk,
    agent: Agent,
    now: Duration,
    /// Requests without an answer, and what those with one brought.
    waiting: Vec<Request>,
    texts: Vec<String>,
}

impl Bench {
    fn new() -> Self {
        let disk = Disk::new(fastrand::Rng::with_seed(1));
        disk.make_folder(Path::new(PODS));
        disk.make_folder(Path::new(LINKS));
        let agent = Agent::start(&disk, None, at(Duration::ZERO)).expect("a first start");
        Self {
            disk,
            agent,
            now: Duration::ZERO,
            waiting: Vec::new(),
            texts: Vec::new(),
        }
    }

    /// A container's folder, with a live file in it.
    fn container(&mut self, pod: &str) -> (PathBuf, Node) {
        let folder = Path::new(PODS).join(format!("plain_{pod}_uid-{pod}/app"));
        self.disk.make_folder(&folder);
        let node = self.disk.create(&folder.join("0.log"));
        self.look(pod);
        (folder, node)
    }

    fn look(&mut self, pod: &str) {
        self.agent.look(&format!("plain_{pod}_uid-{pod}"));
    }

    /// Lets so much time pass; requests whose stream is not `unanswered` are answered at once.
    fn pass(&mut self, time: Duration, unanswered: &str) {
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

fn line(second: u32, tag: &str, text: &str) -> String {
    format!("2026-11-23T20:00:{second:02}Z stdout {tag} {text}\n")
}

const SECOND: Duration = Duration::from_secs(1);

/// It was closed by what the last look had seen, though nobody had looked since reading stopped.
#[test]
fn a_file_that_grew_while_reading_was_stopped_is_not_closed_unread() {
    let mut bench = Bench::new();
    let (folder, quiet) = bench.container("quiet");
    bench.disk.append(quiet, line(1, "F", "first").as_bytes());
    bench.pass(3 * SECOND, "");
    // Another container of the same log group takes all the room there is.
    let (_, flood) = bench.container("flood");
    bench.disk.append(
        flood,
        line(2, "F", &"x".repeat(500)).repeat(8000).as_bytes(),
    );
    bench.pass(3 * SECOND, "flood");
    bench
        .disk
        .append(quiet, line(3, "F", "last words").as_bytes());
    bench.disk.unlink(&folder.join("0.log"));
    bench.disk.remove_folder(&folder);
    bench
        .disk
        .remove_folder(folder.parent().expect("the pod's folder"));
    bench.look("quiet");
    bench.pass(30 * SECOND, "flood");
    assert!(bench.disk.take_unreadable().is_empty(), "closed unread");
    bench.pass(10 * SECOND, "");
    assert!(bench.texts.iter().any(|text| text == "last words"));
}

/// Its length tells nothing then, and reading went on in the middle of a line.
#[test]
fn a_file_that_is_cut_and_soon_longer_than_before_is_read_from_its_start() {
    let mut bench = Bench::new();
    let (_, node) = bench.container("cut");
    bench.disk.append(node, line(1, "F", "before").as_bytes());
    bench.pass(3 * SECOND, "");
    bench.disk.truncate(node);
    bench
        .disk
        .append(node, line(2, "F", "after the cut, and longer").as_bytes());
    bench.pass(3 * SECOND, "");
    assert_eq!(bench.texts, ["before", "after the cut, and longer"]);
}

/// The piece in front of the cut was joined with the first line behind it.
#[test]
fn a_split_line_whose_rest_was_cut_off_is_not_joined_with_the_next() {
    let mut bench = Bench::new();
    let (_, node) = bench.container("cut");
    bench
        .disk
        .append(node, line(1, "P", "half a line, ").as_bytes());
    bench.pass(3 * SECOND, "");
    bench.disk.truncate(node);
    bench.disk.append(node, line(2, "F", "another").as_bytes());
    bench.pass(3 * SECOND, "");
    assert_eq!(bench.texts, ["half a line, ", "another"]);
}
