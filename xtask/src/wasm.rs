//! `cargo xtask wasm`: builds the filters and the guests of the tests.
//!
//! They get a target folder of their own for each compiler, because std is compiled with the same
//! flags and a change of either would build everything anew. All are built with `+simd128`, which
//! every engine of the last years has and `redact` needs for its speed.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::run::{root, run, say};
use crate::setup::{DEBIAN_CARGO, DEBIAN_LINKER, DEBIAN_RUSTC, TARGET, Toolchain, setup};

const PROFILE: &str = "filter";
const FLAGS: &str = "-C target-feature=+simd128";
const FILTERS: [&str; 10] = [
    "redact",
    "drop",
    "sample",
    "parse",
    "multiline",
    "level",
    "fields",
    "dedup",
    "rate_limit",
    "emf",
];
const GUESTS: &str = "guests";

/// Where the modules are.
pub struct Built {
    /// `redact.wasm`, `drop.wasm`: what the agent loads.
    pub filters: PathBuf,
    /// One module for each file in `tests/guests/examples`.
    pub guests: PathBuf,
}

/// Builds every filter and guest, and says where they are.
pub fn build_all() -> Result<Built> {
    let toolchain = setup()?;
    let target = root().join("target");
    let folder = target.join("wasm").join(match toolchain {
        Toolchain::Rustup => "rustup",
        Toolchain::Debian => "debian",
    });
    let packages = FILTERS
        .iter()
        .chain([&GUESTS])
        .flat_map(|name| ["--package", name]);
    run(cargo(toolchain, &folder)
        .args(packages)
        .args(["--lib", "--examples"]))?;

    let modules = folder.join(TARGET).join(PROFILE);
    let built = Built {
        filters: target.join("filters"),
        guests: target.join("guests"),
    };
    copy(&modules, &FILTERS.map(str::to_owned), &built.filters)?;
    copy(&modules.join("examples"), &guests()?, &built.guests)?;
    say(format!(
        "modules are in {} and {}",
        built.filters.display(),
        built.guests.display()
    ));
    Ok(built)
}

fn cargo(toolchain: Toolchain, folder: &Path) -> Command {
    // `cargo xtask` itself runs under Cargo, which tells its children where it is.
    let mut cargo = match toolchain {
        Toolchain::Rustup => {
            Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        }
        Toolchain::Debian => debian_cargo(),
    };
    cargo
        .current_dir(root())
        .args(["build", "--profile", PROFILE, "--target", TARGET]);
    cargo
        .arg("--target-dir")
        .arg(folder)
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", FLAGS);
    // These beat the variable above.
    cargo
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    if toolchain == Toolchain::Debian {
        cargo.args(["-Z", "build-std=std,panic_abort"]);
    }
    cargo
}

/// Debian's Cargo with Debian's compiler, whatever rustup has put into the environment.
fn debian_cargo() -> Command {
    let mut cargo = Command::new(DEBIAN_CARGO);
    cargo.env("RUSTC", DEBIAN_RUSTC);
    cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", DEBIAN_LINKER);
    // It is a stable compiler, and building std is not a stable feature.
    cargo.env("RUSTC_BOOTSTRAP", "1");
    for rustups in ["RUSTUP_TOOLCHAIN", "CARGO", "RUSTDOC"] {
        cargo.env_remove(rustups);
    }
    cargo
}

/// The names of the guests: the files in `tests/guests/examples`.
fn guests() -> Result<Vec<String>> {
    let folder = root().join("tests/guests/examples");
    let entries = std::fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(
                path.file_stem()
                    .map(|name| name.to_string_lossy().into_owned()),
            );
        }
    }
    Ok(names)
}

/// Copies modules to where the agent and the tests look for them.
fn copy(from: &Path, names: &[String], to: &Path) -> Result<()> {
    std::fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    for name in names {
        let (from, to) = (from.join(name), to.join(name));
        let (from, to) = (from.with_extension("wasm"), to.with_extension("wasm"));
        // Renamed into place: an agent or a test may be reading the former one.
        let new = to.with_extension("new");
        std::fs::copy(&from, &new)
            .and_then(|_| std::fs::rename(&new, &to))
            .with_context(|| format!("copying {} to {}", from.display(), to.display()))?;
    }
    Ok(())
}
