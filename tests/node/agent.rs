//! The runner of the agent, tried on shell scripts that stand in for it.
//!
//! So that a test of the agent that fails, fails because of the agent.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use support::agent::{Agent, finish_program};
use tempfile::{TempDir, tempdir};

/// A shell script that stands in for the agent, and the folder that it lies in.
fn script(text: &str) -> (PathBuf, TempDir) {
    let folder = tempdir().unwrap();
    let path = folder.path().join("logsieve");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    (path, folder)
}

#[test]
fn output_and_exit_code_are_captured() {
    let (path, _folder) = script("echo to stdout $1; echo to stderr $VARIABLE >&2; exit 3");
    let mut agent = Agent::spawn_program(&path, ["argument"], &[("VARIABLE", "value")]);
    assert_eq!(agent.wait_for_exit().code(), Some(3));
    assert_eq!(agent.stdout(), "to stdout argument\n");
    assert_eq!(agent.stderr(), "to stderr value\n");
}

#[test]
fn a_command_is_run_to_its_end() {
    let (path, _folder) = script("echo checked");
    let finished = finish_program(&path, ["check"]);
    assert!(finished.status.success() && finished.stdout == "checked\n");
}

#[test]
fn sigterm_is_a_request_and_sigkill_is_not() {
    let waits = "trap 'echo draining; exit 0' TERM; echo up; while :; do sleep 0.01; done";
    let (path, _folder) = script(waits);
    let start = || {
        let mut agent = Agent::spawn_program(&path, ["run"], &[]);
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
    let (path, _folder) = script("echo no such folder >&2; exit 1");
    let waiting = std::panic::catch_unwind(|| {
        let mut agent = Agent::spawn_program(&path, ["run"], &[]);
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
    let (path, _folder) = script("echo up; exec sleep 1000");
    let mut agent = Agent::spawn_program(&path, ["run"], &[]);
    agent.wait_until("it is up", |agent| agent.stdout().contains("up"));
    let process = rustix::process::Pid::from_raw(agent.process_id() as i32).unwrap();
    drop(agent);
    assert!(rustix::process::test_kill_process(process).is_err());
}
