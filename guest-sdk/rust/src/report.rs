//! What a filter may tell the outside: lines in the agent's own log, and counters.
//!
//! Natively both are kept for the test to look at: see `testing::Seen`.

pub use crate::wire::logsieve::filter::report::Level;

/// Writes a line to the agent's own log, under the filter's name. At most 1 KiB of a message is
/// kept, and 10 messages a second; more are counted, not written.
///
/// It is not the way to say something about a record: that is what `Record::replace` or
/// `Record::add` are for.
pub fn log(level: Level, message: &str) {
    #[cfg(target_arch = "wasm32")]
    crate::wire::logsieve::filter::report::log(level, message);
    #[cfg(not(target_arch = "wasm32"))]
    crate::native::world::log(level, message);
}

/// Adds to a counter of the filter's own, shown as `logsieve_filter_custom_total{filter,name}`.
///
/// A name matches `[a-z][a-z0-9_]{0,63}`, and a filter has at most 32. Count once a batch rather
/// than once a record: each call leaves the sandbox.
pub fn count(name: &str, by: u64) {
    #[cfg(target_arch = "wasm32")]
    crate::wire::logsieve::filter::report::count(name, by);
    #[cfg(not(target_arch = "wasm32"))]
    crate::native::world::count(name, by);
}
