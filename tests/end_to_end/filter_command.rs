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
        // What filters share is none.
        .filter(|entry| entry.path().is_dir() && entry.file_name() != "common")
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
    assert!(count >= 10, "only {count} filters in {}", filters.display());
}

/// `filters/README.md` says what stands in place of Fluent Bit's filters, and which example shows it.
#[test]
fn what_the_readme_says_of_fluent_bits_filters_is_shown_by_examples() {
    let filters = Path::new(env!("CARGO_MANIFEST_DIR")).join("../filters");
    let readme = fs::read_to_string(filters.join("README.md")).unwrap();
    let (_, table) = readme
        .split_once("| Fluent Bit | here | example |")
        .unwrap();
    let mut count = 0;
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let example = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let (filter, name) = example.split_once(": ").unwrap();
        let examples = filters.join(filter.trim_matches('`')).join("examples.yaml");
        let examples = fs::read_to_string(examples).unwrap();
        let named = format!("- name: {name}\n");
        assert!(examples.contains(&named), "no example `{name}` of {filter}");
        count += 1;
    }
    assert!(count >= 12, "only {count} rows");
    for word in [
        "grep",
        "modify",
        "parser",
        "multiline",
        "throttle",
        "Merge_Log",
    ] {
        assert!(table.contains(word), "nothing is said of `{word}`");
    }
}

/// Each kind of change in the contract, made by a guest that does what a record's text says.
#[test]
fn every_change_of_the_contract_is_applied() {
    let examples = r#"
examples:
  - { name: drop, in: [drop, kept], out: [kept] }
  - { name: replace, in: ["replace hello"], out: [hello] }
  - { name: splice, in: ["splice 0..6 cut"], out: ["cut 0..6 cut"] }
  - { name: splices, in: ["splice 0..1 S; splice 5..6 E"], out: ["SplicE 0..1 S; splice 5..6 E"] }
  - { name: add, in: ["add more", next], out: ["add more", more, next] }
  - { name: drop and add, in: ["drop; add a; add b"], out: [a, b] }
  - name: a time
    in: ["set-time 1795464000000000000"]
    out: [{ text: "set-time 1795464000000000000", time: "2026-11-23T20:00:00Z" }]
  - name: added records have the time and the route of theirs
    in: [{ text: "set-time 1795464000000000000; route audit; add b", stream: stderr }]
    out:
      - { text: "set-time 1795464000000000000; route audit; add b", route: audit, stream: stderr }
      - { text: b, time: "2026-11-23T20:00:00Z", route: audit, stream: stderr }
"#;
    let finished = run_text("guests/every_change", examples);
    assert!(
        finished.status.success(),
        "{}{}",
        finished.stdout,
        finished.stderr
    );
}

#[test]
fn every_broken_rule_of_the_contract_is_an_error_of_the_whole_outcome() {
    let rules = [
        "out_of_range",
        "out_of_order",
        "splice_past_the_end",
        "overlapping_splices",
        "drop_twice",
        "drop_and_replace",
        "time_after_add",
        "unknown_route",
        "edit_on_held",
        "hold_on_last",
        "hold_too_many",
    ];
    let example = |rule: &&str| {
        format!(
            "  - {{ name: {rule}, settings: {{ rule: {rule} }}, in: [abc, def], out: [abc, def] }}\n"
        )
    };
    let examples = format!(
        "examples:\n{}",
        rules.iter().map(example).collect::<String>()
    );
    let finished = run_text("guests/bad_edits", &examples);
    // An error, not a difference: differences are shown with `+` and `-`.
    let said = &finished.stdout;
    assert!(
        said.contains("0 passed, 11 failed") && !said.contains("+ {"),
        "{said}"
    );
    assert!(!said.contains("no rule is called"), "{said}");
}

#[test]
fn patterns_are_found_leftmost_first_and_by_record() {
    let examples = r#"
settings: { patterns: ["[0-9]+", "[a-z]+"] }
examples:
  - { name: places, in: ["ab 12", "", "7"], out: ["! 1:0..2 0:3..5", "", "! 0:0..1"] }
  - { name: the earlier pattern wins, settings: { patterns: ["a", "ab"] }, in: [ab], out: ["! 0:0..1"] }
"#;
    let finished = run_text("guests/finds_patterns", examples);
    assert!(
        finished.status.success(),
        "{}{}",
        finished.stdout,
        finished.stderr
    );
}

#[test]
fn a_pattern_that_does_not_parse_is_named() {
    let examples =
        "examples:\n  - { name: x, settings: { patterns: [\"(\"] }, in: [a], out: [a] }\n";
    let finished = run_text("guests/finds_patterns", examples);
    assert_eq!(finished.status.code(), Some(1));
    assert!(finished.stdout.contains("pattern"), "{}", finished.stdout);
}

#[test]
fn a_filter_that_is_refused_memory_may_go_on_without_it() {
    let examples = r#"
examples:
  - { name: goes on, in: [a], out: ["refused: true"] }
  - { name: a trap of its own, in: [poison], out: [] }
"#;
    let finished = run_text("guests/copes_without_memory", examples);
    let said = &finished.stdout;
    assert!(
        said.contains("ok    goes on") && said.contains("FAIL  a trap of its own"),
        "{said}"
    );
    assert!(
        said.contains("trapped") && !said.contains("limits.memory"),
        "memory was not the cause:\n{said}"
    );
}
