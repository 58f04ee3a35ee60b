//! Rust: the author's Cargo, for `wasm32-unknown-unknown`. Where that target's library is missing and
//! cannot be had from rustup, Debian's compiler (`rustc-web`), which builds the library along.

use std::path::Path;
use std::process::Command;

use super::super::tools;
use crate::cli::Hinted;

const TARGET: &str = "wasm32-unknown-unknown";
const HINT: &str = "`rustup target add wasm32-unknown-unknown`; on Debian without rustup: `apt-get install rustc-web cargo-web rust-web-src lld-19`";
const DEBIAN: [&str; 3] = ["/usr/bin/rustc", "/usr/bin/cargo", "/usr/bin/wasm-ld-19"];

pub fn compile(folder: &Path, name: &str) -> anyhow::Result<Vec<u8>> {
    let mut cargo = cargo(folder)?;
    cargo
        .current_dir(folder)
        .args(["build", "--release", "--quiet", "--target", TARGET]);
    // Every engine of the last years has it, and scans of bytes are twice as fast.
    cargo.env(
        "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS",
        "-C target-feature=+simd128",
    );
    cargo
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    tools::run(&mut cargo, tools::MISTAKE)?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| folder.join("target"), Into::into);
    let module = target
        .join(TARGET)
        .join("release")
        .join(format!("{name}.wasm"));
    std::fs::read(&module).map_err(|_| {
        Hinted::new(
            format!("Cargo left no `{}`", module.display()),
            format!("the package has to be called `{name}`, as its folder, with `crate-type = [\"cdylib\", \"rlib\"]`"),
        )
        .into()
    })
}

/// Cargo with a compiler that has the target's library, or builds it.
fn cargo(folder: &Path) -> anyhow::Result<Command> {
    let cargo = tools::find(folder, &[], &["cargo"], "https://rustup.rs")?;
    if has_library(folder) {
        return Ok(Command::new(cargo));
    }
    if !DEBIAN.iter().all(|file| Path::new(file).exists()) {
        let what = "this Rust has no library for wasm32-unknown-unknown";
        return Err(Hinted::new(what, HINT).into());
    }
    let [rustc, cargo, linker] = DEBIAN;
    let mut command = Command::new(cargo);
    command
        .env("RUSTC", rustc)
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
    // It is a stable compiler, and building the library is not a stable feature.
    command
        .env("RUSTC_BOOTSTRAP", "1")
        .args(["-Z", "build-std=std,panic_abort"]);
    for rustups in ["RUSTUP_TOOLCHAIN", "CARGO", "RUSTDOC"] {
        command.env_remove(rustups);
    }
    Ok(command)
}

fn has_library(folder: &Path) -> bool {
    let mut rustc = Command::new("rustc");
    rustc
        .current_dir(folder)
        .args(["--print", "target-libdir", "--target", TARGET]);
    let libraries = tools::output(&mut rustc)
        .ok()
        .and_then(|path| std::fs::read_dir(path).ok());
    let mut names = libraries
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name());
    names.any(|name| name.to_string_lossy().starts_with("libstd-"))
}
