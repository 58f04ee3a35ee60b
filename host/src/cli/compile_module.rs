//! `logsieve compile-module`: compiles one module, in a process that the agent starts for it. Not for
//! people: the module comes from standard input, its code goes to standard output.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::filter::compile;
use crate::filter::module::Error;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// What messages call the module.
    name: PathBuf,
}

pub fn run(args: Args) -> ExitCode {
    let (mut from, mut to) = (std::io::stdin().lock(), std::io::stdout().lock());
    match compile::child(args.name, &mut from, &mut to) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let source = std::error::Error::source(&error);
            let cause = source.map(|s| format!(": {s}")).unwrap_or_default();
            eprintln!("{error}{cause}");
            let is_unwritten = matches!(error, Error::Keep { .. });
            ExitCode::from(if is_unwritten { compile::UNWRITTEN } else { 1 })
        }
    }
}
