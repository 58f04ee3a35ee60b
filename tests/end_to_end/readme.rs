//! What the README tells people to type is typed here, and its configuration is loaded.
//!
//! A command line that this test does not know fails it, so that none goes untried.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::node::{Node, module};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn readme() -> String {
    fs::read_to_string(repository().join("README.md")).expect("there is a README")
}

/// The fenced blocks of this language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    text.split(&fence)
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or(rest))
        .collect()
}

#[test]
fn the_command_lines_of_the_readme_work() {
    let text = readme();
    let lines = blocks(&text, "console").into_iter().flat_map(str::lines);
    let typed = lines.filter_map(|line| line.strip_prefix("$ "));
    let commands: Vec<&str> = typed
        .map(|line| line.split('#').next().unwrap_or(line).trim())
        .collect();
    assert!(commands.contains(&"cargo xtask demo"), "{commands:?}");
    for command in commands {
        match command {
            "cargo xtask demo" => demo(),
            // It runs this very test; that it works is what the run in hand shows.
            "cargo xtask test" => {
                let ci = fs::read_to_string(repository().join(".ci/run")).unwrap();
                assert!(
                    ci.lines().any(|line| line == command),
                    "`.ci/run` does not run it"
                );
            }
            other => panic!("the README says `{other}`, and no test tries it"),
        }
    }
}

fn demo() {
    let xtask = support::agent::binary().with_file_name("xtask");
    let output = Command::new(&xtask)
        .arg("demo")
        .current_dir(repository())
        .output();
    let output = output.unwrap_or_else(|error| panic!("cannot run {}: {error}", xtask.display()));
    let shown = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shown}{said}");
    // The README shows a piece of it, and shows it as it is.
    let readme = readme();
    let piece = blocks(&readme, "text")
        .into_iter()
        .find(|block| block.contains("  ->  "));
    let piece = piece.expect("the README shows what the demo shows");
    for line in piece.lines().filter(|line| !line.is_empty()) {
        let is_shown = shown.lines().any(|shown| shown.trim() == line.trim());
        assert!(
            is_shown,
            "the README says that the demo shows\n{line}\nbut it shows\n{shown}"
        );
    }
}

#[test]
fn the_readmes_configuration_is_one() {
    let text = readme();
    let node = Node::new();
    let mut found = 0;
    for block in blocks(&text, "yaml")
        .into_iter()
        .filter(|block| block.contains("destinations:"))
    {
        let filters = module("filters/redact");
        let folder = filters.parent().unwrap().to_str().unwrap();
        let source = node.kubelet.pods();
        let config = block.replace("/etc/logsieve/filters", folder);
        let config = format!(
            "{config}source: {{ container_log: {{ path: {} }} }}\n",
            source.display()
        );
        let path = node.path().join("readme.yaml");
        fs::write(&path, config).unwrap();
        let finished =
            support::agent::finish(["check".as_ref(), "--config".as_ref(), path.as_os_str()]);
        assert!(
            finished.status.success(),
            "{}{}",
            finished.stdout,
            finished.stderr
        );
        found += 1;
    }
    assert!(found > 0, "the README shows no configuration");
}
