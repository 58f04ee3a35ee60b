//! `logsieve migrate`: from a Fluent Bit configuration to logsieve's, and line by line what could not
//! be carried over. It reads the classic format, the YAML format, the ConfigMaps that hold either,
//! and values of the Helm chart `aws-for-fluent-bit`.
//!
//! What it writes is loaded and checked before it is shown. What has no counterpart is said with its
//! place and a reason; nothing is left out in silence.

mod classic;
mod destination;
mod names;
mod plan;
mod reasons;
mod section;
mod values;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

use crate::config::Config;
use section::Section;

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
    let sections = read(&migrate.input)?;
    let plan = plan::Plan::of(sections);
    let written = plan.yaml()?;
    let checked = Config::parse(&written).map_err(anyhow::Error::msg);
    checked
        .and_then(|config| Ok(config.resolve().map(drop)?))
        .with_context(|| format!("what was made of `{}` is wrong", migrate.input.display()))?;
    for note in &plan.notes {
        eprintln!("{note}");
    }
    match &migrate.output {
        Some(path) => std::fs::write(path, written)
            .with_context(|| format!("`{}` cannot be written", path.display()))?,
        None => print!("{written}"),
    }
    let lost = plan.notes.iter().filter(|n| n.is_lost).count();
    eprintln!(
        "\nsettings without a counterpart: {lost}; `logsieve check` says what the rest would do"
    );
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> anyhow::Result<Vec<Section>> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("`{}` cannot be read", path.display()))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let extension = path.extension().unwrap_or_default();
    if extension == "yaml" || extension == "yml" {
        values::read(&text, &name)
    } else {
        let open = |file: &str| classic::files(folder, file);
        classic::read(&text, &name, &open)
    }
}

#[cfg(test)]
mod tests;
