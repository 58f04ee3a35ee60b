//! `logsieve filter`: an author's tools, on the agent's own engine and limits, so that what passes
//! here passes in the agent. They need no cluster and no configuration.

mod push;
mod test;

use std::process::ExitCode;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a filter on its examples: records in, records out.
    Test(test::Args),
    /// Put a module into its team's ConfigMap, and wait until every node runs it.
    Push(push::Args),
}

pub fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Test(args) => test::run(&args),
        Command::Push(args) => push::run(&args),
    }
}
