//! One record in quarantine, as a line of JSON: where it comes from, which filter failed on it, why,
//! and the text that this filter was handed. Text that is not UTF-8 stands as `hex`, not changed.

use serde::Serialize;

use super::{Entry, Reason};
use crate::record::hex;

/// Whose records failed where, and why.
#[derive(Serialize)]
pub struct Whence<'a> {
    filter: &'a str,
    module: &'a str,
    kind: &'a str,
    reason: &'a str,
    namespace: &'a str,
    pod: &'a str,
    pod_uid: &'a str,
    container: &'a str,
}

impl<'a> Whence<'a> {
    #[must_use]
    pub fn of(entry: &'a Entry, reason: &'a Reason) -> Self {
        Self {
            filter: &entry.filter,
            module: &entry.module,
            kind: reason.kind,
            reason: &reason.text,
            namespace: &entry.container.namespace,
            pod: &entry.container.pod,
            pod_uid: &entry.container.pod_uid,
            container: &entry.container.name,
        }
    }
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    whence: Whence<'a>,
    /// Nanoseconds since the Unix epoch.
    time: u64,
    stream: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
}

/// Adds an entry's records to `to`.
pub fn write(entry: &Entry, to: &mut Vec<u8>) {
    let reasons = entry.reasons.iter();
    let reasons = reasons.flat_map(|reason| std::iter::repeat_n(reason, reason.records));
    for (at, reason) in (0..entry.columns.len()).zip(reasons) {
        write_one(entry, at, reason, to);
        to.push(b'\n');
    }
}

/// Adds one record, without the end of its line.
pub fn write_one(entry: &Entry, at: usize, reason: &Reason, to: &mut Vec<u8>) {
    let text = std::str::from_utf8(entry.columns.record(at));
    let line = Line {
        whence: Whence::of(entry, reason),
        time: entry.columns.times[at],
        stream: entry.columns.streams[at].name(),
        text: text.ok(),
        hex: text.is_err().then(|| hex(entry.columns.record(at))),
    };
    // Writing to memory does not fail.
    let _ = serde_json::to_writer(&mut *to, &line);
}
