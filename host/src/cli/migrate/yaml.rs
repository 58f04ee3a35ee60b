//! What comes as YAML: Fluent Bit's own YAML format, manifests with ConfigMaps that hold configurations,
//! and values of the Helm chart `aws-for-fluent-bit`. A file may hold several documents.

use std::cell::RefCell;
use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use serde_json::{Map, Value};

use super::classic::{self, DEPTH_MAX, Open};
use super::section::{Note, Read, Section, scalar};
use super::values;

/// What only Fluent Bit's own format has at its top.
const OWN: [&str; 6] = [
    "pipeline",
    "includes",
    "parsers",
    "multiline_parsers",
    "upstream_servers",
    "plugins",
];

pub fn read(text: &str, file: &str, open: &Open<'_>) -> anyhow::Result<Read> {
    let documents = documents(text, file)?;
    let mut read = Read::default();
    let mut found = false;
    for document in documents.iter().flat_map(items) {
        match one(document, file, open)? {
            Some(one) => {
                read.extend(one);
                found = true;
            }
            None => read.notes.push(not_read(document, file)),
        }
    }
    if !found {
        bail!(
            "`{file}` is neither Fluent Bit's YAML, nor a ConfigMap with `fluent-bit.conf` or \
             `fluent-bit.yaml`, nor values of the chart `aws-for-fluent-bit`"
        );
    }
    Ok(read)
}

fn documents(text: &str, file: &str) -> anyhow::Result<Vec<Value>> {
    serde_saphyr::from_multiple(text)
        .map_err(|e| anyhow::Error::msg(e.to_string()))
        .with_context(|| format!("`{file}` is no YAML"))
}

/// The objects of a `List`, or the one that it is.
fn items(document: &Value) -> Vec<&Value> {
    let is_list = document.get("kind").and_then(Value::as_str) == Some("List");
    let items = document.get("items").and_then(Value::as_array);
    match items.filter(|_| is_list) {
        Some(items) => items.iter().collect(),
        None => vec![document],
    }
}

fn not_read(document: &Value, file: &str) -> Note {
    let word = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or("?").to_owned();
    let name = document.get("metadata").and_then(|m| m.get("name"));
    let what = format!("{} {}", word(document.get("kind")), word(name));
    Note::fine(
        file,
        what,
        "no configuration of Fluent Bit; the chart has its own",
    )
}

/// One document, if it is any that is known.
fn one(value: &Value, file: &str, open: &Open<'_>) -> anyhow::Result<Option<Read>> {
    if OWN.iter().any(|key| value.get(key).is_some()) {
        let mut read = Read::default();
        let mut env = BTreeMap::new();
        own(value, (file, open), 0, &mut env, &mut read)?;
        read.substitute(&env);
        return Ok(Some(read));
    }
    match value.get("kind").and_then(Value::as_str) {
        Some("ConfigMap") => return config_map(value),
        Some(_) => return Ok(None),
        None => {}
    }
    let is_chart = values::PARTS.iter().any(|key| value.get(key).is_some());
    is_chart.then(|| values::read(value, file)).transpose()
}

/// An object of Fluent Bit's YAML as a section.
fn section(kind: &str, at: &str, entries: &Map<String, Value>) -> Section {
    let mut section = Section::new(kind, at);
    for (key, value) in entries {
        let text = scalar(value).unwrap_or_else(|| value.to_string());
        section.push(key, &text, &format!("{at}.{key}"));
    }
    section
}

/// `service:`, `pipeline: { inputs, filters, outputs }`, `env:`, `includes:`, and parsers.
fn own(
    value: &Value,
    (file, open): (&str, &Open<'_>),
    depth: usize,
    env: &mut BTreeMap<String, String>,
    read: &mut Read,
) -> anyhow::Result<()> {
    for (key, value) in value.as_object().into_iter().flatten() {
        let at = format!("{file}: {key}");
        match (key.as_str(), value) {
            ("service", Value::Object(service)) => {
                read.sections.push(section("service", &at, service));
            }
            ("pipeline", Value::Object(pipeline)) => {
                for (key, all) in pipeline {
                    list(key.trim_end_matches('s'), &format!("{at}.{key}"), all, read);
                }
            }
            ("env", Value::Object(all)) => {
                let known = |(name, value): (&String, &Value)| Some((name.clone(), scalar(value)?));
                env.extend(all.iter().filter_map(known));
            }
            ("includes", Value::Array(all)) => {
                if depth == DEPTH_MAX {
                    bail!("{at}: files include each other more than {DEPTH_MAX} deep");
                }
                for name in all.iter().filter_map(Value::as_str) {
                    include(name, &at, open, depth, env, read)?;
                }
            }
            ("parsers", all) => list("parser", &at, all, read),
            ("multiline_parsers", all) => list("multiline_parser", &at, all, read),
            (_, value) => list(key, &at, value, read),
        }
    }
    Ok(())
}

fn include(
    name: &str,
    at: &str,
    open: &Open<'_>,
    depth: usize,
    env: &mut BTreeMap<String, String>,
    read: &mut Read,
) -> anyhow::Result<()> {
    let files = open(name);
    if files.is_empty() {
        let why = "it is not there, so nothing of it is carried over";
        read.notes.push(Note::lost(at, name, why));
    }
    for (file, text) in files {
        if file.ends_with(".conf") {
            read.extend(classic::read(&text, &file, open)?);
            continue;
        }
        for document in &documents(&text, &file)? {
            own(document, (&file, open), depth + 1, env, read)?;
        }
    }
    Ok(())
}

/// Each object of a list as a section; what is none is said.
fn list(kind: &str, at: &str, all: &Value, read: &mut Read) {
    let all = match all {
        Value::Array(all) => all.as_slice(),
        Value::Null => &[],
        one => std::slice::from_ref(one),
    };
    for (number, one) in all.iter().enumerate() {
        let at = format!("{at}[{number}]");
        match one {
            Value::Object(entries) => read.sections.push(section(kind, &at, entries)),
            other => {
                let why = "there is no such section";
                read.notes.push(Note::lost(&at, other.to_string(), why));
            }
        }
    }
}

/// The entries of a ConfigMap, beginning with `fluent-bit.conf`, which includes the others.
fn config_map(value: &Value) -> anyhow::Result<Option<Read>> {
    let Some(data) = value.get("data").and_then(Value::as_object) else {
        return Ok(None);
    };
    let text = |name: &str| data.get(name)?.as_str();
    let opened = RefCell::new(Vec::new());
    let open = |pattern: &str| {
        let globs = crate::record::Globs::One(pattern.trim_start_matches("./").to_owned());
        let all = data.iter().filter(|(name, _)| globs.matches(name));
        let all: Vec<(String, String)> = all
            .map(|(name, v)| (name.clone(), v.as_str().unwrap_or_default().to_owned()))
            .collect();
        let names = all.iter().map(|(name, _)| name.clone());
        opened.borrow_mut().extend(names);
        all
    };
    let (main, mut all) = if let Some(main) = text("fluent-bit.conf") {
        let sections = classic::read(main, "fluent-bit.conf", &open)?;
        ("fluent-bit.conf", Read::from(sections))
    } else if let Some(main) = text("fluent-bit.yaml") {
        ("fluent-bit.yaml", read(main, "fluent-bit.yaml", &open)?)
    } else {
        return Ok(None);
    };
    let opened = opened.borrow();
    let is_named = |name: &String| {
        let entries = all.sections.iter().flat_map(|s| &s.entries);
        opened.contains(name) || entries.into_iter().any(|e| e.value.contains(name.as_str()))
    };
    let others = data.keys().filter(|name| *name != main && !is_named(name));
    let why = "nothing includes it, so it is not read";
    let notes: Vec<Note> = others.map(|name| Note::fine(name, name, why)).collect();
    all.notes.extend(notes);
    Ok(Some(all))
}
