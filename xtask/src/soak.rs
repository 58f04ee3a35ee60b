//! `cargo xtask soak`: the tests that take minutes, at full length, one after the other, so that they
//! do not disturb each other. Each case prints a line that begins with `soak` and has its counts.

use anyhow::Result;

use crate::build::{cargo, workspace};
use crate::run::{run, say};
use crate::wasm;

/// How long the simulation runs fresh seeds, and each decoder is tried, seconds.
const SIMULATED: &str = "300";
const FUZZED: &str = "60";

/// Runs the long tests, one after the other.
pub fn soak() -> Result<()> {
    say("1 of 4: filters and test guests (WebAssembly)");
    wasm::build_all()?;
    say("2 of 4: the agent");
    workspace()?;
    say("3 of 4: simulation and fuzzing");
    let mut tests = cargo();
    tests.args(["test", "--workspace", "--locked"]);
    tests.args([
        "--test",
        "simulation",
        "--test",
        "fuzz",
        "--",
        "--nocapture",
        "--include-ignored",
    ]);
    tests
        .env("SIM_SECONDS", SIMULATED)
        .env("FUZZ_SECONDS", FUZZED);
    run(&mut tests)?;
    say("4 of 4: nodes with an agent");
    let mut tests = cargo();
    tests.args(["test", "--workspace", "--locked", "--test", "end_to_end"]);
    tests.args([
        "--",
        "--include-ignored",
        "--nocapture",
        "--test-threads",
        "1",
    ]);
    run(tests.env("LOGSIEVE_SOAK", "1"))
}
