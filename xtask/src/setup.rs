//! `cargo xtask setup`: finds or installs a compiler that makes filters in Rust (`guests` does the same for
//! the other languages).
//!
//! Filters are WebAssembly, so rustc needs the standard library for `wasm32-unknown-unknown`. rustup
//! has it, if its server can be reached; else Debian packages a rustc that can build it from source
//! (`rustc-web` and friends), which needs only a Debian mirror. Running it again changes nothing.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::run::{output, run, run_within, say};

pub const TARGET: &str = "wasm32-unknown-unknown";
/// Forces one of the two: `rustup` or `debian`.
const CHOICE: &str = "LOGSIEVE_TOOLCHAIN";
/// rustup tries several times, and each may take long where packets are swallowed.
const RUSTUP_LIMIT: Duration = Duration::from_secs(120);
const PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-19"];
/// The minor version of Rust that the workspace asks for (`rust-version` in Cargo.toml).
const MINOR_MIN: u32 = 95;

pub const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
pub const DEBIAN_CARGO: &str = "/usr/bin/cargo";
pub const DEBIAN_LINKER: &str = "/usr/bin/wasm-ld-19";

/// A compiler that makes filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toolchain {
    /// The rustc at hand, with the standard library for the target beside it.
    Rustup,
    /// Debian's, which builds the standard library along.
    Debian,
}

/// Finds a toolchain, or installs one.
pub fn setup() -> Result<Toolchain> {
    let choice = std::env::var(CHOICE).unwrap_or_default();
    let wanted: &[Toolchain] = match choice.as_str() {
        "" => &[Toolchain::Rustup, Toolchain::Debian],
        "rustup" => &[Toolchain::Rustup],
        "debian" => &[Toolchain::Debian],
        other => bail!("{CHOICE}: `{other}` is neither `rustup` nor `debian`"),
    };
    if let Some(found) = wanted.iter().find(|toolchain| toolchain.is_there()) {
        say(format!(
            "filters are built with {}: it is there",
            found.name()
        ));
        return Ok(*found);
    }
    let mut failures = Vec::new();
    for toolchain in wanted {
        say(format!("installs {}, to build filters", toolchain.name()));
        match toolchain.install() {
            Ok(()) => return Ok(*toolchain),
            Err(error) => {
                say(format!("this failed: {error:#}"));
                failures.push(format!("  {}: {error:#}", toolchain.name()));
            }
        }
    }
    bail!(
        "no compiler for filters can be had\n{}\n\nhint: with a network that reaches \
         static.rust-lang.org, `rustup target add {TARGET}` is enough; else, on Debian 12 and later, \
         `apt-get install {}`",
        failures.join("\n"),
        PACKAGES.join(" "),
    )
}

impl Toolchain {
    fn name(self) -> &'static str {
        match self {
            Self::Rustup => "the rustc at hand and its library for wasm32-unknown-unknown",
            Self::Debian => "Debian's rustc, which builds that library from source",
        }
    }

    fn is_there(self) -> bool {
        match self {
            Self::Rustup => has_library("rustc"),
            Self::Debian => Self::check_debian().is_ok(),
        }
    }

    fn install(self) -> Result<()> {
        match self {
            Self::Rustup => {
                let mut rustup = Command::new("rustup");
                run_within(rustup.args(["target", "add", TARGET]), RUSTUP_LIMIT)?;
                if !has_library("rustc") {
                    bail!("rustup added the target, but not for the `rustc` in PATH");
                }
                Ok(())
            }
            Self::Debian => {
                install_packages(&PACKAGES)?;
                Self::check_debian()
            }
        }
    }

    /// An error says what of Debian's toolchain is missing or too old.
    fn check_debian() -> Result<()> {
        for file in [DEBIAN_RUSTC, DEBIAN_CARGO, DEBIAN_LINKER] {
            if !Path::new(file).exists() {
                bail!("{file} is missing");
            }
        }
        let version = output(Command::new(DEBIAN_RUSTC).arg("--version"))?;
        if minor(&version).is_none_or(|minor| minor < MINOR_MIN) {
            bail!("{DEBIAN_RUSTC} is `{version}`, and 1.{MINOR_MIN} is needed");
        }
        let sysroot = output(Command::new(DEBIAN_RUSTC).args(["--print", "sysroot"]))?;
        let sources = Path::new(&sysroot).join("lib/rustlib/src/rust/library/Cargo.lock");
        if !sources.exists() {
            bail!(
                "{} is missing: no sources of the standard library",
                sources.display()
            );
        }
        Ok(())
    }
}

/// True when this rustc has a standard library for the target.
fn has_library(rustc: &str) -> bool {
    let folder = output(Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]));
    let entries = folder
        .ok()
        .and_then(|folder| std::fs::read_dir(folder).ok());
    let mut names = entries
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name());
    names.any(|name| name.to_string_lossy().starts_with("libstd-"))
}

/// The `95` of `rustc 1.95.0 (...)`.
fn minor(version: &str) -> Option<u32> {
    version
        .strip_prefix("rustc 1.")?
        .split('.')
        .next()?
        .parse()
        .ok()
}

/// Installs packages of Debian's.
pub fn install_packages(packages: &[&str]) -> Result<()> {
    output(Command::new("apt-get").arg("--version")).context("this is no Debian")?;
    let install = || {
        let mut apt = apt();
        apt.args(["install", "--yes", "--no-install-recommends"]);
        apt.args(packages);
        apt
    };
    // A fresh image has no package lists, and old lists name files that are gone.
    if run(&mut install()).is_err() {
        run(apt().arg("update"))?;
        run(&mut install())?;
    }
    Ok(())
}

/// `apt-get`, through `sudo` for a user who is not root.
fn apt() -> Command {
    let root = output(Command::new("id").arg("-u")).is_ok_and(|id| id == "0");
    let mut apt = Command::new(if root { "apt-get" } else { "sudo" });
    if !root {
        apt.arg("apt-get");
    }
    apt.env("DEBIAN_FRONTEND", "noninteractive");
    apt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_a_compiler_is_read() {
        assert_eq!(
            minor("rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)"),
            Some(96)
        );
        assert_eq!(minor("rustc 2.0.0"), None);
    }
}
