//! CloudWatch is away, or lies, for a while in the middle of a run: nothing is lost, and a record
//! comes twice only if the answer to the request that brought it the first time was lost.
//!
//! Seconds here, the full length under `cargo xtask soak`. Records are written all the time, before,
//! during and after.

use std::io::Write;
use std::time::{Duration, Instant};

use support::agent::Agent;
use support::cloudwatch::{Credentials, Fault, Rule, StatusBody};
use support::credentials::CredentialsEndpoint;
use support::kubelet::{Container, Stream, Written};
use support::tally::Tally;

use crate::node::{Node, cloudwatch};

/// How often a test that ran at full length waits as long as others do once.
const PATIENCES: usize = 3;

fn is_soak() -> bool {
    std::env::var_os("LOGSIEVE_SOAK").is_some()
}

/// How long an outage lasts that takes so many seconds at full length.
fn length(seconds: u64) -> Duration {
    match is_soak() {
        true => Duration::from_secs(seconds),
        false => Duration::from_millis(seconds * 75),
    }
}

/// A node with three containers that write all the time.
struct Busy {
    node: Node,
    containers: Vec<Container>,
}

impl Busy {
    fn new() -> Self {
        let mut node = Node::new();
        let destination = cloudwatch(&node.fake.url(), "format: text, request_timeout: 1s");
        node.config.destinations = format!("{{ main: {destination} }}");
        node.config.more = "drain: 2s".to_owned();
        let start = |name: &str| node.kubelet.start("web", name, "app");
        let containers = ["shop-0", "shop-1", "shop-2"].map(start).into();
        Busy { node, containers }
    }

    fn write_for(&mut self, time: Duration) {
        let began = Instant::now();
        while began.elapsed() < time {
            for container in &mut self.containers {
                for _ in 0..20 {
                    container.print_numbered(Stream::Stdout, "x".repeat(200));
                }
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Writes half a second before, all the time during, and half a second after these bad days.
    fn write_through(&mut self, rules: Vec<Rule>, outage: Duration) {
        let around = Duration::from_millis(500);
        self.write_for(around);
        let lasting = |rule: Rule| rule.lasting(outage);
        self.node
            .fake
            .set_script(rules.into_iter().map(lasting).collect());
        self.write_for(outage);
        self.write_for(around);
    }

    fn written(&self) -> Vec<Written> {
        let all = self.containers.iter().flat_map(|c| c.written());
        all.cloned().collect()
    }

    /// Waits until all is there, and stops the agent.
    fn finish(&self, agent: &mut Agent) {
        let written = self.written();
        for _ in 1..PATIENCES {
            // After an outage at full length, the back-off alone may be a minute.
            if agent.holds_in_time(|_| self.node.fake.event_count() >= written.len()) {
                break;
            }
        }
        self.node.drain_after(agent, &written);
    }

    /// What was written against what came; said aloud at full length.
    fn tally(&self) -> Tally {
        let written = self.written();
        let tally = self.node.tally(&written);
        if is_soak() {
            let test = std::thread::current();
            let figure = serde_json::json!({
                "figure": test.name(),
                "written": written.len(),
                "lost": tally.losses(),
                "repeated": tally.repeats(),
                "repeated_unexcused": self.node.fake.unexcused_repeats().len(),
            });
            // Past the capture of the test's output.
            writeln!(std::io::stderr(), "{figure}").expect("stderr is open");
        }
        tally
    }

    fn assert_repeats_are_excused(&self) {
        let repeats = self.node.fake.unexcused_repeats();
        assert!(
            repeats.is_empty(),
            "{} repeats, such as {:?}",
            repeats.len(),
            repeats[0]
        );
    }
}

fn on_puts(fault: Fault) -> Rule {
    Rule::always(fault).on("PutLogEvents")
}

/// Runs through an outage in which nothing is stored: every record comes once.
fn comes_once_through(rules: Vec<Rule>, outage: Duration) {
    let mut busy = Busy::new();
    let mut agent = busy.node.start();
    busy.write_through(rules, outage);
    busy.finish(&mut agent);
    busy.tally().assert_exactly_once();
}

#[test]
fn a_throttled_account_loses_and_repeats_nothing() {
    comes_once_through(vec![Rule::always(Fault::Throttle)], length(40));
}

#[test]
fn an_account_with_a_small_quota_loses_and_repeats_nothing() {
    let quota = Fault::Quota {
        requests_per_1000_seconds: 2_000,
        burst: 2,
    };
    comes_once_through(vec![on_puts(quota)], length(40));
}

#[test]
fn a_broken_service_loses_and_repeats_nothing() {
    let status = |status, body| Rule::always(Fault::Status { status, body }).every(2);
    let rules = vec![status(500, StatusBody::Xml), status(503, StatusBody::Empty)];
    comes_once_through(rules, length(40));
}

#[test]
fn a_hanging_service_loses_and_repeats_nothing() {
    comes_once_through(vec![on_puts(Fault::Hang)], length(40));
}

/// Every second answer is lost, in one way or another.
#[test]
fn lost_answers_repeat_their_requests_and_nothing_else() {
    let mut busy = Busy::new();
    let mut agent = busy.node.start();
    let lost = |fault| on_puts(fault).every(4);
    let rules = vec![
        lost(Fault::StoreThenDrop),
        lost(Fault::ResetAnswer).after(2),
        lost(Fault::StoreThenHang).after(3),
    ];
    busy.write_through(rules, length(10));
    busy.finish(&mut agent);
    busy.tally().assert_at_least_once();
    busy.assert_repeats_are_excused();
}

/// The service takes what is behind a request that it does not take, and then the agent stops: the
/// next one sends that request, and nothing of what was taken, though batches lie in two requests.
#[test]
fn what_was_taken_behind_what_was_not_comes_once_over_a_stop() {
    let mut busy = Busy::new();
    let [shop, ..] = &mut busy.containers[..] else {
        panic!("three containers");
    };
    shop.print_numbered(Stream::Stdout, "the first");
    let away = Fault::Status {
        status: 503,
        body: StatusBody::Empty,
    };
    busy.node
        .fake
        .set_script(vec![on_puts(away).containing("the first")]);
    let mut agent = busy.node.start();
    agent.wait_until("it is refused", |_| {
        !busy.node.fake.requests_for("PutLogEvents").is_empty()
    });
    // Behind a request that is on its way only full ones go.
    let text = "x".repeat(4_000);
    for _ in 0..800 {
        shop.print_numbered(Stream::Stdout, &text);
    }
    agent.wait_until("later ones are taken", |_| {
        busy.node.fake.event_count() >= 200
    });
    agent.drain();
    busy.node.fake.set_script(Vec::new());
    let mut agent = busy.node.start();
    busy.finish(&mut agent);
    busy.tally().assert_exactly_once();
}

/// The agent is stopped while the service is away, and started again when it is back.
#[test]
fn a_backlog_survives_sigterm_and_comes_once() {
    let mut busy = Busy::new();
    let mut agent = busy.node.start();
    busy.write_through(vec![on_puts(Fault::Hang)], length(6));
    busy.node.fake.set_script(vec![on_puts(Fault::Throttle)]);
    busy.write_for(Duration::from_millis(200));
    agent.drain();
    busy.node.fake.set_script(Vec::new());
    busy.write_for(Duration::from_millis(200));
    let mut agent = busy.node.start();
    busy.finish(&mut agent);
    busy.tally().assert_exactly_once();
}

#[test]
fn a_backlog_survives_sigkill() {
    let mut busy = Busy::new();
    let mut agent = busy.node.start();
    busy.write_for(Duration::from_millis(500));
    busy.node.fake.set_script(vec![on_puts(Fault::Throttle)]);
    busy.write_for(length(6));
    agent.kill();
    busy.node.fake.set_script(Vec::new());
    busy.write_for(Duration::from_millis(200));
    let mut agent = busy.node.start();
    busy.finish(&mut agent);
    busy.tally().assert_at_least_once();
}

fn session(name: &str) -> Credentials {
    let mut credentials = Credentials::new(&format!("AKIA{name}"), &format!("secret of {name}"));
    credentials.session_token = Some(format!("token of {name}"));
    credentials
}

fn expired(name: &str) -> Credentials {
    Credentials {
        expired: true,
        ..session(name)
    }
}

/// Once in good order, and once long before the time that they were said to be valid for.
#[test]
fn credentials_that_expire_in_the_middle_of_a_run_lose_and_repeat_nothing() {
    for valid_for in [Duration::from_secs(1), Duration::from_secs(3600)] {
        let mut busy = Busy::new();
        let endpoint = CredentialsEndpoint::start(session("ONE"), valid_for);
        busy.node.fake.set_credentials(vec![session("ONE")]);
        let home = busy.node.path().to_str().unwrap().to_owned();
        let url = endpoint.url();
        let variables = [
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str()),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("HOME", home.as_str()),
        ];
        let mut agent = busy.node.start_with(&variables);
        busy.write_for(Duration::from_millis(500));
        // For a moment there is nothing else to be had.
        busy.node
            .fake
            .set_credentials(vec![expired("ONE"), session("TWO")]);
        busy.write_for(Duration::from_millis(300));
        endpoint.set(session("TWO"), Duration::from_secs(3600));
        busy.write_for(Duration::from_millis(500));
        busy.finish(&mut agent);
        busy.tally().assert_exactly_once();
        assert!(endpoint.fetched() >= 2);
    }
}
