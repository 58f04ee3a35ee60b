//! Zig: its compiler alone, which is a compiler of C too and brings a C library along. The kit of C, which
//! lies beneath, is compiled with the filter; the result imports nothing but the contract.

use std::path::Path;
use std::process::Command;

use super::super::tools;
use super::c;
use crate::cli::Hinted;

/// The first is what PyPI's package brings.
const COMPILERS: [&str; 2] = ["python-zig", "zig"];
/// The language changes with every version, and the kit is written in this one's.
const VERSION: &str = "0.17.";
const HINT: &str = "Zig 0.17 is needed: `pip install ziglang`, or https://ziglang.org/download";

pub fn compile(folder: &Path) -> anyhow::Result<Vec<u8>> {
    let own = [".venv/bin/python-zig"];
    let zig = tools::find(folder, &own, &COMPILERS, HINT)?.canonicalize()?;
    let version = tools::output(Command::new(&zig).arg("version"))?;
    if !version.starts_with(VERSION) {
        let what = format!("`{}` is of another version: {version}", zig.display());
        return Err(Hinted::new(what, HINT).into());
    }
    let folder = folder.canonicalize()?;
    let kit = folder.join("kit");
    let made = tempfile::tempdir()?;
    let core = made.path().join("core.wasm");
    let mut command = Command::new(zig);
    // It leaves what it makes where it stands.
    command.current_dir(made.path()).arg("build-exe");
    command.arg(folder.join("filter.zig"));
    // The kit of C does little for a record, and much of it once.
    command
        .args(["-cflags", "-Os", "--"])
        .args(c::files(&kit, "c")?)
        .args(c::files(&kit, "o")?);
    command.args(["-target", "wasm32-wasi", "-O", "ReleaseFast", "-fstrip"]);
    // Its own stack would be 16 MiB of every instance.
    command.args(["-lc", "-mexec-model=reactor", "--stack", "65536", "-I"]);
    command.arg(&folder);
    let mut emit = std::ffi::OsString::from("-femit-bin=");
    emit.push(&core);
    tools::run(command.arg(emit), tools::MISTAKE)?;
    Ok(std::fs::read(core)?)
}
