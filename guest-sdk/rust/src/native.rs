//! Runs a filter without Wasm.
//!
//! For tests and benchmarks: the filter's own code is the same on both sides, so what differs
//! between a call of [`process`] and the agent's is what the sandbox costs.

pub(crate) mod patterns;
pub(crate) mod world;

pub use crate::wire::logsieve::filter::records::{Change, Edit, Outcome, Splice};
use crate::{Columns, Filter, Stream};

/// One call of the filter's `process`, as the agent makes it.
///
/// # Errors
/// What the filter says when it cannot judge the batch, or which rule its changes break.
pub fn process(filter: &mut impl Filter, columns: &Columns) -> Result<Outcome, String> {
    crate::filter::judge(filter, columns)
}

/// Puts records into columns, as the agent does. All are of `stdout`, and `time` apart by one
/// millisecond, beginning with the first of 2026.
pub fn columns<T: AsRef<[u8]>>(texts: impl IntoIterator<Item = T>) -> Columns {
    let mut columns = empty();
    for (n, text) in texts.into_iter().enumerate() {
        push(&mut columns, text.as_ref(), time(n), Stream::Stdout);
    }
    columns
}

pub(crate) fn empty() -> Columns {
    Columns {
        text: Vec::new(),
        ends: Vec::new(),
        times: Vec::new(),
        streams: Vec::new(),
        last: false,
    }
}

pub(crate) fn push(columns: &mut Columns, text: &[u8], time: u64, stream: Stream) {
    columns.text.extend_from_slice(text);
    // Tests do not reach 4 GiB in one batch; the agent ends one at 256 KiB.
    columns.ends.push(columns.text.len() as u32);
    columns.times.push(time);
    columns.streams.push(stream.number());
}

/// The time of the `n`th record where none is given.
pub(crate) fn time(n: usize) -> u64 {
    const FIRST_OF_2026: u64 = 1_767_225_600_000_000_000;
    const MILLISECOND: u64 = 1_000_000;
    FIRST_OF_2026 + n as u64 * MILLISECOND
}
