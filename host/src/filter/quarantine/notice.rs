//! Tells a destination that records are in quarantine: whence, how many and why, as one JSON record for
//! each run of them. Their text stays on the node, unless the operator lets it go.

use serde::{Deserialize, Serialize};

use super::{Entry, line};
use crate::record::Columns;
use crate::record::columns::RouteId;

/// Who is told of quarantine, as configured.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// A destination, by name.
    pub destination: String,
    /// Whether the text of the records goes there as well: a record for each.
    #[serde(default)]
    pub include_text: bool,
}

/// The same with its name turned into an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notices {
    pub to: RouteId,
    pub include_text: bool,
}

#[derive(Serialize)]
struct Notice<'a> {
    quarantined: usize,
    #[serde(flatten)]
    whence: line::Whence<'a>,
}

impl Notices {
    /// What is told of an entry, all of it routed there. The records answer for no source bytes.
    #[must_use]
    pub fn of(self, entry: &Entry) -> Columns {
        let mut told = Columns::default();
        let mut text = Vec::new();
        let mut from = 0;
        for reasons in entry.reasons.chunk_by(|a, b| a.is_same(b)) {
            let records = reasons.iter().map(|reason| reason.records).sum::<usize>();
            let to = from + records;
            if self.include_text {
                for at in from..to {
                    text.clear();
                    line::write_one(entry, at, &reasons[0], &mut text);
                    self.push(&mut told, &text, entry, at);
                }
            } else {
                text.clear();
                let notice = Notice {
                    quarantined: records,
                    whence: line::Whence::of(entry, &reasons[0]),
                };
                // Writing to memory does not fail.
                let _ = serde_json::to_writer(&mut text, &notice);
                self.push(&mut told, &text, entry, from);
            }
            from = to;
        }
        told
    }

    /// Adds a record at the time of the record `at`.
    fn push(self, told: &mut Columns, text: &[u8], entry: &Entry, at: usize) {
        let place = u32::try_from(told.len()).unwrap_or(u32::MAX);
        told.routes.push((place, self.to));
        told.push(text, entry.columns.times[at], entry.columns.streams[at], 0);
    }
}
