//! `logsieve filter test`: runs `examples.yaml` through the agent's own engine and shows what differs.
//! `--update` writes what came out into the file, for an author who has looked at it.

mod update;

use std::fmt;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::bed::{self, Loaded};
use super::diff::{self, Step};
use super::place;
use crate::cli::Hinted;
use crate::filter::examples::{Difference, Error, Examples, Record};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The filter's module (`.wasm`), or the folder that it was built in.
    #[arg(default_value = ".")]
    module: PathBuf,
    /// Its examples; `examples.yaml` beside the module where not given.
    #[arg(long, short)]
    examples: Option<PathBuf>,
    /// Its limits, as in the agent's configuration: `'memory: 64MiB'`.
    #[arg(long)]
    limits: Option<String>,
    /// Writes what came out into the examples that failed.
    #[arg(long)]
    update: bool,
}

const HINT: &str =
    "the `examples.yaml` that `logsieve filter new` writes shows all that an example may say";

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    crate::telemetry::logs::start(crate::telemetry::logs::Config::default());
    let module = place::module(&args.module)?;
    let beside = || module.with_file_name("examples.yaml");
    let path = args.examples.clone().unwrap_or_else(beside);
    let unread =
        |why: &dyn fmt::Display| Hinted::new(format!("examples `{}`: {why}", path.display()), HINT);
    let text = std::fs::read_to_string(&path).map_err(|error| unread(&error))?;
    let examples = Examples::parse(&text).map_err(|error| unread(&error))?;
    if examples.examples.is_empty() {
        return Err(unread(&"no example is in it, so nothing is tested").into());
    }
    let loaded = Loaded::new(&module)?;
    let limits = bed::limits(args.limits.as_deref())?;
    let color = std::io::stdout().is_terminal();
    let (mut passed, mut updates) = (0, Vec::new());
    for (place, example) in examples.examples.iter().enumerate() {
        let outcome = examples.run(example, &loaded.engine, &loaded.module, &limits);
        if show(&example.name, &outcome, color) {
            passed += 1;
        } else if let Ok(differences) = outcome {
            let got = differences.into_iter().filter_map(|d| d.got);
            updates.push((place, got.collect()));
        }
    }
    let failed = examples.examples.len() - passed;
    println!("\n{passed} passed, {failed} failed");
    let mut open = failed;
    if args.update && !updates.is_empty() {
        open -= write(&path, &updates)?;
    }
    Ok(ExitCode::from(u8::from(open > 0)))
}

/// Writes what came out; says how many examples hold now.
fn write(path: &Path, updates: &[(usize, Vec<Record>)]) -> anyhow::Result<usize> {
    let text = std::fs::read_to_string(path)?;
    let updated = update::update(&text, updates)?;
    std::fs::write(path, updated)?;
    let examples = if updates.len() == 1 {
        "example"
    } else {
        "examples"
    };
    println!("{}: {} {examples} updated", path.display(), updates.len());
    Ok(updates.len())
}

/// Prints how one example went, and says whether it passed.
fn show(name: &str, outcome: &Result<Vec<Difference>, Error>, color: bool) -> bool {
    let differences = match outcome {
        Ok(differences) if differences.is_empty() => {
            println!("ok    {name}");
            return true;
        }
        Ok(differences) => differences,
        Err(error) => {
            println!("FAIL  {name}\n      {error}");
            return false;
        }
    };
    println!("FAIL  {name}  (- wanted, + came out)");
    let wanted: Vec<_> = differences
        .iter()
        .filter_map(|d| d.wanted.as_ref())
        .collect();
    let got: Vec<_> = differences.iter().filter_map(|d| d.got.as_ref()).collect();
    let same = |w: usize, g: usize| wanted[w].fits(got[g]);
    for step in diff::steps(wanted.len(), got.len(), &same) {
        let shown = match step {
            Step::Same(_, g) => diff::same(&got[g].text),
            Step::Removed(w) => diff::removed(&shown(wanted[w], None), color),
            Step::Added(g) => diff::added(&got[g].text, color),
            Step::Changed(w, g) => {
                let (wanted, got) = (wanted[w], got[g]);
                diff::changed(&shown(wanted, Some(got)), &shown(got, Some(wanted)), color)
            }
        };
        println!("      {}", shown.replace('\n', "\n      "));
    }
    false
}

/// A record's text, and behind it what the one beside it says otherwise.
fn shown(record: &Record, beside: Option<&Record>) -> String {
    let none = Record::default();
    let beside = beside.unwrap_or(&none);
    let heads = [
        ("time", &record.time, &beside.time),
        ("stream", &record.stream, &beside.stream),
        ("route", &record.route, &beside.route),
    ];
    let mut shown = record.text.clone();
    for (name, mine, other) in heads {
        // What an example leaves out is not compared, but for a route.
        let compared = other.is_some() || name == "route";
        if let Some(value) = mine
            .as_ref()
            .filter(|mine| compared && other.as_ref() != Some(*mine))
        {
            shown.push_str(&format!("  ({name} {value})"));
        }
    }
    shown
}
