//! Finds the compilers of the languages, and runs them: what is missing is named with the command that
//! installs it, and what a compiler says goes to the author as it comes.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::cli::Hinted;

/// Why a compiler fails that is there, and is the right one.
pub const MISTAKE: &str = "what does not compile is told with its line";

/// The first of these programs that is there: in the filter's own folders, else in PATH.
///
/// # Errors
/// When none of them is there; `hint` says how to install one.
pub fn find(folder: &Path, own: &[&str], names: &[&str], hint: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let own = own.iter().map(|own| folder.join(own));
    let mut places: Vec<PathBuf> = own.collect();
    // The first name wins wherever it is: it is the one that is known to work.
    places.extend(
        names
            .iter()
            .flat_map(|name| std::env::split_paths(&path).map(move |p| p.join(name))),
    );
    let found = places.into_iter().find(|place| is_program(place));
    found.ok_or_else(|| {
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        Hinted::new(format!("there is no {} in PATH", names.join(" or ")), hint).into()
    })
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

/// Runs a compiler to its end.
///
/// # Errors
/// When it cannot be run, or fails: it has said why.
pub fn run(command: &mut Command, hint: &str) -> anyhow::Result<()> {
    let program = Path::new(command.get_program()).display().to_string();
    // Of a mistake the author's places are told, and not the compiler's own.
    let status = command
        .env("RUST_BACKTRACE", "0")
        .status()
        .with_context(|| format!("`{program}` cannot be run"))?;
    match status.success() {
        true => Ok(()),
        false => Err(Hinted::new(
            format!("`{program}` ended with {status}; what it says is above"),
            hint,
        )
        .into()),
    }
}

/// What a program prints.
///
/// # Errors
/// When it cannot be run, or fails.
pub fn output(command: &mut Command) -> anyhow::Result<String> {
    let program = Path::new(command.get_program()).display().to_string();
    let output = command
        .output()
        .with_context(|| format!("`{program}` cannot be run"))?;
    anyhow::ensure!(
        output.status.success(),
        "`{program}` ended with {}",
        output.status
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
