//! Asserts what a filter does, without Wasm and without a cluster.
//!
//! [`run`] is for the common case: texts in, records out. [`Run`] adds times, streams, facts about
//! the container, several batches, and holds records between them as the agent does.

mod apply;
mod record;
mod run;

pub use record::{Input, Output};
pub use run::{Run, Seen};

use crate::Filter;

/// Runs a filter over one batch of records; gives back what is forwarded. What is held is shown
/// again, as the agent does when a container goes quiet.
///
/// ```
/// # use logsieve_filter::{Filter, testing};
/// # struct Pass;
/// # impl Filter for Pass {}
/// assert_eq!(testing::run(Pass, ["a", "b"]), ["a", "b"]);
/// ```
///
/// # Panics
/// When the filter says that the batch cannot be judged, or its changes break a rule.
#[track_caller]
pub fn run<T: Into<Input>>(
    filter: impl Filter,
    records: impl IntoIterator<Item = T>,
) -> Vec<Output> {
    Run::new(filter).batch(records).finish().records
}

/// Reads settings as the agent hands them over, for testing what a filter says to wrong ones.
///
/// # Errors
/// What the operator would be shown: the key, and what is wrong with it.
pub fn settings<S: serde::de::DeserializeOwned>(json: &str) -> Result<S, String> {
    crate::settings::parse(json)
}

#[cfg(test)]
mod tests;
