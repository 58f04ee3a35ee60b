//! The agent's pattern matcher, natively: same engine, same rules, same words in its errors.
//!
//! One difference: the agent also stops a search at the call's deadline.

use regex_automata::meta::{BuildError, Regex};
use regex_automata::util::syntax;

use crate::Columns;
use crate::batch::text;
use crate::wire::logsieve::filter::patterns::Found;

const COMPILED_BYTES_MAX: usize = 4 << 20;
const MATCHES_PER_RECORD_MAX: usize = 1_000;

pub(crate) struct Compiled(Regex);

impl Compiled {
    pub(crate) fn compile(patterns: &[String]) -> Result<Self, String> {
        // Log bytes need not be UTF-8, and an empty match may lie between any two of them.
        let config = Regex::config()
            .utf8_empty(false)
            .nfa_size_limit(Some(COMPILED_BYTES_MAX));
        let built = Regex::builder()
            .configure(config)
            .syntax(syntax::Config::new().utf8(false))
            .build_many(patterns);
        built.map(Self).map_err(|error| explain(patterns, &error))
    }

    pub(crate) fn find(&self, columns: &Columns) -> Vec<Found> {
        let mut found = Vec::new();
        for at in 0..columns.ends.len() {
            for (n, one) in self.0.find_iter(text(columns, at)).enumerate() {
                assert!(
                    n < MATCHES_PER_RECORD_MAX,
                    "patterns match more than 1,000 times in record {at}"
                );
                found.push(Found {
                    at: at as u32,
                    pattern: one.pattern().as_u32(),
                    start: one.start() as u32,
                    end: one.end() as u32,
                });
            }
        }
        found
    }

    pub(crate) fn matches(&self, columns: &Columns) -> Vec<u32> {
        let matching = (0..columns.ends.len()).filter(|&at| self.0.is_match(text(columns, at)));
        matching.map(|at| at as u32).collect()
    }
}

fn explain(patterns: &[String], error: &BuildError) -> String {
    if error.size_limit().is_some() {
        return format!("patterns are larger than {COMPILED_BYTES_MAX} bytes when compiled");
    }
    let cause = error
        .syntax_error()
        .map_or_else(|| error.to_string(), ToString::to_string);
    match error.pattern() {
        Some(id) => format!(
            "pattern {} (`{}`): {cause}",
            id.as_u32(),
            patterns[id.as_usize()]
        ),
        None => cause,
    }
}
