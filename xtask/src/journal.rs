//! Installs systemd's own tools for journals: what writes them from text, and what says what stands in
//! them. Tests hold the agent's reader against both.

use std::path::Path;

use anyhow::{Context, Result};

use crate::run::say;
use crate::setup::install_packages;

/// `systemd` has `journalctl`; `xz-utils` compresses as older systemds did.
const PACKAGES: [&str; 3] = ["systemd", "systemd-journal-remote", "xz-utils"];
const PROGRAMS: [&str; 3] = [
    "/usr/bin/journalctl",
    "/usr/lib/systemd/systemd-journal-remote",
    "/usr/bin/xz",
];

/// Installs what is missing.
pub fn install() -> Result<()> {
    if PROGRAMS.iter().all(|program| Path::new(program).exists()) {
        say("systemd's tools for journals are installed");
        return Ok(());
    }
    install_packages(&PACKAGES).context("tests of the journal need systemd's own tools")
}
