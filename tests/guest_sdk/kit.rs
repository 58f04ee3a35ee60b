//! Runs `logsieve filter` as an author would, in a folder of its own.
//! Plain code; tests beside it say what it does.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Whether filters in this language can be built here; if not, the test says so and is over.
pub fn has(language: &str) -> bool {
    let languages = std::env::var("LOGSIEVE_GUEST_LANGUAGES").unwrap_or_default();
    let has = languages.split(',').any(|l| l == language);
    if !has {
        eprintln!("skipped: `cargo xtask test` installs what filters in {language} need");
    }
    has
}

/// `logsieve filter ...` in a folder.
pub fn filter<A: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = A>) -> Output {
    let mut command = Command::new(support::agent::binary());
    command.current_dir(folder).arg("filter").args(arguments);
    // Filters in Rust share one standard library.
    command.env("CARGO_TARGET_DIR", root().join("target/wasm/kits"));
    command.output().expect("`logsieve` can be run")
}

/// What it printed, when it did what it was asked for.
pub fn done(output: &Output) -> String {
    let (said, error) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}{error}");
    said
}

/// What it printed as its error.
pub fn refused(output: &Output) -> String {
    let (said, error) = (text(&output.stdout), text(&output.stderr));
    assert!(!output.status.success(), "{said}{error}");
    error
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A module that `cargo xtask` has built: `guests/noop`, `filters/redact`.
pub fn module(name: &str) -> PathBuf {
    root().join("target").join(format!("{name}.wasm"))
}
