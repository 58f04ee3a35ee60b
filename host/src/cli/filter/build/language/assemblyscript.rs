//! AssemblyScript: its own compiler, which makes WebAssembly and nothing else. The kit gives the module the
//! contract's names and an `abort` of its own, so that the result imports nothing but the contract.

use std::path::Path;
use std::process::Command;

use super::super::tools;

const HINT: &str =
    "`npm install assemblyscript` in the filter's folder, or anywhere with `--global`";

pub fn compile(folder: &Path) -> anyhow::Result<Vec<u8>> {
    let own = ["node_modules/.bin/asc"];
    let asc = tools::find(folder, &own, &["asc"], HINT)?.canonicalize()?;
    let made = tempfile::tempdir()?;
    let core = made.path().join("core.wasm");
    let mut command = Command::new(asc);
    command
        .current_dir(folder)
        .args(["kit/entry.ts", "-O3", "--enable", "simd"]);
    // Collects when the kit says so: between calls, when nothing of the author's is on a stack.
    command.args(["--runtime", "minimal", "--use", "abort=kit/fail/abort"]);
    command.args(["--transform", "./kit/names.mjs", "--outFile"]);
    tools::run(command.arg(&core), tools::MISTAKE)?;
    Ok(std::fs::read(core)?)
}
