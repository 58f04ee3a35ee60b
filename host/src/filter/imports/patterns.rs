//! `patterns`: regular expressions that the agent runs for a filter, at native speed.
//!
//! One search is linear; *all* matches are not (`.*[^A-Z]|[A-Z]` over 256 KiB of A's once took
//! 57 s), and no epoch fires in native code. So the search looks at the call's deadline between
//! matches and records, matches a record are capped, and compiled size is bounded.

use regex_automata::meta::{Cache, Regex};
use regex_automata::util::iter::Searcher;
use regex_automata::{Anchored, Input};
use wasmtime::component::Resource;

use super::State;
use crate::filter::bindings::logsieve::filter::patterns::{Found, Host, HostPatternSet};
use crate::telemetry::metrics::Limit;

/// Matches a record; more trap the call rather than hide something from a redaction.
pub const MATCHES_PER_RECORD_MAX: usize = 1000;
/// Text of the patterns of one set, bytes: a parser's tree takes up to 2 KiB for each, and no deadline
/// interrupts it.
const TEXT_BYTES_MAX: usize = 16 * 1024;
/// What one set's lazily built automaton may take, bytes; counted whether it does or not.
const CACHE_BYTES: usize = 512 * 1024;
/// How many searches pass between two looks at the deadline.
const SEARCHES_PER_LOOK: usize = 16;

/// Patterns that are searched for together.
pub struct PatternSet {
    regex: Regex,
    cache: Cache,
}

#[derive(Debug, thiserror::Error)]
#[error("record {at}: more than {MATCHES_PER_RECORD_MAX} matches")]
struct TooMany {
    at: usize,
}

impl Host for State {}

impl HostPatternSet for State {
    fn compile(
        &mut self,
        patterns: Vec<String>,
    ) -> wasmtime::Result<Result<Resource<PatternSet>, String>> {
        let text: usize = patterns.iter().map(String::len).sum();
        if text > TEXT_BYTES_MAX {
            let refusal =
                format!("the patterns are {text} bytes long; {TEXT_BYTES_MAX} are allowed");
            return Ok(Err(refusal));
        }
        let taken = self.pattern_bytes + CACHE_BYTES;
        let room = self.pattern_bytes_max.saturating_sub(taken);
        let config = Regex::config()
            .nfa_size_limit(Some(room))
            .hybrid_cache_capacity(CACHE_BYTES)
            .utf8_empty(false);
        let syntax = regex_automata::util::syntax::Config::new().utf8(false);
        let built = Regex::builder()
            .configure(config)
            .syntax(syntax)
            .build_many(&patterns);
        let regex = match built {
            Ok(regex) => regex,
            Err(error) => {
                if error.size_limit().is_some() {
                    self.report.metrics().note(Limit::Patterns, 1, 1);
                }
                return Ok(Err(refusal(&patterns, &error, self.pattern_bytes_max)));
            }
        };
        self.pattern_bytes += regex.memory_usage() + CACHE_BYTES;
        let (used, most) = (self.pattern_bytes as u64, self.pattern_bytes_max as u64);
        self.report.metrics().note(Limit::Patterns, used, most);
        let cache = regex.create_cache();
        let set = PatternSet { regex, cache };
        Ok(Ok(self.table.push(set)?))
    }

    fn find(&mut self, set: Resource<PatternSet>) -> wasmtime::Result<Vec<Found>> {
        let set = self.table.get_mut(&set)?;
        let mut found = Vec::new();
        let batch = &self.batch;
        let mut searches = 0;
        for at in 0..batch.len() {
            let text = batch.record(at);
            let mut searcher = Searcher::new(Input::new(text));
            let mut matches = 0;
            loop {
                look(&mut searches, &mut self.deadline)?;
                let next =
                    searcher.advance(|input| Ok(set.regex.search_with(&mut set.cache, input)));
                let Some(m) = next else {
                    break;
                };
                if matches == MATCHES_PER_RECORD_MAX {
                    return Err(TooMany { at }.into());
                }
                matches += 1;
                found.push(Found {
                    at: small(at),
                    pattern: m.pattern().as_u32(),
                    start: small(m.start()),
                    end: small(m.end()),
                });
            }
        }
        Ok(found)
    }

    fn matches(&mut self, set: Resource<PatternSet>) -> wasmtime::Result<Vec<u32>> {
        let set = self.table.get_mut(&set)?;
        let mut matching = Vec::new();
        let batch = &self.batch;
        let mut searches = 0;
        for at in 0..batch.len() {
            look(&mut searches, &mut self.deadline)?;
            let input = Input::new(batch.record(at))
                .anchored(Anchored::No)
                .earliest(true);
            if set.regex.search_half_with(&mut set.cache, &input).is_some() {
                matching.push(small(at));
            }
        }
        Ok(matching)
    }

    fn drop(&mut self, set: Resource<PatternSet>) -> wasmtime::Result<()> {
        let set = self.table.delete(set)?;
        let bytes = set.regex.memory_usage() + CACHE_BYTES;
        self.pattern_bytes = self.pattern_bytes.saturating_sub(bytes);
        Ok(())
    }
}

fn look(searches: &mut usize, deadline: &mut super::Deadline) -> wasmtime::Result<()> {
    *searches += 1;
    if searches.is_multiple_of(SEARCHES_PER_LOOK) {
        deadline.check()?;
    }
    Ok(())
}

/// Batches are far below 4 GiB, so an offset always fits.
fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn refusal(patterns: &[String], error: &regex_automata::meta::BuildError, most: usize) -> String {
    let which = error
        .pattern()
        .and_then(|id| Some((id, patterns.get(id.as_usize())?)));
    if error.size_limit().is_some() {
        return format!(
            "the patterns are larger than {most} bytes compiled; `limits.patterns` allows more"
        );
    }
    let cause = error
        .syntax_error()
        .map_or_else(|| error.to_string(), ToString::to_string);
    match which {
        Some((id, text)) => format!("pattern {} `{text}`: {cause}", id.as_usize()),
        None => cause,
    }
}
