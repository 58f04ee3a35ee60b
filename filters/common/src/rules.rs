//! Names records by what they contain: texts, patterns, or how important they are; any of these.
//!
//! Texts and levels are looked for here, a record at a time and only in records that are asked for;
//! patterns are run by the agent, over the whole batch in one call.

use std::fmt;
use std::iter::Peekable;
use std::vec::IntoIter;

use logsieve_filter::patterns::PatternSet;
use logsieve_filter::{Batch, Record};
use memchr::memmem::Finder;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use crate::level::{self, Level};

/// What the operator may say of records.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(remote = "Self", deny_unknown_fields, default)]
pub struct List {
    /// Texts, byte for byte: `DEBUG` is not `debug`.
    pub contains: Vec<String>,
    /// Regular expressions.
    pub patterns: Vec<String>,
    /// How important a record is at least, by what it says itself.
    pub least: Option<Level>,
}

impl List {
    /// Whether it names no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.contains.is_empty() && self.patterns.is_empty() && self.least.is_none()
    }
}

/// A mapping and nothing else: a text, or a list of some, does not say what it is looked for by.
impl<'de> Deserialize<'de> for List {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Mapping)
    }
}

struct Mapping;

impl<'de> Visitor<'de> for Mapping {
    type Value = List;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("`contains`, `patterns` or `least`, as in `{ contains: [DEBUG] }`")
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<List, M::Error> {
        List::deserialize(MapAccessDeserializer::new(map))
    }
}

/// A list, compiled, for the life of the filter.
pub struct Rules {
    texts: Vec<Finder<'static>>,
    least: Option<Level>,
    patterns: Option<PatternSet>,
}

/// A list over one batch.
pub struct RulesOver<'a> {
    texts: &'a [Finder<'static>],
    least: Option<Level>,
    /// Records that a pattern matches, ascending.
    matched: Peekable<IntoIter<usize>>,
}

impl Rules {
    /// Compiles a list; `name` is the setting's, for errors.
    ///
    /// # Errors
    /// When a text is empty, or a pattern does not parse.
    pub fn new(name: &str, list: &List) -> Result<Self, String> {
        if list.contains.iter().any(String::is_empty) {
            return Err(format!(
                "`{name}.contains` has an empty text, which every record contains"
            ));
        }
        let compile = |patterns| {
            PatternSet::compile(patterns).map_err(|why| format!("`{name}.patterns`: {why}"))
        };
        let patterns = (!list.patterns.is_empty())
            .then_some(&list.patterns)
            .map(compile)
            .transpose()?;
        let texts = list
            .contains
            .iter()
            .map(|text| Finder::new(text).into_owned())
            .collect();
        Ok(Self {
            texts,
            least: list.least,
            patterns,
        })
    }

    /// The list over a batch.
    pub fn over(&self, batch: &Batch<'_>) -> RulesOver<'_> {
        let matched = self
            .patterns
            .as_ref()
            .map_or_else(Vec::new, |patterns| patterns.matches(batch));
        RulesOver {
            texts: &self.texts,
            least: self.least,
            matched: matched.into_iter().peekable(),
        }
    }
}

impl RulesOver<'_> {
    /// True when any rule names the record. Ask in ascending order; not every record needs asking.
    pub fn name(&mut self, at: usize, record: &Record<'_>) -> bool {
        while self.matched.next_if(|&matched| matched < at).is_some() {}
        self.matched.peek() == Some(&at)
            || self
                .texts
                .iter()
                .any(|text| text.find(record.text()).is_some())
            || self
                .least
                .is_some_and(|least| level::find(record.text()).is_some_and(|l| l >= least))
    }
}
