//! The `logsieve` command: reads its arguments, runs the command, says what went wrong, and chooses
//! the exit code (0: done, 1: it did not work, 2: it was called wrongly).

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = logsieve::cli::Cli::parse();
    match logsieve::cli::run(cli) {
        Ok(code) => code,
        Err(error) => {
            logsieve::cli::explain(&error);
            ExitCode::from(1)
        }
    }
}
