//! What Fluent Bit's formats have in common: sections of keys and values, each with the place where
//! it stands. Whoever carries a value over takes it out; what is left at the end was not.

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
