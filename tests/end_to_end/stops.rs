//! Stops and kills while the container prints, with and without a backlog, and with a disk that takes
//! no checkpoint. A stop loses and repeats nothing; a kill loses nothing.

use std::os::unix::fs::symlink;
use std::time::Duration;

use fastrand::Rng;
use support::agent::Agent;
use support::cloudwatch::{Fault, Rule};

use crate::flow::{Flow, KIB, MIB, long_or};
use crate::node::wait_for_words;

/// How long the service has taken nothing when the agent is stopped.
fn backlog() -> Duration {
    Duration::from_secs(long_or(2, 6))
}

/// An agent behind which records have piled up: the service refuses, and goes on to for `rest`.
fn with_backlog(flow: &mut Flow, rest: Duration) -> Agent {
    let mut agent = flow.node.start();
    flow.pour(MIB, Duration::from_secs(1), |_, _| {});
    flow.wait(&mut agent);
    let refuses = Rule::always(Fault::Throttle).on("PutLogEvents");
    let refuses = refuses.lasting(backlog() + rest);
    flow.node.fake.set_script(vec![refuses]);
    flow.pour(MIB, backlog(), |_, _| {});
    agent
}

#[test]
fn a_stop_with_a_backlog_loses_and_repeats_nothing() {
    let mut flow = Flow::new();
    let mut agent = with_backlog(&mut flow, Duration::from_secs(1));
    assert!(agent.drain().success(), "{}", agent.stderr());
    flow.pour(MIB, Duration::from_secs(1), |_, _| {});
    let mut agent = flow.node.start();
    let count = flow.ends_whole("SIGTERM with a backlog of 6 s", &mut agent);
    assert_eq!(count.repeated, 0, "{count}");
}

/// The first one waits for the service, which does not answer, and would for an hour.
#[test]
fn a_second_signal_ends_the_agent_at_once_and_nothing_is_lost() {
    let mut flow = Flow::new();
    flow.node.config.more = "drain: 1h".to_owned();
    let mut agent = flow.node.start();
    wait_for_words(&mut agent, "logsieve runs");
    let hang = Rule::always(Fault::Hang).on("PutLogEvents");
    flow.node.fake.set_script(vec![hang]);
    flow.app.pour(200 * KIB);
    agent.wait_until("a request hangs", |_| {
        let puts = flow.node.fake.requests_for("PutLogEvents");
        puts.iter().any(|put| put.fault.is_some())
    });
    agent.terminate();
    wait_for_words(&mut agent, "stopping");
    agent.terminate();
    let status = agent.wait_for_exit();
    assert!(status.success(), "{status}: {}", agent.stderr());
    assert!(agent.stderr().contains("is read again at the next start"));
    flow.node.fake.set_script(Vec::new());
    let mut agent = flow.node.start();
    let count = flow.ends_whole("a second SIGTERM", &mut agent);
    assert_eq!(count.repeated, 0, "{count}");
}

#[test]
fn a_stop_without_a_backlog_loses_and_repeats_nothing() {
    let mut flow = Flow::new();
    let mut agent = flow.node.start();
    wait_for_words(&mut agent, "logsieve runs");
    for _ in 0..long_or(2, 10) {
        flow.pour(MIB, Duration::from_secs(1), |_, _| {});
        assert!(agent.drain().success(), "{}", agent.stderr());
        agent = flow.node.start();
        wait_for_words(&mut agent, "logsieve runs");
    }
    let count = flow.ends_whole("SIGTERM without a backlog", &mut agent);
    assert_eq!(count.repeated, 0, "{count}");
}

#[test]
fn a_kill_with_a_backlog_loses_nothing() {
    let mut flow = Flow::new();
    let mut agent = with_backlog(&mut flow, Duration::ZERO);
    agent.kill();
    flow.pour(MIB, Duration::from_secs(1), |_, _| {});
    let mut agent = flow.node.start();
    flow.ends_whole("SIGKILL with a backlog of 6 s", &mut agent);
}

#[test]
fn kills_in_a_loop_lose_nothing() {
    let mut flow = Flow::new();
    let mut rng = Rng::with_seed(50);
    let mut agent = flow.node.start();
    for round in 0..long_or(5, 50) {
        let length = Duration::from_millis(rng.u64(100..1200));
        flow.pour(2 * MIB, length, |_, _| {});
        agent.kill();
        if round % 3 == 2 {
            flow.app.rotate();
        }
        agent = flow.node.start();
    }
    flow.ends_whole("SIGKILL without a backlog, in a loop", &mut agent);
}

/// The disk takes no checkpoint: the agent says so and goes on; a kill then repeats more, and loses
/// nothing. `/dev/full` under the name that the store writes first is such a disk.
#[test]
fn a_disk_that_takes_no_checkpoint_loses_nothing() {
    let mut flow = Flow::new();
    let mut agent = flow.node.start();
    flow.app.pour(200 * KIB);
    flow.wait(&mut agent);
    wait_for_words(&mut agent, "logsieve runs");
    assert!(agent.drain().success(), "{}", agent.stderr());
    let fresh = flow.node.state().join("checkpoint.jsonl.new");
    symlink("/dev/full", &fresh).expect("a link of our own");
    let mut agent = flow.node.start();
    wait_for_words(&mut agent, "checkpoint cannot be written");
    flow.pour(MIB, Duration::from_secs(long_or(1, 10)), |_, _| {});
    flow.wait(&mut agent);
    agent.kill();
    let before = flow.count();
    assert_eq!(before.repeated, 0, "{before}");
    let mut agent = flow.node.start();
    flow.pour(MIB, Duration::from_secs(1), |_, _| {});
    flow.wait(&mut agent);
    // There is room again.
    std::fs::remove_file(&fresh).expect("our link");
    flow.ends_whole("disk full for the checkpoint, SIGKILL", &mut agent);
    let came = flow.node.fake.event_count();
    let mut agent = flow.node.start();
    wait_for_words(&mut agent, "logsieve runs");
    assert!(agent.drain().success(), "{}", agent.stderr());
    assert_eq!(
        flow.node.fake.event_count(),
        came,
        "the last checkpoint was not saved"
    );
}
