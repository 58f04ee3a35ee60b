//! Holds `deploy/METRICS.md` to what is registered: the table is made from the sources of this folder,
//! and `LOGSIEVE_UPDATE=1 cargo test --lib metrics` writes it anew.

use std::collections::BTreeMap;
use std::path::Path;

use regex_automata::meta::Regex;

use super::*;

/// Name and help of each metric that a source registers.
fn registered() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/telemetry");
    let mut sources = vec![folder.join("metrics.rs")];
    let more = std::fs::read_dir(folder.join("metrics")).unwrap();
    sources.extend(more.map(|entry| entry.unwrap().path()));
    let pattern = Regex::new(r#""([a-z0-9_]+)",\s*"([A-Z0-9][^"]+)","#).unwrap();
    let mut found = BTreeMap::new();
    for source in sources.iter().filter(|s| !s.ends_with("tests.rs")) {
        let text = std::fs::read_to_string(source).unwrap();
        let mut captures = pattern.create_captures();
        let mut from = 0;
        while from < text.len() {
            pattern.captures(&text[from..], &mut captures);
            let (Some(all), Some(name), Some(help)) = (
                captures.get_group(0),
                captures.get_group(1),
                captures.get_group(2),
            ) else {
                break;
            };
            let rest = &text[from..];
            found.insert(rest[name.range()].to_owned(), rest[help.range()].to_owned());
            from += all.end;
        }
    }
    found
}

fn table() -> String {
    let mut text = String::from(
        "# Metrics\n\nWhat `/metrics` shows, made from the sources by a test. Counters have `_total` behind \
         their name there.\n\n| metric | what it says |\n|---|---|\n",
    );
    for (name, help) in registered() {
        text += &format!("| `logsieve_{name}` | {help} |\n");
    }
    text
}

#[test]
fn every_metric_is_in_the_table_of_metrics() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/METRICS.md");
    if std::env::var_os("LOGSIEVE_UPDATE").is_some() {
        std::fs::write(&path, table()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(written, table(), "LOGSIEVE_UPDATE=1 writes it anew");
    let known = registered();
    for line in Metrics::default().text().lines() {
        let Some(rest) = line.strip_prefix("# HELP logsieve_") else {
            continue;
        };
        let name = rest.split(' ').next().unwrap();
        assert!(
            known.contains_key(name),
            "`{name}` is registered, and not in the table"
        );
    }
}
