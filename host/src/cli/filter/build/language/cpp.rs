//! C++: clang with libc++ for the target `wasm32-wasi`. The kit of C, which lies beneath, is compiled as C.
//! (The generated bindings for C++ itself lower lists of variants wrongly, as of wit-bindgen 0.63.)

use std::path::Path;

use super::super::tools;
use super::c;

const COMPILERS: [&str; 5] = [
    "clang++-19",
    "clang++-20",
    "clang++-21",
    "clang++-22",
    "clang++",
];
const HINT: &str = "on Debian: `apt-get install --no-install-recommends clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32 libc++-19-dev-wasm32 libc++abi-19-dev-wasm32`";
/// Filters have no exceptions: nothing in WebAssembly's present form would carry them.
const FLAGS: [&str; 4] = [
    "-std=c++23",
    "-fno-exceptions",
    "-fno-rtti",
    "-fno-threadsafe-statics",
];

pub fn compile(folder: &Path) -> anyhow::Result<Vec<u8>> {
    let clang = tools::find(folder, &[], &COMPILERS, HINT)?;
    let folder = folder.canonicalize()?;
    let kit = folder.join("kit");
    let made = tempfile::tempdir()?;
    let mut objects = c::command(&clang, &folder);
    // It leaves its objects where it stands.
    objects.current_dir(made.path()).args(["-x", "c", "-c"]);
    objects.args(c::files(&kit, "c")?);
    tools::run(&mut objects, &c::hint(HINT))?;
    let core = made.path().join("core.wasm");
    let mut command = c::command(&clang, &folder);
    command.args(FLAGS);
    for sources in [&folder, &kit] {
        command.args(c::files(sources, "cpp")?);
    }
    command.args(c::files(made.path(), "o")?);
    c::link(&mut command, &folder, &core);
    tools::run(&mut command, &c::hint(HINT))?;
    Ok(std::fs::read(core)?)
}
