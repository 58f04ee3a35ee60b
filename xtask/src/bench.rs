//! `cargo xtask bench [NAME-PREFIX]`: one JSON line a figure; see `tests/bench/`. Everything is built
//! first, so that nothing compiles while something is measured.

use anyhow::Result;

use crate::build::cargo;
use crate::run::{root, run, say};
use crate::{guests, journal, wasm};

/// Builds release binaries and measures. Progress goes to standard error, so that the figures stand
/// alone on standard output.
pub fn bench(prefix: Option<&str>) -> Result<()> {
    say("1 of 4: filters and test guests (WebAssembly)");
    wasm::build_all()?;
    say("2 of 4: the agent, release build");
    run(cargo().args(["build", "--release", "--workspace", "--locked"]))?;
    say("3 of 4: a first filter in every language");
    let logsieve = root().join("target/release/logsieve");
    guests::install()?.build(&logsieve, guests::Which::First)?;
    journal::install()?;
    say("4 of 4: figures");
    let mut bench = cargo();
    bench.args([
        "bench",
        "--workspace",
        "--locked",
        "--bench",
        "figures",
        "--",
    ]);
    run(bench.args(prefix))
}
