//! JavaScript and TypeScript: `componentize-qjs`, which keeps the QuickJS engine with the filter's
//! modules loaded. The result is a seventh of StarlingMonkey's in size, and about as fast. TypeScript is
//! first checked and turned into JavaScript by its own compiler.

use std::path::Path;
use std::process::Command;

use anyhow::Context;

use super::super::tools;

const HINT: &str = "`npm install componentize-qjs` in the filter's folder";
const TYPED_HINT: &str = "`npm install typescript componentize-qjs` in the filter's folder";

pub fn compile(folder: &Path) -> anyhow::Result<Vec<u8>> {
    componentize(folder, folder)
}

pub fn compile_typed(folder: &Path) -> anyhow::Result<Vec<u8>> {
    let own = ["node_modules/.bin/tsc"];
    let tsc = tools::find(folder, &own, &["tsc"], TYPED_HINT)?.canonicalize()?;
    let made = tempfile::tempdir()?;
    let mut command = Command::new(tsc);
    command.arg("--project").arg(folder);
    command.arg("--outDir").arg(made.path());
    tools::run(&mut command, tools::MISTAKE)?;
    let (kit, beside) = (folder.join("kit"), made.path().join("kit"));
    for part in ["", "wit"] {
        copy_files(&kit.join(part), &beside.join(part))
            .with_context(|| format!("folder `{}`", kit.display()))?;
    }
    componentize(folder, made.path())
}

fn copy_files(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let path = entry?.path();
        if let (true, Some(name)) = (path.is_file(), path.file_name()) {
            std::fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}

/// A component of the modules in `sources`; its tool may lie in the filter's folder.
fn componentize(folder: &Path, sources: &Path) -> anyhow::Result<Vec<u8>> {
    let own = ["node_modules/.bin/componentize-qjs"];
    let tool = tools::find(folder, &own, &["componentize-qjs"], HINT)?.canonicalize()?;
    let sources = sources.canonicalize()?;
    let made = tempfile::tempdir()?;
    let component = made.path().join("component.wasm");
    let mut command = Command::new(tool);
    command
        .current_dir(&sources)
        .args(["--wit", "kit/wit", "--js", "kit/entry.js"]);
    command
        .arg("--module-root")
        .arg(&sources)
        .args(["--world", "log-filter"]);
    command
        .args(["--sync", "--stub-wasi", "--minify", "--output"])
        .arg(&component);
    // It tells its progress on standard output, which is ours.
    command.stdout(std::process::Stdio::null());
    tools::run(&mut command, tools::MISTAKE)?;
    Ok(std::fs::read(component)?)
}
