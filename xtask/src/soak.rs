//! `cargo xtask soak`: the tests that take minutes, at full length, one after the other, so that they
//! do not disturb each other.

use anyhow::Result;

use crate::build::{cargo, workspace};
use crate::run::{run, say};
use crate::wasm;

/// Runs every test that is ignored otherwise, one after the other.
pub fn soak() -> Result<()> {
    say("1 of 3: filters and test guests (WebAssembly)");
    wasm::build_all()?;
    say("2 of 3: the agent");
    workspace()?;
    say("3 of 3: long tests");
    let mut tests = cargo();
    tests.args(["test", "--workspace", "--locked", "--test", "end_to_end"]);
    tests.args(["--", "--include-ignored", "--test-threads", "1"]);
    run(tests.env("LOGSIEVE_SOAK", "1"))
}
