//! The commands, a file each, and how errors are shown to a person: place, cause, and the way out
//! where one is known.

// First, so that what follows has its macros.
#[macro_use]
mod print;

mod check;
mod compile_module;
mod filter;
mod migrate;
mod run;
mod status;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Follows a Kubernetes node's logs, runs every record through WebAssembly filters, and forwards
/// what is left.
#[derive(Debug, Parser)]
#[command(name = "logsieve", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the agent until SIGTERM or SIGINT, then deliver what was read and stop.
    Run(Configured),
    /// Load the configuration and every module, and say what would happen or what is wrong.
    Check(Configured),
    /// Show what a running agent has: containers and how far behind they are, filters, what is lost.
    Status(status::Command),
    /// Turn a Fluent Bit configuration into logsieve's, and say what could not be carried over.
    Migrate(migrate::Migrate),
    /// Write, build, test and measure filters, without a cluster.
    #[command(subcommand)]
    Filter(filter::Command),
    #[command(hide = true)]
    CompileModule(compile_module::Args),
}

#[derive(Debug, clap::Args)]
struct Configured {
    /// The agent's configuration (YAML); by default where the chart and the manifests mount it.
    #[arg(long, short, default_value = "/etc/logsieve/config/logsieve.yaml")]
    config: PathBuf,
}

/// Runs what was asked for.
///
/// # Errors
/// When it did not work; `explain` says so to a person.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Run(with) => run::run(&with.config),
        Command::Check(with) => check::run(&with.config),
        Command::Status(command) => status::run(&command),
        Command::Migrate(migrate) => migrate::run(&migrate),
        Command::Filter(command) => filter::run(command),
        Command::CompileModule(args) => Ok(compile_module::run(args)),
    }
}

/// Prints an error with its causes, and the way out where one is known.
pub fn explain(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
    let known = error.downcast_ref::<crate::agent::Error>();
    let of_command = error.downcast_ref::<Hinted>().map(|e| e.hint.as_str());
    if let Some(hint) = known.and_then(crate::agent::Error::hint).or(of_command) {
        eprintln!("\nhint: {hint}");
    }
}

/// What went wrong in a command, and the way out.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct Hinted {
    what: String,
    hint: String,
}

impl Hinted {
    #[must_use]
    pub fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        let (what, hint) = (what.into(), hint.into());
        Self { what, hint }
    }
}
