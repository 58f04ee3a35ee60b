//! What a node with many quiet containers asks of an account, and one with very many: requests and creations
//! a second, with a stream for each container and with one that all share. Named, not judged, but that
//! nothing is lost and that the account's quotas for a fleet are kept.

use std::io::Write;
use std::time::{Duration, Instant};

use support::cloudwatch::RequestSummary;
use support::kubelet::{Container, Stream, Written};

use crate::node::{Node, wait_for_words};

/// As many as a large node of EKS has.
const MANY: usize = 250;
const VERY_MANY: usize = 2_000;
/// How long is counted, once it runs.
const COUNTED: Duration = Duration::from_secs(20);
/// One container writes one line in so long.
const EACH: Duration = Duration::from_secs(2);
/// Creations that an agent may make at once, and a second after that (design, "Throttling").
const BURST: usize = 5;

/// Writes a line to each container, evenly over the time.
fn write_for(containers: &mut [Container], time: Duration) {
    let began = Instant::now();
    let mut written = 0;
    while began.elapsed() < time {
        let due = began.elapsed().as_secs_f64() / EACH.as_secs_f64() * containers.len() as f64;
        while written < due as usize {
            let next = written % containers.len();
            containers[next].print_numbered(Stream::Stdout, "some quiet words");
            written += 1;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn per_second(requests: &[RequestSummary], from_us: u64) -> f64 {
    let count = requests.iter().filter(|r| r.began_us >= from_us).count();
    count as f64 / COUNTED.as_secs_f64()
}

fn run(count: usize, name: &str, stream: &str, exist: bool) {
    let mut node = Node::new();
    node.config.destinations = format!(
        "{{ main: {{ cloudwatch: {{ region: eu-central-1, endpoint: \"{}\", log_group: all, \
         log_stream: \"{stream}\", format: text }} }} }}",
        node.fake.url()
    );
    let start = |number: usize| node.kubelet.start("web", &format!("shop-{number}"), "app");
    let mut containers: Vec<Container> = (0..count).map(start).collect();
    if exist {
        (0..count).for_each(|n| node.fake.create_stream("all", &format!("shop-{n}")));
    }
    let mut agent = node.start();
    wait_for_words(&mut agent, "logsieve runs");
    write_for(&mut containers, EACH * 2);
    let from_us = node.fake.requests().last().map_or(0, |r| r.began_us);
    write_for(&mut containers, COUNTED);
    let puts = per_second(&node.fake.requests_for("PutLogEvents"), from_us);
    let streams = per_second(&node.fake.requests_for("CreateLogStream"), from_us);
    // Past the capture of the test's output: these are what the test is for.
    let figure = serde_json::json!({
        "figure": format!("rates/{count}-containers/{name}"),
        "put_log_events_per_second": puts,
        "create_log_stream_per_second": streams,
    });
    writeln!(std::io::stderr(), "{figure}").expect("stderr is open");
    assert!(streams <= 1.0 + BURST as f64 / COUNTED.as_secs_f64());
    if exist {
        let written: Vec<Written> = containers
            .iter()
            .flat_map(|c| c.written())
            .cloned()
            .collect();
        agent.wait_until("all arrive", |_| node.fake.event_count() >= written.len());
        let found = node.found(&agent, &written);
        node.assert_books(&mut agent, &found);
        assert!(agent.drain().success());
        assert_eq!(node.fake.event_count(), written.len());
    }
}

#[test]
#[ignore = "takes three minutes; `cargo xtask soak` prints its figures"]
fn quiet_containers_ask_this_often() {
    run(MANY, "stream-each", "{k8s.pod.name}", true);
    run(MANY, "stream-shared", "node", true);
    run(VERY_MANY, "stream-each-new", "{k8s.pod.name}", false);
    run(VERY_MANY, "stream-each", "{k8s.pod.name}", true);
    run(VERY_MANY, "stream-shared", "node", true);
}
