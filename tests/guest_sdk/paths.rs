//! An author's first filter in every language: the commands of `guest-sdk/README.md`, one after another.
//!
//! Lines that install something are not typed here: `xtask/src/guests.rs` has installed the same packages,
//! which is what is looked at.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::kit::{done, filter, has, root, text};

/// An author types no more than this.
const COMMANDS_MAX: usize = 5;

/// The commands below a language's heading.
fn commands(heading: &str) -> Vec<String> {
    let readme = fs::read_to_string(root().join("guest-sdk/README.md")).expect("a README");
    let section = readme.split(&format!("### {heading}\n")).nth(1);
    let section = section.unwrap_or_else(|| panic!("the README has no heading `{heading}`"));
    let block = section
        .split("```console\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let lines = block.unwrap_or_default().lines();
    lines
        .filter_map(|line| Some(line.strip_prefix("$ ")?.to_owned()))
        .collect()
}

fn walk(language: &str, heading: &str) {
    let commands = commands(heading);
    assert!((3..=COMMANDS_MAX).contains(&commands.len()), "{commands:?}");
    if !has(language) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for command in &commands {
        let mut words = command.split_whitespace();
        match (words.next(), words.next()) {
            (Some("logsieve"), Some("filter")) => {
                let output = filter(folder.path(), words);
                assert!(
                    output.status.success(),
                    "`{command}`:\n{}{}",
                    text(&output.stdout),
                    text(&output.stderr)
                );
            }
            _ => is_installed(command),
        }
    }
    let made = folder.path().join("my_first");
    assert!(made.join("my_first.wasm").is_file());
    let readme = fs::read_to_string(made.join("README.md")).unwrap();
    let (passes, said) = native_tests(&made, &readme);
    assert!(passes, "{said}");
    mask_otherwise(&made.join(code_before(&readme, " is the filter")));
    let (passes, said) = native_tests(&made, &readme);
    assert!(!passes && said.contains("password=####"), "{said}");
    let inspected = done(&filter(folder.path(), ["inspect", "my_first"]));
    assert!(inspected.contains("the agent takes it"), "{inspected}");
}

/// The code at the beginning of the line that goes on so: `make test`.
fn code_before<'a>(readme: &'a str, words: &str) -> &'a str {
    let code = |line: &'a str| {
        let (code, rest) = line.strip_prefix('`')?.split_once('`')?;
        rest.starts_with(words).then_some(code)
    };
    let found = readme.lines().find_map(code);
    found.unwrap_or_else(|| panic!("no line `...`{words} in {readme}"))
}

/// The tests of a new filter, as its own README runs them: whether they pass, and what was said.
fn native_tests(folder: &Path, readme: &str) -> (bool, String) {
    let mut words = code_before(readme, " runs ").split_whitespace();
    let mut tests = Command::new(words.next().unwrap());
    tests.current_dir(folder).args(words);
    // As in `crate::kit::filter`.
    tests.env("CARGO_TARGET_DIR", root().join("target/wasm/kits"));
    let output = tests.output().unwrap();
    let said = text(&output.stdout) + &text(&output.stderr);
    (output.status.success(), said)
}

/// The filter puts `####` where its tests want `***`.
fn mask_otherwise(source: &Path) {
    let text = fs::read_to_string(source).unwrap();
    let other = ["\"", "'"].iter().fold(text.clone(), |text, quote| {
        text.replace(
            &format!("{quote}***{quote}"),
            &format!("{quote}####{quote}"),
        )
    });
    assert_ne!(text, other);
    fs::write(source, other).unwrap();
}

/// Every package of the line is one that `cargo xtask setup` installs.
fn is_installed(command: &str) {
    let xtask = root().join("xtask/src");
    let setup: String = ["guests.rs", "setup.rs"]
        .map(|file| fs::read_to_string(xtask.join(file)).unwrap())
        .concat();
    let package = |word: &&str| {
        ![
            "sudo", "apt-get", "install", "pip", "npm", "rustup", "target", "add",
        ]
        .contains(word)
            && !word.starts_with('-')
    };
    for package in command.split_whitespace().filter(package) {
        assert!(
            setup.contains(package),
            "`{command}`: no setup installs `{package}`"
        );
    }
}

#[test]
fn a_first_filter_in_rust_is_five_commands_away() {
    walk("rust", "Rust");
}

#[test]
fn a_first_filter_in_c_is_five_commands_away() {
    walk("c", "C");
}

#[test]
fn a_first_filter_in_cpp_is_five_commands_away() {
    walk("cpp", "C++");
}

#[test]
fn a_first_filter_in_zig_is_five_commands_away() {
    walk("zig", "Zig");
}

#[test]
fn a_first_filter_in_go_is_five_commands_away() {
    walk("go", "Go");
}

#[test]
fn a_first_filter_in_python_is_five_commands_away() {
    walk("python", "Python");
}

#[test]
fn a_first_filter_in_javascript_is_five_commands_away() {
    walk("js", "JavaScript");
}

#[test]
fn a_first_filter_in_typescript_is_five_commands_away() {
    walk("ts", "TypeScript");
}

#[test]
fn a_first_filter_in_assemblyscript_is_five_commands_away() {
    walk("assemblyscript", "AssemblyScript");
}

/// The agent refused it for want of the contract in it; with the contract, under the stock adapter, it
/// trapped ("out of bounds memory access") in a collection, once the heap had grown.
#[test]
fn a_module_as_go_leaves_it_runs_in_the_agent() {
    if !has("go") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    done(&filter(
        folder.path(),
        ["new", "--lang", "go", "--example", "raw"],
    ));
    let mut go = Command::new("go");
    go.current_dir(folder.path().join("raw"));
    go.env("GOOS", "wasip1").env("GOARCH", "wasm");
    let built = go
        .args(["build", "-buildmode=c-shared", "-o", "raw.wasm", "."])
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", text(&built.stderr));
    let module = fs::read(folder.path().join("raw/raw.wasm")).unwrap();
    assert_eq!(module[..8], *b"\0asm\x01\0\0\0", "a core module");
    let tested = done(&filter(folder.path(), ["test", "raw"]));
    assert!(tested.contains(" 0 failed"), "{tested}");
    let mut input = String::new();
    for n in 0..200_000 {
        input.push_str(&format!("add record {n}; replace other {n}\n"));
    }
    fs::write(folder.path().join("input.log"), input).unwrap();
    let run = filter(
        folder.path(),
        ["run", "raw", "--changes-only", "--input", "input.log"],
    );
    done(&run);
    assert!(text(&run.stderr).contains("200000 records in, 400000 out"));
}
