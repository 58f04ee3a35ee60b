//! The runner of the agent, tried on shell scripts that stand in for it.
//!
//! So that a test of the agent that fails, fails because of the agent.

use std::path::Path;

use support::agent::{Agent, finish_program};

/// A shell, which needs no file of its own: a file just written cannot be run while another test's
/// child, forked meanwhile, still has it open for writing ("text file busy").
const SHELL: &str = "/bin/sh";

/// Starts this shell script in the place of the agent.
fn spawn_script(text: &str, argument: &str, variables: &[(&str, &str)]) -> Agent {
    Agent::spawn_program(
        Path::new(SHELL),
        ["-c", text, "script", argument],
        variables,
    )
}

#[test]
fn output_and_exit_code_are_captured() {
    let text = "echo to stdout $1; echo to stderr $VARIABLE >&2; exit 3";
    let mut agent = spawn_script(text, "argument", &[("VARIABLE", "value")]);
    assert_eq!(agent.wait_for_exit().code(), Some(3));
    assert_eq!(agent.stdout(), "to stdout argument\n");
    assert_eq!(agent.stderr(), "to stderr value\n");
}

#[test]
fn a_command_is_run_to_its_end() {
    let finished = finish_program(Path::new(SHELL), ["-c", "echo checked"]);
    assert!(finished.status.success() && finished.stdout == "checked\n");
}

#[test]
fn sigterm_is_a_request_and_sigkill_is_not() {
    let waits = "trap 'echo draining; exit 0' TERM; echo up; while :; do sleep 0.01; done";
    let start = || {
        let mut agent = spawn_script(waits, "run", &[]);
        agent.wait_until("it is up", |agent| agent.stdout().contains("up"));
        agent
    };
    let mut agent = start();
    assert!(agent.drain().success());
    assert_eq!(agent.stdout(), "up\ndraining\n");
    let mut agent = start();
    agent.kill();
    assert_eq!(agent.stdout(), "up\n");
}

#[test]
fn a_wait_fails_with_what_the_agent_said_when_the_agent_ends() {
    let waiting = std::panic::catch_unwind(|| {
        let mut agent = spawn_script("echo no such folder >&2; exit 1", "run", &[]);
        agent.wait_until("something arrives", |_| false);
    });
    let message = waiting.unwrap_err().downcast::<String>().unwrap();
    assert!(
        message.contains("until something arrives; the agent has ended"),
        "{message}"
    );
    assert!(message.contains("no such folder"), "{message}");
}

#[test]
fn a_dropped_agent_is_dead() {
    let mut agent = spawn_script("echo up; exec sleep 1000", "run", &[]);
    agent.wait_until("it is up", |agent| agent.stdout().contains("up"));
    let process = rustix::process::Pid::from_raw(agent.process_id() as i32).unwrap();
    drop(agent);
    assert!(rustix::process::test_kill_process(process).is_err());
}
