//! Regular expressions that the agent runs for a filter, at native speed.
//!
//! The module stays small, since it carries no regex engine, and a search costs what it costs
//! natively. Natively, in tests, the same engine runs with the same rules.

use std::ops::Range;

use crate::Batch;

#[cfg(not(target_arch = "wasm32"))]
use crate::native::patterns::Compiled;
#[cfg(target_arch = "wasm32")]
use crate::wire::logsieve::filter::patterns::PatternSet as Compiled;

/// Patterns that are searched for together. Compile them once, in the filter's `new`.
///
/// The syntax is that of Rust's `regex` crate. Records need not be UTF-8: write `(?-u:\xFF)` for a
/// byte that is not.
pub struct PatternSet(Compiled);

/// One match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Which record of the batch, counted from 0.
    pub at: usize,
    /// Which pattern of the set, counted from 0.
    pub pattern: usize,
    /// Where in the record's text.
    pub range: Range<usize>,
}

impl PatternSet {
    /// Compiles patterns.
    ///
    /// # Errors
    /// Names the pattern that does not parse, or says that the set is larger than the operator's
    /// limit (default 4 MiB compiled).
    pub fn compile<S: AsRef<str>>(patterns: impl IntoIterator<Item = S>) -> Result<Self, String> {
        let patterns: Vec<String> = patterns
            .into_iter()
            .map(|pattern| pattern.as_ref().to_owned())
            .collect();
        Compiled::compile(&patterns).map(Self)
    }

    /// Every match in the batch: by record, then by place; leftmost first, the earlier pattern where
    /// two start at one place; not overlapping.
    ///
    /// A record with more than 1,000 matches ends the call in a trap (natively a panic), and so
    /// makes the batch an error, rather than hide what lies behind them.
    pub fn find(&self, batch: &Batch<'_>) -> Vec<Found> {
        #[cfg(target_arch = "wasm32")]
        let found = self.0.find();
        #[cfg(not(target_arch = "wasm32"))]
        let found = self.0.find(batch.columns());
        let _ = batch; // the agent searches the batch in hand: there is no other
        let found = found.into_iter().map(|found| Found {
            at: found.at as usize,
            pattern: found.pattern as usize,
            range: found.start as usize..found.end as usize,
        });
        found.collect()
    }

    /// The records in which any pattern matches, ascending. Cheaper than [`find`](Self::find).
    pub fn matches(&self, batch: &Batch<'_>) -> Vec<usize> {
        #[cfg(target_arch = "wasm32")]
        let records = self.0.matches();
        #[cfg(not(target_arch = "wasm32"))]
        let records = self.0.matches(batch.columns());
        let _ = batch;
        records.into_iter().map(|at| at as usize).collect()
    }
}
