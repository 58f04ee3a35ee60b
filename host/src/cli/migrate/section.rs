//! What Fluent Bit's formats have in common: sections of keys and values, each with the place where
//! it stands. Whoever carries a value over takes it out; what is left at the end was not.

use std::collections::BTreeMap;

use serde_json::Value;

/// `[INPUT]` and its lines, or the same in YAML.
#[derive(Debug, Clone, Default)]
pub struct Section {
    /// `service`, `input`, `filter`, `output`, `parser`, ...
    pub kind: String,
    pub at: String,
    pub entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
pub struct Entry {
    pub key: String,
    pub value: String,
    pub at: String,
}

impl Entry {
    /// As it stands in the classic format.
    pub fn line(&self) -> String {
        format!("{} {}", self.key, self.value)
    }
}

impl Section {
    pub fn new(kind: &str, at: &str) -> Self {
        Self {
            kind: kind.to_lowercase(),
            at: at.to_owned(),
            entries: Vec::new(),
        }
    }

    /// Its `Name`: which plugin, which parser.
    pub fn name(&self) -> String {
        let name = self
            .entries
            .iter()
            .find(|e| e.key.eq_ignore_ascii_case("name"));
        name.map(|e| e.value.to_lowercase()).unwrap_or_default()
    }

    pub fn push(&mut self, key: &str, value: &str, at: &str) {
        self.entries.push(Entry {
            key: key.to_owned(),
            value: value.trim().to_owned(),
            at: at.to_owned(),
        });
    }

    /// Takes a value out, whatever the spelling of its key.
    pub fn take(&mut self, key: &str) -> Option<Entry> {
        let at = self
            .entries
            .iter()
            .position(|e| e.key.eq_ignore_ascii_case(key))?;
        Some(self.entries.remove(at))
    }

    pub fn text(&mut self, key: &str) -> Option<String> {
        self.take(key).map(|e| e.value).filter(|v| !v.is_empty())
    }

    pub fn is_on(&mut self, key: &str, otherwise: bool) -> bool {
        self.text(key).map_or(otherwise, |value| is_true(&value))
    }
}

pub fn is_true(value: &str) -> bool {
    ["on", "true", "yes"]
        .iter()
        .any(|t| value.eq_ignore_ascii_case(t))
}

/// A value of YAML as it would stand in the classic format; none of what has keys of its own.
pub fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(all) => {
            let all: Option<Vec<_>> = all.iter().map(scalar).collect();
            all.map(|all| all.join(", "))
        }
        Value::Null | Value::Object(_) => None,
    }
}

/// A value with `${NAME}` in it, as far as the names are known.
pub fn substitute(value: &str, known: &BTreeMap<String, String>) -> String {
    known.iter().fold(value.to_owned(), |value, (name, to)| {
        value.replace(&format!("${{{name}}}"), to)
    })
}

/// A whole configuration: its sections, and what its reader had no section for.
#[derive(Debug, Default)]
pub struct Read {
    pub sections: Vec<Section>,
    pub notes: Vec<Note>,
}

impl Read {
    pub fn extend(&mut self, more: impl Into<Read>) {
        let more = more.into();
        self.sections.extend(more.sections);
        self.notes.extend(more.notes);
    }

    pub fn substitute(&mut self, known: &BTreeMap<String, String>) {
        for entry in self.sections.iter_mut().flat_map(|s| &mut s.entries) {
            entry.value = substitute(&entry.value, known);
        }
    }
}

impl From<Vec<Section>> for Read {
    fn from(sections: Vec<Section>) -> Self {
        Self {
            sections,
            notes: Vec::new(),
        }
    }
}

/// Something that the reader has to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    at: String,
    what: String,
    why: String,
    /// It has no counterpart.
    pub is_lost: bool,
}

impl Note {
    pub fn lost(at: &str, what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            at: at.to_owned(),
            what: what.into(),
            why: why.into(),
            is_lost: true,
        }
    }

    pub fn fine(at: &str, what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            is_lost: false,
            ..Self::lost(at, what, why)
        }
    }
}

impl Note {
    /// What notes are sorted by: the file, then the line as a number.
    pub fn place(&self) -> (String, usize, String) {
        let (file, rest) = self.at.split_once(':').unwrap_or((&self.at, ""));
        (file.to_owned(), rest.parse().unwrap_or(0), rest.to_owned())
    }
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = if self.is_lost {
            "not carried over"
        } else {
            "note"
        };
        write!(f, "{}: `{}`: {kind}: {}", self.at, self.what, self.why)
    }
}
