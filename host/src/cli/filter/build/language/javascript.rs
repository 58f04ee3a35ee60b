//! JavaScript: `componentize-qjs`, which keeps the QuickJS engine with the filter's modules loaded. It is
//! smaller by seven times than StarlingMonkey, and about as fast.

use std::path::Path;
use std::process::Command;

use super::super::tools;

const HINT: &str = "`npm install componentize-qjs` in the filter's folder";

pub fn compile(folder: &Path) -> anyhow::Result<Vec<u8>> {
    let own = ["node_modules/.bin/componentize-qjs"];
    let tool = tools::find(folder, &own, &["componentize-qjs"], HINT)?.canonicalize()?;
    let folder = folder.canonicalize()?;
    let made = tempfile::tempdir()?;
    let component = made.path().join("component.wasm");
    let mut command = Command::new(tool);
    command
        .current_dir(&folder)
        .args(["--wit", "kit/wit", "--js", "kit/entry.js"]);
    command
        .arg("--module-root")
        .arg(&folder)
        .args(["--world", "log-filter"]);
    command
        .args(["--sync", "--stub-wasi", "--minify", "--output"])
        .arg(&component);
    // It tells its progress on standard output, which is ours.
    command.stdout(std::process::Stdio::null());
    tools::run(&mut command, "a syntax error is told with its line")?;
    Ok(std::fs::read(component)?)
}
