//! `logsieve filter test`: runs `examples.yaml` through the agent's own engine and shows what
//! differs.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use crate::clock::Clock;
use crate::filter::engine::Engine;
use crate::filter::examples::{Difference, Error, Example, Examples};
use crate::filter::limits::Limits;
use crate::filter::module;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The filter's module (`.wasm`).
    module: PathBuf,
    /// Its examples; `examples.yaml` beside the module where not given.
    #[arg(long, short)]
    examples: Option<PathBuf>,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    crate::telemetry::logs::start(crate::telemetry::logs::Config::default());
    let beside = || args.module.with_file_name("examples.yaml");
    let path = args.examples.clone().unwrap_or_else(beside);
    let place = || format!("examples `{}`", path.display());
    let text = std::fs::read_to_string(&path).with_context(place)?;
    let examples = Examples::parse(&text)
        .map_err(anyhow::Error::msg)
        .with_context(place)?;
    let engine = Engine::new(Clock::start())?;
    let module =
        module::load(&engine, &args.module).map_err(|source| crate::agent::Error::Module {
            name: module::stem(&args.module),
            source,
        })?;
    let limits = Limits::default();
    let mut failed = 0;
    for example in &examples.examples {
        let outcome = examples.run(example, &engine, &module, &limits);
        failed += usize::from(!show(example, outcome));
    }
    let passed = examples.examples.len() - failed;
    println!("\n{passed} passed, {failed} failed");
    Ok(ExitCode::from(u8::from(failed > 0)))
}

/// Prints how one example went, and says whether it passed.
fn show(example: &Example, outcome: Result<Vec<Difference>, Error>) -> bool {
    let name = &example.name;
    let differences = match outcome {
        Ok(differences) => differences,
        Err(error) => {
            println!("FAIL  {name}\n      {:#}", anyhow::Error::from(error));
            return false;
        }
    };
    if differences.is_empty() {
        println!("ok    {name}");
        return true;
    }
    println!("FAIL  {name}");
    for place in &differences {
        if let Some(record) = place.same() {
            println!("        {}", record.text);
            continue;
        }
        let Difference { wanted, got } = place;
        wanted.iter().for_each(|w| println!("      - {}", w.line()));
        got.iter().for_each(|g| println!("      + {}", g.line()));
    }
    false
}
