//! C: clang with Debian's packages or any other that has the target `wasm32-wasi`. The kit is compiled
//! along with the filter; the result imports nothing but the contract.

use std::path::Path;
use std::process::Command;

use anyhow::Context;

use super::super::tools;

const COMPILERS: [&str; 5] = ["clang-19", "clang-20", "clang-21", "clang-22", "clang"];
const HINT: &str = "on Debian: `apt-get install --no-install-recommends clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32`";

pub fn compile(folder: &Path) -> anyhow::Result<Vec<u8>> {
    let clang = tools::find(folder, &[], &COMPILERS, HINT)?;
    let made = tempfile::tempdir()?;
    let core = made.path().join("core.wasm");
    let mut command = Command::new(clang);
    command.args([
        "--target=wasm32-wasi",
        "-O2",
        "-mbulk-memory",
        "-mexec-model=reactor",
    ]);
    command.args(["-Wall", "-Wextra", "-Wl,--strip-all"]);
    command.arg("-I").arg(folder).arg("-o").arg(&core);
    for sources in [folder, &folder.join("kit")] {
        command.args(c_files(sources)?);
    }
    command.arg(folder.join("kit/log_filter_component_type.o"));
    tools::run(&mut command, HINT)?;
    Ok(std::fs::read(core)?)
}

fn c_files(folder: &Path) -> anyhow::Result<Vec<std::path::PathBuf>> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("folder `{}`", folder.display()))?;
    let files = entries.flatten().map(|entry| entry.path());
    let mut files: Vec<_> = files
        .filter(|f| f.extension().is_some_and(|e| e == "c"))
        .collect();
    files.sort();
    Ok(files)
}
