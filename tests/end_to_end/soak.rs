//! Long runs: a busy node, a service with bad days, an agent that is killed, all at once.
//!
//! Seconds here, minutes under `cargo xtask soak`. What happens is decided by a seed, which a
//! failure prints; the order in which threads meet it is not.

use std::time::{Duration, Instant};

use fastrand::Rng;
use support::cloudwatch::{Fault, Rule, StatusBody};
use support::kubelet::{Driver, Mix};

use crate::node::{Node, cloudwatch};

/// How long a run takes.
fn length() -> Duration {
    if is_soak() {
        Duration::from_secs(600)
    } else {
        Duration::from_secs(8)
    }
}

fn is_soak() -> bool {
    std::env::var_os("LOGSIEVE_SOAK").is_some()
}

/// What happens on the node. Each new pod needs a log stream, and an agent makes one a second at most,
/// half as many when it is throttled: four a second for ten minutes would take an hour to drain. So at
/// full length everything but new pods happens ten times as often as they do.
fn mix() -> Mix {
    let mix = Mix::default();
    let times = if is_soak() { 10 } else { 1 };
    Mix {
        print: mix.print * times,
        print_long: mix.print_long * times,
        print_bytes: mix.print_bytes * times,
        rotate: mix.rotate * times,
        restart: mix.restart * times,
        replace: mix.replace,
    }
}

/// The seed of a run: `SOAK_SEED`, or one of the test's own.
fn seed(default: u64) -> u64 {
    let seed = std::env::var("SOAK_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or(default);
    eprintln!("rerun: SOAK_SEED={seed}");
    seed
}

/// A node whose agent does not wait long for an answer.
fn node() -> Node {
    let mut node = Node::new();
    let destination = cloudwatch(&node.fake.url(), "format: text, request_timeout: 1s");
    node.config.destinations = format!("{{ main: {destination} }}");
    node
}

/// A bad day of at most so many seconds.
fn bad_day(rng: &mut Rng, seconds: f64) -> Vec<Rule> {
    let status = [500, 503][rng.usize(..2)];
    let body = [StatusBody::Empty, StatusBody::Json, StatusBody::Xml][rng.usize(..3)];
    let faults = [
        Fault::Throttle,
        Fault::Status { status, body },
        Fault::Hang,
        Fault::Drop,
        Fault::ResetRequest,
        Fault::StoreThenDrop,
        Fault::ResetAnswer,
        Fault::Slow { milliseconds: 200 },
        Fault::WrongContentType,
    ];
    let fault = faults[rng.usize(..faults.len())].clone();
    let rule = Rule::always(fault).every(rng.u64(1..4));
    vec![rule.lasting(Duration::from_secs_f64(seconds * rng.f64()))]
}

/// Pods come, go, rotate and restart while the service has one bad day after the other.
#[test]
fn bad_days_on_a_busy_node_lose_nothing() {
    let node = node();
    let mut rng = Rng::with_seed(seed(31));
    let mut driver = Driver::new(&node.kubelet, rng.u64(..), 8, mix());
    let mut agent = node.start();
    let began = Instant::now();
    let mut next = Duration::from_secs(1);
    while began.elapsed() < length() {
        (0..20).for_each(|_| driver.step());
        std::thread::sleep(Duration::from_millis(20));
        if began.elapsed() > next {
            next += Duration::from_secs(3);
            node.fake.set_script(bad_day(&mut rng, 2.0));
        }
    }
    node.fake.set_script(Vec::new());
    driver.finish();
    let written = driver.written();
    node.drain_after(&mut agent, &written);
    node.tally(&written).assert_at_least_once();
}

/// The agent is killed at moments that the seed chooses, during bad days too.
#[test]
fn kills_during_bad_days_lose_nothing() {
    let node = node();
    let mut rng = Rng::with_seed(seed(32));
    // Files go only when all in them is delivered: what is unlinked while nobody looks is lost to
    // every agent.
    let mix = Mix {
        rotate: 0,
        restart: 0,
        replace: 0,
        ..Mix::default()
    };
    let mut driver = Driver::new(&node.kubelet, rng.u64(..), 8, mix);
    let began = Instant::now();
    while began.elapsed() < length() {
        let mut agent = node.start();
        if rng.bool() {
            node.fake.set_script(Vec::new());
            node.wait_for(&mut agent, &driver.written());
            driver.rotate_all();
        }
        node.fake.set_script(bad_day(&mut rng, 1.0));
        for _ in 0..rng.usize(1..40) {
            (0..20).for_each(|_| driver.step());
            std::thread::sleep(Duration::from_millis(20));
        }
        agent.kill();
    }
    node.fake.set_script(Vec::new());
    let mut agent = node.start();
    let written = driver.written();
    node.drain_after(&mut agent, &written);
    node.tally(&written).assert_at_least_once();
}
