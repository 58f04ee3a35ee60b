//! C: clang with Debian's packages or any other that has the target `wasm32-wasi`. The kit is compiled
//! along with the filter; the result imports nothing but the contract.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use super::super::tools;

const COMPILERS: [&str; 5] = ["clang-19", "clang-20", "clang-21", "clang-22", "clang"];
const HINT: &str = "on Debian: `apt-get install --no-install-recommends clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32`";
/// The contract, as a section of an object file.
const CONTRACT: &str = "kit/log_filter_component_type.o";

pub fn compile(folder: &Path) -> anyhow::Result<Vec<u8>> {
    let clang = tools::find(folder, &[], &COMPILERS, HINT)?;
    let made = tempfile::tempdir()?;
    let core = made.path().join("core.wasm");
    let mut command = command(&clang, folder);
    for sources in [folder, &folder.join("kit")] {
        command.args(files(sources, "c")?);
    }
    link(&mut command, folder, &core);
    tools::run(&mut command, &hint(HINT))?;
    Ok(std::fs::read(core)?)
}

/// A mistake and a header of the system's that is missing look alike from here.
pub fn hint(packages: &str) -> String {
    let mistake = tools::MISTAKE;
    format!("{mistake}; where a header or a library of the system is missing, {packages}")
}

/// A compiler of C or C++, for a filter in this folder.
pub fn command(clang: &Path, folder: &Path) -> Command {
    let mut command = Command::new(clang);
    command.args(["--target=wasm32-wasi", "-O2", "-mbulk-memory"]);
    command.args(["-Wall", "-Wextra", "-I"]).arg(folder);
    command
}

/// What makes it link a module.
pub fn link(command: &mut Command, folder: &Path, core: &Path) {
    command.args(["-mexec-model=reactor", "-Wl,--strip-all", "-o"]);
    command.arg(core).arg(folder.join(CONTRACT));
}

/// The files of a folder with this ending, sorted, without those of tests (`filter_test.c`).
///
/// # Errors
/// When the folder cannot be read.
pub fn files(folder: &Path, ending: &str) -> anyhow::Result<Vec<PathBuf>> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("folder `{}`", folder.display()))?;
    let files = entries.flatten().map(|entry| entry.path());
    let is_test = |f: &Path| {
        f.file_stem()
            .is_some_and(|s| s.to_string_lossy().ends_with("_test"))
    };
    let mut files: Vec<_> = files
        .filter(|f| f.extension().is_some_and(|e| e == ending) && !is_test(f))
        .collect();
    files.sort();
    Ok(files)
}
