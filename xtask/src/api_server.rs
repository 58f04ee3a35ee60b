//! Builds a real API server (`kube-apiserver`) and its store (`etcd`) from their Go modules, for the tests
//! that hold the agent against them.
//!
//! No package index has the programs themselves. The server's module replaces its siblings by folders
//! beside it, which only a checkout has; here each is replaced by the version of the same release.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::run::{output, root, run_within, say};

/// The release: `v1.MINOR.PATCH`; its siblings are `v0.MINOR.PATCH`.
const VERSION: &str = "1.34.2";
/// Two thousand packages to fetch and compile: 10 to 20 minutes on two cores.
const LIMIT: Duration = Duration::from_secs(45 * 60);
const PROGRAMS: [(&str, &str); 2] = [
    ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
    ("etcd", "go.etcd.io/etcd/server/v3"),
];

/// Makes `target/tools/kube-apiserver` and `target/tools/etcd`, where they are not yet.
///
/// # Errors
/// When there is no Go, no module proxy, or one does not build.
pub fn install() -> Result<()> {
    let tools = root().join("target/tools");
    let done = tools.join("kube-apiserver.version");
    if std::fs::read_to_string(&done).is_ok_and(|have| have == VERSION) {
        say("an API server is built");
        return Ok(());
    }
    let module = tools.join("api-server");
    std::fs::create_dir_all(&module).with_context(|| module.display().to_string())?;
    let of_kubernetes = format!("k8s.io/kubernetes@v{VERSION}");
    let told = output(go(&module).args(["mod", "download", "-json", &of_kubernetes]))
        .context("an API server needs Go and its module proxy")?;
    let Some(go_mod) = value(&told, "GoMod") else {
        bail!("`go mod download` names no go.mod");
    };
    let theirs = std::fs::read_to_string(go_mod).with_context(|| go_mod.to_owned())?;
    std::fs::write(module.join("go.mod"), ours(&theirs)?)?;
    for (name, package) in PROGRAMS {
        let mut build = go(&module);
        let version = format!("-s -w -X k8s.io/component-base/version.gitVersion=v{VERSION}");
        build.args(["build", "-ldflags", &version, "-o"]);
        build.arg(tools.join(name)).arg(package);
        run_within(&mut build, LIMIT)?;
    }
    std::fs::write(&done, VERSION).with_context(|| done.display().to_string())
}

fn go(folder: &Path) -> Command {
    let mut go = Command::new("go");
    go.current_dir(folder);
    go.env("GOFLAGS", "-mod=mod").env("CGO_ENABLED", "0");
    go
}

/// A string of a flat JSON object.
fn value<'a>(json: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = json.split_once(&format!("\"{key}\": \""))?;
    Some(rest.split_once('"')?.0)
}

/// A `go.mod` that requires all that Kubernetes' own does, and Kubernetes.
fn ours(theirs: &str) -> Result<String> {
    let Some((head, siblings)) = theirs.split_once("replace (") else {
        bail!("Kubernetes' go.mod replaces nothing: has it changed?");
    };
    let head = head
        .replacen("module k8s.io/kubernetes", "module logsieve/api-server", 1)
        .replacen(
            "require (",
            &format!("require (\n\tk8s.io/kubernetes v{VERSION}"),
            1,
        );
    let sibling = VERSION.replacen('1', "0", 1);
    let names = siblings
        .lines()
        .filter_map(|line| line.trim().split_once(" =>"));
    let replaced: String = names
        .map(|(name, _)| format!("\t{name} => {name} v{sibling}\n"))
        .collect();
    Ok(format!("{head}replace (\n{replaced})\n"))
}
