//! `patterns`: regular expressions that the agent runs for a filter, at native speed.
//!
//! One search is linear; *all* matches are not (`.*[^A-Z]|[A-Z]` over 256 KiB of A's once took
//! 57 s), and no epoch fires in native code. So the search looks at the call's deadline between
//! matches and records, matches a record are capped, and compiled size is bounded. Where even one search
//! may take long, it is one that can be stopped (`careful`).

mod careful;

use regex_automata::meta::{Cache, Regex};
use regex_automata::util::iter::Searcher;
use regex_automata::{Anchored, Input, Match};
use wasmtime::component::Resource;

use self::careful::Careful;
use super::State;
use crate::filter::bindings::logsieve::filter::patterns::{Found, Host, HostPatternSet};
use crate::filter::limits::deadline::{Deadline, Overran};
use crate::telemetry::metrics::Limit;

/// Matches a record; more trap the call rather than hide something from a redaction.
pub const MATCHES_PER_RECORD_MAX: usize = 1000;
/// Text of the patterns of one set, bytes: a parser's tree takes up to 2 KiB for each, and no deadline
/// interrupts it.
const TEXT_BYTES_MAX: usize = 16 * 1024;
/// What one set's lazily built automata may take, bytes; counted whether it does or not.
const CACHE_BYTES: usize = 512 * 1024;

/// Patterns that are searched for together.
pub struct PatternSet {
    regex: Regex,
    cache: Cache,
    careful: Careful,
}

impl PatternSet {
    /// What it takes of `limits.patterns`.
    fn bytes(&self) -> usize {
        self.regex.memory_usage() + self.careful.memory_usage() + CACHE_BYTES
    }

    /// The next match of a record; its deadline may end the search.
    fn next(
        &mut self,
        searcher: &mut Searcher<'_>,
        deadline: &mut Deadline,
    ) -> Result<Option<Match>, Overran> {
        let mut stopped = None;
        let found = searcher.advance(|input| {
            if !self.careful.is_needed(input) {
                return Ok(self.regex.search_with(&mut self.cache, input));
            }
            let searched = self.careful.search(input, &mut || deadline.look());
            Ok(searched.unwrap_or_else(|overran| {
                stopped = Some(overran);
                None
            }))
        });
        match stopped {
            Some(overran) => Err(overran),
            None => Ok(found),
        }
    }
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
            .hybrid_cache_capacity(CACHE_BYTES - careful::CACHE_BYTES)
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
        let careful = match Careful::new(&patterns, room) {
            Ok(careful) => careful,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let cache = regex.create_cache();
        let set = PatternSet {
            regex,
            cache,
            careful,
        };
        self.pattern_bytes += set.bytes();
        let (used, most) = (self.pattern_bytes as u64, self.pattern_bytes_max as u64);
        self.report.metrics().note(Limit::Patterns, used, most);
        Ok(Ok(self.table.push(set)?))
    }

    fn find(&mut self, set: Resource<PatternSet>) -> wasmtime::Result<Vec<Found>> {
        let set = self.table.get_mut(&set)?;
        let mut found = Vec::new();
        let batch = &self.batch;
        for at in 0..batch.len() {
            let text = batch.record(at);
            let mut searcher = Searcher::new(Input::new(text));
            let mut matches = 0;
            loop {
                self.deadline.look()?;
                let Some(m) = set.next(&mut searcher, &mut self.deadline)? else {
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
        for at in 0..batch.len() {
            self.deadline.look()?;
            let input = Input::new(batch.record(at))
                .anchored(Anchored::No)
                .earliest(true);
            let found = match set.careful.is_needed(&input) {
                true => set.careful.is_match(&input, &mut || self.deadline.look())?,
                false => set.regex.search_half_with(&mut set.cache, &input).is_some(),
            };
            if found {
                matching.push(small(at));
            }
        }
        Ok(matching)
    }

    fn drop(&mut self, set: Resource<PatternSet>) -> wasmtime::Result<()> {
        let set = self.table.delete(set)?;
        self.pattern_bytes = self.pattern_bytes.saturating_sub(set.bytes());
        Ok(())
    }
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
