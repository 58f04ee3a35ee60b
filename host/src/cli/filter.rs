//! `logsieve filter`: an author's tools, on the agent's own engine and limits, so that what passes
//! here passes in the agent. They need no cluster and no configuration.

mod test;

use std::process::ExitCode;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a filter on its examples: records in, records out.
    Test(test::Args),
}

pub fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Test(args) => test::run(&args),
    }
}
