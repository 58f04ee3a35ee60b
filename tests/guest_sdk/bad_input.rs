//! What an author is told who hands the commands something that they cannot work with: the place, the cause
//! and the next step.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::kit::{done, filter, has, module, refused, text};
use crate::modules::with_section;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn what_is_no_filter_is_told_with_the_way_out() {
    let folder = folder();
    let empty = refused(&filter(folder.path(), ["build"]));
    assert!(
        empty.contains("is no filter's") && empty.contains("filter new"),
        "{empty}"
    );
    let unbuilt = refused(&filter(folder.path(), ["test"]));
    assert!(
        unbuilt.contains("holds no module") && unbuilt.contains("filter build"),
        "{unbuilt}"
    );
    fs::write(folder.path().join("text.wasm"), "int main() {}").unwrap();
    let text = refused(&filter(folder.path(), ["build", "text.wasm"]));
    assert!(text.contains("is not WebAssembly"), "{text}");
    let inspected = refused(&filter(folder.path(), ["inspect", "text.wasm"]));
    assert!(inspected.contains("is not WebAssembly"), "{inspected}");
}

#[test]
fn a_compiler_that_is_missing_is_told_with_the_packages_that_bring_it() {
    let folder = folder();
    for (language, hint) in [
        ("rust", "rustup"),
        ("c", "apt-get install"),
        ("cpp", "libc++-19-dev-wasm32"),
        ("zig", "pip install ziglang"),
        ("go", "go.dev"),
        ("python", "componentize-py"),
        ("js", "npm install"),
        ("ts", "npm install typescript"),
        ("assemblyscript", "npm install assemblyscript"),
    ] {
        done(&filter(
            folder.path(),
            ["new", "--lang", language, &format!("in_{language}")],
        ));
        let mut build = Command::new(support::agent::binary());
        build.current_dir(folder.path()).env("PATH", "").args([
            "filter",
            "build",
            &format!("in_{language}"),
        ]);
        let error = refused(&build.output().unwrap());
        assert!(
            error.contains("in PATH") && error.contains(hint),
            "{language}: {error}"
        );
    }
}

/// A program of this name in a folder, which says that it has this version. A shell writes it: what this
/// process writes cannot be run while a child that another test forked meanwhile still has it open.
fn compiler(folder: &Path, name: &str, version: &str) {
    let path = folder.join(name);
    let writes = r##"printf '#!/bin/sh\necho "%s"\n' "$1" > "$0" && chmod +x "$0""##;
    let mut shell = Command::new("sh");
    shell
        .arg("-c")
        .arg(writes)
        .args([path.as_os_str(), version.as_ref()]);
    assert!(shell.status().unwrap().success());
}

#[test]
fn a_compiler_of_another_version_is_told_with_the_one_that_is_needed() {
    let folder = folder();
    let bin = folder.path().join("bin");
    fs::create_dir(&bin).unwrap();
    compiler(&bin, "go", "go version go1.21.4 linux/amd64");
    // Before what PyPI's package brings, which is looked for first.
    compiler(&bin, "python-zig", "0.13.0");
    for (language, words) in [
        ("go", ["go1.21.4", "Go 1.24 or later"]),
        ("zig", ["0.13.0", "Zig 0.17"]),
    ] {
        done(&filter(
            folder.path(),
            ["new", "--lang", language, language],
        ));
        let mut build = Command::new(support::agent::binary());
        build
            .current_dir(folder.path())
            .args(["filter", "build", language]);
        let path = std::env::var("PATH").unwrap();
        build.env("PATH", format!("{}:{path}", bin.display()));
        let error = refused(&build.output().unwrap());
        for word in words {
            assert!(error.contains(word), "no `{word}` in {error}");
        }
    }
}

/// The hint was the packages that bring the compiler, which is there.
#[test]
fn a_mistake_in_a_filter_is_told_with_its_place() {
    if !has("c") {
        return;
    }
    let folder = folder();
    done(&filter(folder.path(), ["new", "--lang", "c", "mine"]));
    let source = folder.path().join("mine/filter.c");
    let text = fs::read_to_string(&source).unwrap();
    fs::write(&source, text.replace("ls_discard(batch", "ls_discrd(batch")).unwrap();
    let error = refused(&filter(folder.path(), ["build", "mine"]));
    for word in ["filter.c:", "ls_discrd", "hint: what does not compile"] {
        assert!(error.contains(word), "no `{word}` in {error}");
    }
}

#[test]
fn a_module_that_is_torn_is_told_so_by_every_command() {
    let folder = folder();
    let whole = fs::read(module("guests/noop")).unwrap();
    fs::write(folder.path().join("torn.wasm"), &whole[..whole.len() / 2]).unwrap();
    for command in ["build", "inspect", "run", "bench"] {
        let error = refused(&filter(folder.path(), [command, "torn.wasm"]));
        for word in ["`torn.wasm`", "cut off", "hint: copy"] {
            assert!(error.contains(word), "`{command}`, no `{word}`: {error}");
        }
    }
    assert!(!folder.path().join("torn.filter.wasm").exists());
}

#[test]
fn a_filter_that_loops_fails_its_test_within_the_limit() {
    let folder = folder();
    let examples = "examples:\n  - { name: ends, in: [x], out: [x] }\n";
    fs::write(folder.path().join("examples.yaml"), examples).unwrap();
    let guest = module("guests/loops_forever");
    let output = filter(
        folder.path(),
        [
            "test",
            guest.to_str().unwrap(),
            "--examples",
            "examples.yaml",
            "--limits",
            "cpu_per_batch: 20ms",
        ],
    );
    assert_eq!(output.status.code(), Some(1));
    let shown = text(&output.stdout);
    for word in ["FAIL  ends", "20ms of CPU time", "0 passed, 1 failed"] {
        assert!(shown.contains(word), "no `{word}` in {shown}");
    }
}

#[test]
fn a_module_larger_than_the_agent_takes_is_refused_with_the_limit() {
    let folder = folder();
    let whole = fs::read(module("guests/noop")).unwrap();
    let huge = with_section(&whole, "logsieve:settings-schema", &vec![b' '; 65 << 20]);
    fs::write(folder.path().join("huge.wasm"), huge).unwrap();
    for command in ["build", "inspect", "run"] {
        let error = refused(&filter(folder.path(), [command, "huge.wasm"]));
        assert!(
            error.contains("huge.wasm") && error.contains("64 MiB"),
            "`{command}`: {error}"
        );
    }
}

/// `build` said of it that it fits a ConfigMap.
#[test]
fn a_module_for_another_version_of_the_contract_is_told_with_both() {
    let folder = folder();
    let wat = include_str!("../guests/wat/wrong_wit_version.wat");
    let wrong = wat::parse_str(wat).unwrap();
    fs::write(folder.path().join("wrong.wasm"), wrong).unwrap();
    for command in ["build", "inspect", "run", "bench"] {
        let error = refused(&filter(folder.path(), [command, "wrong.wasm"]));
        for word in [
            "`wrong.wasm`",
            "logsieve:filter@0.9.0",
            "0.1",
            "hint: build",
        ] {
            assert!(error.contains(word), "`{command}`, no `{word}`: {error}");
        }
    }
    assert!(!folder.path().join("wrong.filter.wasm").exists());
}

#[test]
fn examples_that_do_not_parse_are_told_with_their_line() {
    let folder = folder();
    let guest = module("guests/noop");
    for (examples, words) in [
        (
            "examples:\n  - name: a\n   in: [x]\n",
            ["line 3", "did not find"],
        ),
        (
            "examples:\n  - name: a\n    inn: [x]\n",
            ["line 3", "unknown field `inn`"],
        ),
        // What YAML takes for true, and not for a text.
        (
            "examples:\n  - name: a\n    in: [x, y]\n",
            ["line 3", "in quotes"],
        ),
        (
            "examples:\n  - name: a\n    in: [{ text: x, tme: z }]\n",
            ["line 3", "unknown field `tme`"],
        ),
        ("examples: []\n", ["no example", "nothing is tested"]),
    ] {
        fs::write(folder.path().join("examples.yaml"), examples).unwrap();
        let arguments = ["test", guest.to_str().unwrap(), "-e", "examples.yaml"];
        let error = refused(&filter(folder.path(), arguments));
        let told = ["error: examples `examples.yaml`: ", "\nhint: "];
        for word in words.iter().chain(&told) {
            assert!(error.contains(word), "no `{word}`: {error}");
        }
        assert_eq!(error.matches("error").count(), 1, "{error}");
    }
}
