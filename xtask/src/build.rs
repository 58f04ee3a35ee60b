//! Builds the agent and everything that tests, demo and benchmarks run, always in one selection, so
//! that they share their compiled dependencies.

use std::process::Command;

use anyhow::Result;

use crate::run::{root, run};

/// The cargo that runs this, in the workspace's folder. It hears nothing of xtask's own package: ring's
/// build script looks at these variables, and all above it would compile anew whenever cargo is run
/// by hand and through xtask in turn.
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    cargo
}

/// Builds all binaries of the workspace. Always all of them: with another selection cargo would
/// choose other features, and compile the dependencies once more.
pub fn workspace() -> Result<()> {
    run(cargo().args(["build", "--workspace", "--locked"]))
}
