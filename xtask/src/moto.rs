//! Installs moto, the CloudWatch stand-in that is not ours, into a folder of its own below `target`.
//!
//! Versions are pinned, so that a test that fails has one reason less. Without Python or its package
//! index there is nothing to install; the error says what is missing.

use std::process::Command;

use anyhow::{Context, Result};

use crate::run::{root, run, say};

const PACKAGES: [&str; 2] = ["moto[server]==5.2.5", "boto3==1.44.5"];

/// Makes `target/moto` a virtual environment with moto and boto3, if it is not yet.
pub fn install() -> Result<()> {
    let folder = root().join("target/moto");
    let done = folder.join("installed");
    let wanted = PACKAGES.join("\n");
    if std::fs::read_to_string(&done).is_ok_and(|have| have == wanted) {
        say("moto is installed");
        return Ok(());
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&folder))
        .context("moto needs Python 3 with `venv` (Debian: python3-venv)")?;
    run(Command::new(folder.join("bin/pip"))
        .args(["install", "--quiet"])
        .args(PACKAGES))?;
    std::fs::write(&done, wanted).with_context(|| format!("`{}`", done.display()))
}
