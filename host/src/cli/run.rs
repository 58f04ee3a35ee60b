//! `logsieve run`: the agent. Nothing is decided here: the configuration is read and checked, the log
//! is started, and `agent` does the rest.

use std::path::Path;
use std::process::ExitCode;

use crate::config::{self, Config};
use crate::{agent, telemetry};

pub fn run(path: &Path) -> anyhow::Result<ExitCode> {
    let text = config::text(path)?;
    let (config, resolved) = Config::read_whole(path, &text)?;
    telemetry::logs::start(config.telemetry.log);
    agent::run(path, &text, &config, &resolved)?;
    Ok(ExitCode::SUCCESS)
}
