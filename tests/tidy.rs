//! Tests the code itself: headers, lengths, arrows, guests without a test, papers that must exist.
//!
//! It reads Rust by line, not by syntax: `cargo fmt` is checked before it, so a function ends at
//! the brace that stands under its first letter. What it does not see is said where it looks:
//! names behind a macro, an arrow made by a re-export. It passes over folders that do not exist
//! yet, and tells every violation at once, not the first.

#[path = "tidy/arrows.rs"]
mod arrows;
#[path = "tidy/source.rs"]
mod source;

use std::fs;
use std::path::Path;

use source::{SourceFile, repository, rust_files, text_files};

/// Longest function, lines.
const FUNCTION_LINES_MAX: usize = 70;

/// Longest file without its tests, lines.
const FILE_LINES_MAX: usize = 400;

/// Lines of a file's header.
const HEADER_LINES: std::ops::RangeInclusive<usize> = 2..=12;

/// Where Rust lies in the repository.
const RUST: [&str; 5] = ["host", "guest-sdk/rust", "filters", "tests", "xtask"];

/// Fails with all that was found.
fn none_of(found: Vec<String>) {
    assert!(
        found.is_empty(),
        "{} to put right:\n{}",
        found.len(),
        found.join("\n")
    );
}

fn all_rust() -> Vec<SourceFile> {
    RUST.iter()
        .flat_map(|folder| rust_files(&repository().join(folder)))
        .collect()
}

#[test]
fn every_file_says_what_it_is_for() {
    let told = |file: &SourceFile| {
        let lines = file.header_lines();
        // The root of a library is its manual: there is no upper limit.
        let enough = HEADER_LINES.contains(&lines) || (file.is_library() && lines > 12);
        (!enough).then(|| {
            format!(
                "{}: a `//!` of {lines} lines, not {HEADER_LINES:?}",
                file.name
            )
        })
    };
    none_of(all_rust().iter().filter_map(told).collect());
}

#[test]
fn no_file_is_too_long() {
    let long = |file: &SourceFile| {
        let lines = file.lines_without_tests();
        let too_long = lines > FILE_LINES_MAX && !file.is_unit_tests();
        too_long.then(|| format!("{}: {lines} lines, at most {FILE_LINES_MAX}", file.name))
    };
    none_of(all_rust().iter().filter_map(long).collect());
}

#[test]
fn no_function_is_too_long() {
    let long = |file: SourceFile| {
        let functions = file
            .functions()
            .into_iter()
            .filter(|f| f.lines > FUNCTION_LINES_MAX);
        let tell = |f: source::Function| {
            let source::Function { name, line, lines } = f;
            format!(
                "{}:{line}: `{name}` has {lines} lines, at most {FUNCTION_LINES_MAX}",
                file.name
            )
        };
        functions.map(tell).collect::<Vec<_>>()
    };
    none_of(all_rust().into_iter().flat_map(long).collect());
}

#[test]
fn modules_import_only_along_the_arrows() {
    none_of(arrows::violations(&rust_files(
        &repository().join("host/src"),
    )));
}

#[test]
fn modules_do_not_import_each_other_in_a_circle() {
    none_of(arrows::cycles(&rust_files(&repository().join("host/src"))));
}

/// Rule 6: log files only through `files.rs`, AWS only inside the sink for it. Time is held by
/// clippy, in `host/clippy.toml`.
#[test]
fn seams_are_not_passed_by() {
    let mut found = Vec::new();
    for file in rust_files(&repository().join("host/src")) {
        let in_source =
            file.name.starts_with("host/src/source/") && !file.name.ends_with("/files.rs");
        let in_sink = file.name.starts_with("host/src/sink/cloudwatch");
        for (number, line) in file.code_without_tests() {
            if in_source && (line.contains("std::fs") || line.contains("File::open")) {
                found.push(format!(
                    "{}:{number}: log files are opened by `files.rs` alone",
                    file.name
                ));
            }
            if !in_sink && (line.contains("aws_sdk_") || line.contains("aws_config")) {
                found.push(format!(
                    "{}:{number}: AWS is spoken to by `sink/cloudwatch` alone",
                    file.name
                ));
            }
        }
    }
    none_of(found);
}

/// A guest is a filter that behaves in one special way; without a test it proves nothing.
#[test]
fn every_guest_is_named_by_a_test() {
    let guests = rust_files(&repository().join("tests/guests/examples"));
    let tests: String = rust_files(&repository().join("tests"))
        .into_iter()
        .chain(rust_files(&repository().join("host")))
        .filter(|file| !file.name.starts_with("tests/guests/"))
        .map(|file| file.text)
        .collect();
    let by_hand = text_files(&repository().join("tests/guests/wat"));
    let by_hand = by_hand
        .into_iter()
        .map(|(name, text)| SourceFile { name, text });
    let guests: Vec<SourceFile> = guests.into_iter().chain(by_hand).collect();
    let untested = |guest: &SourceFile| {
        let name = Path::new(&guest.name).file_stem()?.to_str()?;
        let named = [
            format!("\"{name}\""),
            format!("{name}.wasm"),
            format!("{name}.wat"),
        ]
        .iter()
        .any(|n| tests.contains(n));
        (!named).then(|| format!("{}: no test names the guest `{name}`", guest.name))
    };
    none_of(guests.iter().filter_map(untested).collect());
}

#[test]
fn no_file_leans_on_what_is_outside_the_repository() {
    // Put together here, so that this file does not name them.
    let outside = [["..", "/shared"].concat(), ["/work", "/main"].concat()];
    let names = |(name, text): (String, String)| {
        let found = outside.iter().find(|path| text.contains(*path))?;
        Some(format!("{name}: names `{found}`"))
    };
    none_of(
        text_files(repository())
            .into_iter()
            .filter_map(names)
            .collect(),
    );
}

#[test]
fn the_papers_exist() {
    let papers = ["README.md", "CHANGELOG.md", "LICENSE"];
    let missing =
        |name: &&str| !fs::metadata(repository().join(name)).is_ok_and(|file| file.len() > 0);
    none_of(
        papers
            .iter()
            .filter(|name| missing(name))
            .map(|name| format!("{name} is missing"))
            .collect(),
    );
}
