//! The Dockerfile, as far as it can be held to its word without building it: what it copies and runs is
//! there, its compiler and its base fit the workspace and the binary, and what it starts is what the
//! manifest tells it. An image that was built is tested by `as_in_a_pod` in `tests/end_to_end`.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::{deploy, objects, of_kind, read};

/// What `gcr.io/distroless/cc-debian12` has beside certificates: glibc and libgcc.
const BASE_LIBRARIES: [&str; 6] = [
    "linux-vdso",
    "ld-linux",
    "libc.so",
    "libm.so",
    "libgcc_s.so",
    "libpthread.so",
];

/// Instructions and what they say, comments and line breaks taken out.
fn instructions() -> Vec<(String, String)> {
    let text = read("Dockerfile");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let joined = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let all = joined.lines().filter(|line| !line.trim().is_empty());
    let split = |line: &str| {
        let (word, rest) = line.split_once(' ').unwrap_or_else(|| panic!("`{line}`"));
        let rest: Vec<&str> = rest.split_whitespace().collect();
        (word.to_owned(), rest.join(" "))
    };
    all.map(split).collect()
}

fn of<'a>(all: &'a [(String, String)], word: &str) -> Vec<&'a str> {
    let of_it = all.iter().filter(|(w, _)| w == word);
    of_it.map(|(_, rest)| rest.as_str()).collect()
}

fn list(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("`{text}` is no list: {e}"))
}

#[test]
fn it_is_made_of_known_instructions_in_an_order_that_works() {
    let all = instructions();
    let words: Vec<&str> = all.iter().map(|(word, _)| word.as_str()).collect();
    let expected = [
        "FROM",
        "ARG",
        "WORKDIR",
        "COPY",
        "RUN",
        "FROM",
        "LABEL",
        "COPY",
        "COPY",
        "STOPSIGNAL",
        "ENTRYPOINT",
        "CMD",
    ];
    assert_eq!(words, expected);
}

#[test]
fn its_compiler_is_the_workspaces_and_its_base_is_of_the_same_debian() {
    let all = instructions();
    let from = of(&all, "FROM");
    let version = of_workspace("rust-version");
    // It runs on the builder's own processor, whatever it builds for.
    assert_eq!(
        from[0],
        format!("--platform=$BUILDPLATFORM rust:{version}-slim-bookworm AS build")
    );
    // glibc of the build has to be that of the base: bookworm is Debian 12.
    assert_eq!(from[1], "gcr.io/distroless/cc-debian12:nonroot");
}

/// What the workspace's manifest says of itself.
fn of_workspace(key: &str) -> String {
    let manifest = std::fs::read_to_string(deploy("../Cargo.toml")).expect("the workspace");
    let start = format!("{key} = ");
    let value = manifest.lines().find_map(|l| l.strip_prefix(&start));
    value.expect("it is there").trim_matches('"').to_owned()
}

#[test]
fn its_labels_say_what_the_workspace_and_the_chart_say() {
    let all = instructions();
    let labels = of(&all, "LABEL")[0];
    let chart: Value = serde_saphyr::from_str(&read("chart/Chart.yaml")).expect("it is YAML");
    let text = |key: &str| chart[key].as_str().unwrap_or_default().to_owned();
    for (label, value) in [
        ("title", text("name")),
        ("description", text("description")),
        ("version", text("appVersion")),
        ("version", of_workspace("version")),
        ("licenses", of_workspace("license")),
        ("base.name", of(&all, "FROM")[1].to_owned()),
    ] {
        let label = format!("org.opencontainers.image.{label}=\"{value}\"");
        assert!(labels.contains(&label), "{label}: {labels}");
    }
}

#[test]
fn what_it_builds_and_copies_is_there() {
    let all = instructions();
    let run = of(&all, "RUN")[0];
    for command in [
        "cargo build --release --locked --workspace --bin logsieve",
        "cargo xtask wasm",
        "\"$strip\" --strip-debug -o /out/logsieve \"target/$target/release/logsieve\"",
        "install -m 0644 target/filters/*.wasm /out/etc/logsieve/filters/",
    ] {
        assert!(run.contains(command), "{command}");
    }
    assert!(
        run.contains(" set -eu; "),
        "a failing command ends the build"
    );
    let copies = of(&all, "COPY");
    assert_eq!(copies[1], "--from=build /out/etc /etc");
    assert_eq!(copies[2], "--from=build /out/logsieve /usr/bin/logsieve");
    let ignored = read("Dockerfile.dockerignore");
    assert!(ignored.contains("**/target"), "gigabytes would be sent");
    for member in ["host", "guest-sdk", "filters", "tests", "xtask", "wit"] {
        assert!(!ignored.lines().any(|line| line == member), "{member}");
    }
}

#[test]
fn what_it_starts_is_what_the_manifest_tells_it() {
    let all = instructions();
    assert_eq!(
        list(of(&all, "ENTRYPOINT")[0]),
        json!(["/usr/bin/logsieve"])
    );
    let base = objects(&read("kustomize/base/daemonset.yaml"));
    let container = &of_kind(&base, "DaemonSet")["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(list(of(&all, "CMD")[0]), container["args"]);
}

#[test]
fn the_base_has_every_library_that_the_agent_loads() {
    let program = support::agent::binary();
    let Ok(told) = Command::new("ldd").arg(&program).output() else {
        eprintln!("there is no ldd: nothing was tested");
        return;
    };
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    for line in told.lines() {
        let library = line.split_whitespace().next().unwrap_or_default();
        let name = Path::new(library).file_name().unwrap_or_default();
        let name = name.to_string_lossy();
        let has = BASE_LIBRARIES.iter().any(|known| name.starts_with(known));
        assert!(has, "`{name}` is not in the image");
    }
    assert!(told.contains("libc.so"), "{told}");
}

/// Where hadolint is on the path, or named by the variable HADOLINT.
#[test]
fn hadolint_finds_nothing_to_say() {
    let hadolint = std::env::var_os("HADOLINT").unwrap_or_else(|| "hadolint".into());
    let Ok(output) = Command::new(hadolint).arg(deploy("Dockerfile")).output() else {
        eprintln!("there is no hadolint: the Dockerfile is not linted here");
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.is_empty(), "{said}");
}
