//! `logsieve run`: the agent. Nothing is decided here: the configuration is read and checked, the log
//! is started, and `agent` does the rest.

use std::path::Path;
use std::process::ExitCode;

use crate::config::Config;
use crate::{agent, telemetry};

pub fn run(path: &Path) -> anyhow::Result<ExitCode> {
    let config = Config::load(path)?;
    let resolved = config.resolve()?;
    telemetry::logs::start(config.telemetry.log);
    agent::run(&config, &resolved)?;
    Ok(ExitCode::SUCCESS)
}
