//! `cargo xtask bench [NAME-PREFIX]`: one JSON line a figure; see `tests/bench/`. Everything is built
//! first, so that nothing compiles while something is measured.

use anyhow::Result;

use crate::build::cargo;
use crate::run::{run, say};
use crate::wasm;

/// Builds release binaries and measures. Progress goes to standard error, so that the figures stand
/// alone on standard output.
pub fn bench(prefix: Option<&str>) -> Result<()> {
    say("1 of 3: filters and test guests (WebAssembly)");
    wasm::build_all()?;
    say("2 of 3: the agent, release build");
    run(cargo().args(["build", "--release", "--workspace", "--locked"]))?;
    say("3 of 3: figures");
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
