//! What commands print, where nobody reads it to its end: `logsieve filter build | head -1`.
//! The pipe is closed before the command starts, so that no write can be in time.

use std::fs;
use std::process::Command;

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
