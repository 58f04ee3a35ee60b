//! Python: `componentize-py`, which runs the filter's module once and keeps the interpreter as it is then.
//! So a start costs nothing, and a mistake in the module is seen when it is built.

use std::path::Path;
use std::process::Command;

use super::super::tools;

const HINT: &str =
    "`python3 -m venv .venv && .venv/bin/pip install componentize-py` in the filter's folder";

pub fn compile(folder: &Path) -> anyhow::Result<Vec<u8>> {
    let own = [".venv/bin/componentize-py"];
    let tool = tools::find(folder, &own, &["componentize-py"], HINT)?;
    // It changes nothing in the folder, and is run from elsewhere: its paths have to be absolute.
    let folder = folder.canonicalize()?;
    let made = tempfile::tempdir()?;
    let component = made.path().join("component.wasm");
    let mut command = Command::new(tool);
    command
        .current_dir(made.path())
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command
        .arg("-d")
        .arg(folder.join("kit/wit"))
        .args(["-w", "log-filter", "componentize"]);
    command
        .arg("-p")
        .arg(&folder)
        .arg("-p")
        .arg(folder.join("kit"));
    command
        .args(["--stub-wasi", "-o"])
        .arg(&component)
        .arg("logsieve_entry");
    // It tells its progress on standard output, which is ours.
    command.stdout(std::process::Stdio::null());
    tools::run(
        &mut command,
        "an import that fails is told with its traceback",
    )?;
    Ok(std::fs::read(component)?)
}
