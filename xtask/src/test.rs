//! `cargo xtask test`: every test, on real parts. What they need is built or installed first, so it can
//! be the first thing that is run on a fresh machine.

use anyhow::Result;

use crate::build::{cargo, workspace};
use crate::run::{run, say};
use crate::{moto, wasm};

/// Builds what tests need, and runs them all.
pub fn test() -> Result<()> {
    say("1 of 4: filters and test guests (WebAssembly)");
    wasm::build_all()?;
    say("2 of 4: the agent");
    workspace()?;
    say("3 of 4: moto, a CloudWatch that is not ours");
    moto::install()?;
    say("4 of 4: tests");
    run(cargo().args(["test", "--workspace", "--locked"]))
}
