//! `cargo xtask test`: every test, on real parts. What they need is built or installed first, so it can
//! be the first thing that is run on a fresh machine.

use anyhow::Result;

use crate::build::{cargo, workspace};
use crate::run::{root, run, say};
use crate::{guests, journal, moto, wasm};

/// Builds what tests need, and runs them all.
pub fn test() -> Result<()> {
    say("1 of 6: filters and test guests (WebAssembly)");
    wasm::build_all()?;
    say("2 of 6: the agent");
    workspace()?;
    say("3 of 6: moto, a CloudWatch that is not ours");
    moto::install()?;
    say("4 of 6: systemd's tools for journals");
    journal::install()?;
    say("5 of 6: filters in every language of `guest-sdk`");
    let tools = guests::install()?;
    let logsieve = root().join("target/debug/logsieve");
    tools.build(&logsieve, guests::Which::Example)?;
    say("6 of 6: tests");
    let mut tests = cargo();
    // One run tells all that fails.
    tests.args(["test", "--workspace", "--locked", "--no-fail-fast"]);
    tools.tell(&mut tests);
    run(&mut tests)
}
