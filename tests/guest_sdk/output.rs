//! What commands print: to a terminal; where nobody reads it to its end (`logsieve filter build | head -1`), or where
//! it cannot be written. The pipe is closed before the command starts, so that no write can be in time.

use std::fs;
use std::process::{Command, Stdio};

use crate::kit::{module, text};

#[test]
fn a_command_whose_output_nobody_reads_does_its_work_to_the_end() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(module("guests/noop"), folder.path().join("made.wasm")).unwrap();
    let examples = "examples:\n  - { name: a, in: [x], out: [x] }\n";
    fs::write(folder.path().join("examples.yaml"), examples).unwrap();
    for command in [
        "new --lang c mine",
        "build made.wasm --out noop.wasm --compress gz",
        "inspect noop.wasm",
        "test noop.wasm",
        "bench noop.wasm --json",
        "run noop.wasm --input examples.yaml",
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut logsieve = Command::new(support::agent::binary());
        logsieve.current_dir(folder.path()).arg("filter");
        logsieve.args(command.split(' ')).stdout(writer);
        let output = logsieve.output().unwrap();
        let error = text(&output.stderr);
        assert!(output.status.success(), "`{command}`: {error}");
        assert!(!error.contains("error"), "`{command}`: {error}");
    }
    assert!(folder.path().join("noop.wasm.gz").is_file());
}

/// It ended with Rust's code for a panic, 101: what was to be said of an error was one more.
#[test]
fn a_command_whose_errors_nobody_reads_ends_with_its_own_code() {
    let folder = tempfile::tempdir().unwrap();
    let log = "x\n".repeat(1000);
    fs::write(folder.path().join("input.log"), log).unwrap();
    let guest = |name: &str| module(&format!("guests/{name}")).display().to_string();
    for (command, code) in [
        (
            format!("run {} --input input.log --progress", guest("noop")),
            0,
        ),
        // It writes to the agent's log.
        (format!("run {} --input input.log", guest("floods_log")), 0),
        (
            format!("run {} --input input.log", guest("cannot_judge")),
            1,
        ),
        ("build no_such_folder".into(), 1),
        ("new".into(), 2),
    ] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let (reader, closed) = std::io::pipe().unwrap();
        drop(reader);
        for stderr in [Stdio::from(full), Stdio::from(closed)] {
            let mut logsieve = Command::new(support::agent::binary());
            logsieve.current_dir(folder.path()).arg("filter");
            logsieve.args(command.split(' ')).stderr(stderr);
            let output = logsieve.output().unwrap();
            assert_eq!(output.status.code(), Some(code), "`{command}`");
        }
    }
}

/// Progress was written over the records on the same terminal.
#[test]
fn a_terminal_shows_records_in_colour_and_progress_where_they_go_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("input.log"), "drop\nreplace b\n").unwrap();
    let small = fs::read(module("guests/every_change")).unwrap();
    let large = support::modules::grown(&small, 1_200_000);
    fs::write(folder.path().join("small.wasm"), small).unwrap();
    fs::write(folder.path().join("large.wasm"), large).unwrap();
    let on_terminal = |guest: &str, rest: &str| {
        let binary = support::agent::binary();
        let binary = binary.display();
        let command = format!("{binary} filter run {guest} --input input.log {rest}");
        let mut script = Command::new("script");
        script.args(["-qec", &command, "/dev/null"]);
        let output = script.current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stdout));
        text(&output.stdout)
    };
    let shown = on_terminal("small.wasm", "");
    assert!(shown.contains("\x1b[31m- drop\x1b[0m"), "{shown:?}");
    assert!(!shown.contains(" MB/s"), "{shown:?}");
    assert!(!shown.contains("compiles `"), "{shown:?}");
    let shown = on_terminal("large.wasm", "> out.json");
    assert!(shown.contains(" MB/s"), "{shown:?}");
    assert!(shown.contains("compiles `large.wasm`, 1 MB"), "{shown:?}");
    let records = fs::read_to_string(folder.path().join("out.json")).unwrap();
    assert!(records.starts_with("{\"fate\":\"dropped\""), "{records}");
}
