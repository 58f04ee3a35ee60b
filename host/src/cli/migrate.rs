//! `logsieve migrate`: from a Fluent Bit configuration to logsieve's, and line by line what could not
//! be carried over. It reads the classic format, the YAML format, the ConfigMaps that hold either,
//! and values of the Helm chart `aws-for-fluent-bit`.
//!
//! What it writes is loaded and checked before it is shown. What has no counterpart is said with its
//! place and a reason, also where nothing comes out; nothing is left out in silence.

mod classic;
mod destination;
mod elsewhere;
mod file_name;
mod glob;
mod input;
mod matching;
mod names;
mod plan;
mod reasons;
mod regex;
mod routes;
mod section;
mod selector;
mod service;
mod values;
mod yaml;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use crate::config::Config;
use section::Read;

#[derive(Debug, clap::Args)]
pub struct Migrate {
    /// `fluent-bit.conf`, `fluent-bit.yaml`, a ConfigMap with them, or values of the chart
    /// `aws-for-fluent-bit`.
    input: PathBuf,
    /// Where the configuration is written; standard output where it is not given.
    #[arg(long, short)]
    output: Option<PathBuf>,
}

pub fn run(migrate: &Migrate) -> anyhow::Result<ExitCode> {
    let plan = plan::Plan::of(read(&migrate.input)?);
    let name = migrate.input.display();
    // Before anything can fail: they are the reasons.
    for note in &plan.notes {
        eprintln!("{note}");
    }
    let lost = plan.notes.iter().filter(|n| n.is_lost).count();
    eprintln!("\nsettings without a counterpart: {lost}");
    let written = checked(&plan).with_context(|| format!("what was made of `{name}`"))?;
    match &migrate.output {
        Some(path) => std::fs::write(path, written)
            .with_context(|| format!("`{}` cannot be written", path.display()))?,
        None => print!("{written}"),
    }
    eprintln!("`logsieve check` says what the rest would do");
    Ok(ExitCode::SUCCESS)
}

/// The configuration, if it is one that works.
fn checked(plan: &plan::Plan) -> anyhow::Result<String> {
    if plan.is_empty() {
        bail!("no output is left that takes the records of any input: see the notes above");
    }
    let written = plan.yaml()?;
    let config = Config::parse(&written).map_err(anyhow::Error::msg)?;
    config.resolve()?;
    Ok(written)
}

fn read(path: &Path) -> anyhow::Result<Read> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("`{}` cannot be read", path.display()))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let extension = path.extension().unwrap_or_default();
    let open = |file: &str| classic::files(folder, file);
    if extension == "yaml" || extension == "yml" {
        yaml::read(&text, &name, &open)
    } else {
        Ok(classic::read(&text, &name, &open)?.into())
    }
}

#[cfg(test)]
mod tests;
