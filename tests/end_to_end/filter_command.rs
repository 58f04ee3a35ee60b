//! `logsieve filter test`: an author's examples, run through the agent's own engine.
//!
//! The ready filters' own examples are run here too, on the modules as they ship.

use std::fs;
use std::path::Path;

use support::agent::{Finished, finish};
use tempfile::tempdir;

use crate::node::module;

/// Runs examples against a module.
fn run(module: &Path, examples: &Path) -> Finished {
    finish([
        "filter".as_ref(),
        "test".as_ref(),
        module.as_os_str(),
        "--examples".as_ref(),
        examples.as_os_str(),
    ])
}

/// Runs examples that are written here.
fn run_text(name: &str, examples: &str) -> Finished {
    let folder = tempdir().unwrap();
    let path = folder.path().join("examples.yaml");
    fs::write(&path, examples).unwrap();
    run(&module(name), &path)
}

#[test]
fn examples_that_hold_pass() {
    let examples = "examples:\n  - { name: nothing changes, in: [a, ü], out: [a, ü] }\n";
    let finished = run_text("guests/noop", examples);
    assert!(
        finished.status.success(),
        "{}{}",
        finished.stdout,
        finished.stderr
    );
    assert!(
        finished.stdout.contains("nothing changes"),
        "{}",
        finished.stdout
    );
    assert!(
        finished.stdout.contains("1 passed, 0 failed"),
        "{}",
        finished.stdout
    );
}

#[test]
fn an_example_that_does_not_hold_fails_and_shows_both() {
    let examples = "examples:\n  - { name: magic, in: [lead], out: [gold] }\n";
    let finished = run_text("guests/noop", examples);
    assert_eq!(finished.status.code(), Some(1));
    for word in ["magic", "lead", "gold", "0 passed, 1 failed"] {
        assert!(
            finished.stdout.contains(word),
            "no `{word}` in: {}",
            finished.stdout
        );
    }
}

#[test]
fn examples_that_are_missing_or_misspelt_are_refused() {
    let missing = run(&module("guests/noop"), Path::new("/no/such/examples.yaml"));
    assert_eq!(missing.status.code(), Some(1));
    assert!(
        missing.stderr.contains("/no/such/examples.yaml"),
        "{}",
        missing.stderr
    );
    let misspelt = run_text(
        "guests/noop",
        "examples:\n  - { name: x, in: [a], uot: [a] }\n",
    );
    assert_eq!(misspelt.status.code(), Some(1));
    assert!(misspelt.stderr.contains("uot"), "{}", misspelt.stderr);
}

#[test]
fn the_examples_of_every_ready_filter_hold() {
    let filters = Path::new(env!("CARGO_MANIFEST_DIR")).join("../filters");
    let mut count = 0;
    for folder in fs::read_dir(&filters)
        .unwrap()
        .flatten()
        .filter(|entry| entry.path().is_dir())
    {
        let name = folder.file_name().into_string().unwrap();
        let built = module(&format!("filters/{}", name.replace('-', "_")));
        let finished = run(&built, &folder.path().join("examples.yaml"));
        assert!(
            finished.status.success(),
            "{name}:\n{}{}",
            finished.stdout,
            finished.stderr
        );
        assert!(
            !finished.stdout.contains("0 passed"),
            "{name} has no examples"
        );
        count += 1;
    }
    assert!(count >= 2, "only {count} filters in {}", filters.display());
}
