//! Builds the agent and everything that tests, demo and benchmarks run, always in one selection, so
//! that they share their compiled dependencies.

use std::process::Command;

use anyhow::Result;

use crate::run::{root, run};

/// The cargo that runs this, in the workspace's folder.
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    cargo
}

/// Builds all binaries of the workspace. Always all of them: with another selection cargo would
/// choose other features, and compile the dependencies once more.
pub fn workspace() -> Result<()> {
    run(cargo().args(["build", "--workspace", "--locked"]))
}
