//! The project's own commands: `cargo xtask COMMAND`.
//!
//! One file for each command. This crate depends on next to nothing, so that it builds in seconds
//! and the first thing that a newcomer runs begins to speak at once.

mod api_server;
mod bench;
mod build;
mod demo;
mod guests;
mod journal;
mod moto;
mod run;
mod setup;
mod soak;
mod test;
mod wasm;

use std::process::ExitCode;

const HELP: &str = "\
usage: cargo xtask COMMAND

  demo        builds everything and shows a node's logs on their way through filters
  test        runs every test
  bench       measures: one JSON line a figure; with a name, those that begin so
  soak        runs the tests that take minutes, at full length
  setup       finds or installs what building filters needs; the others do it by themselves
  wasm        builds the filters and the guests of the tests
  guests      builds the worked example of every language of `guest-sdk`
  api-server  builds a Kubernetes API server, for the tests that want a real one

LOGSIEVE_TOOLCHAIN=rustup|debian makes `setup` take that compiler for filters, and no other.
LOGSIEVE_GUESTS=all makes it an error when the tools of a language cannot be had.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut words = arguments.iter().map(String::as_str);
    let result = match words.next() {
        Some("demo") => demo::demo(),
        Some("test") => test::test(),
        Some("bench") => bench::bench(words.next()),
        Some("soak") => soak::soak(),
        Some("setup") => setup::setup().and_then(|_| guests::install()).map(drop),
        Some("guests") => guests::build_all(),
        Some("api-server") => api_server::install(),
        Some("wasm") => wasm::build_all().map(drop),
        None | Some("help" | "--help" | "-h") => {
            println!("{HELP}");
            Ok(())
        }
        Some(other) => Err(anyhow::anyhow!("no command `{other}`\n\n{HELP}")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
