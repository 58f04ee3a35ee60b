//! `logsieve filter`: an author's tools, on the agent's own engine and limits, so that what passes
//! here passes in the agent. They need no cluster and no configuration.

mod bed;
mod bench;
mod build;
mod diff;
mod inspect;
mod new;
mod place;
mod push;
mod run;
mod test;

use std::process::ExitCode;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Begin a filter: a folder that builds, with examples and a kit for its language.
    New(new::Args),
    /// Make a finished module of a filter's folder, or of what a compiler left.
    Build(build::Args),
    /// Show records to a filter, and what it makes of them.
    Run(run::Args),
    /// Run a filter on its examples: records in, records out.
    Test(test::Args),
    /// Measure what a filter costs.
    Bench(bench::Args),
    /// Show what a module is, what it asks for, and whether the agent takes it.
    Inspect(inspect::Args),
    /// Put a module into its team's ConfigMap, and wait until every node runs it.
    Push(push::Args),
}

pub fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::New(args) => new::run(&args),
        Command::Build(args) => build::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Push(args) => push::run(&args),
    }
}
