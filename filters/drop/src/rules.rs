//! A list of texts and patterns, over the records of a batch.
//!
//! Texts are looked for here, a record at a time and only in records that are asked for; patterns
//! are run by the agent, over the whole batch in one call.

use std::iter::Peekable;
use std::vec::IntoIter;

use logsieve_filter::patterns::PatternSet;
use logsieve_filter::{Batch, Record};
use memchr::memmem::Finder;

use crate::settings::List;

/// Compiled, for the life of the filter.
pub(crate) struct Rules {
    texts: Vec<Finder<'static>>,
    patterns: Option<PatternSet>,
}

/// Over one batch.
pub(crate) struct RulesOver<'a> {
    texts: &'a [Finder<'static>],
    /// Records that a pattern matches, ascending.
    matched: Peekable<IntoIter<usize>>,
}

impl Rules {
    /// `name` is the setting's, for errors.
    pub(crate) fn new(name: &str, list: &List) -> Result<Self, String> {
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
        Ok(Self { texts, patterns })
    }

    pub(crate) fn over(&self, batch: &Batch<'_>) -> RulesOver<'_> {
        let matched = self
            .patterns
            .as_ref()
            .map_or_else(Vec::new, |patterns| patterns.matches(batch));
        RulesOver {
            texts: &self.texts,
            matched: matched.into_iter().peekable(),
        }
    }
}

impl RulesOver<'_> {
    /// True when any rule names the record. Ask in ascending order; not every record needs asking.
    pub(crate) fn name(&mut self, at: usize, record: &Record<'_>) -> bool {
        while self.matched.next_if(|&matched| matched < at).is_some() {}
        self.matched.peek() == Some(&at)
            || self
                .texts
                .iter()
                .any(|text| text.find(record.text()).is_some())
    }
}
