//! What a filter changes, put into the order that the contract asks for.
//!
//! Authors may change records in any order and more than once; the contract wants edits sorted and
//! one change of a kind for a record. What cannot be put right (parts that overlap or lie outside)
//! is an error in words, before the agent sees it.

use std::cmp::Ordering;

use crate::Columns;
use crate::batch::text;
use crate::wire::logsieve::filter::records::{Change, Edit, Splice};

/// The changes of one batch. Allocates with the first of them.
#[derive(Default)]
pub(crate) struct Edits(Vec<Edit>);

impl Edits {
    pub(crate) fn push(&mut self, at: usize, change: Change) {
        // A batch counts its records in 32 bits.
        self.0.push(Edit {
            at: at as u32,
            change,
        });
    }

    /// The edits in order. Records from `held` on are held, and must not be changed.
    pub(crate) fn finish(mut self, columns: &Columns, held: usize) -> Result<Vec<Edit>, String> {
        if !self.0.is_sorted_by(|a, b| order(a, b).is_le()) {
            self.0.sort_by(order);
        }
        if let Some(edit) = self.0.last()
            && edit.at as usize >= held
        {
            return Err(format!(
                "filter changes record {}, which it also holds",
                edit.at
            ));
        }
        self.check_splices(columns)?;
        self.0.dedup_by(|later, earlier| {
            let said_before = later.at == earlier.at && beats(earlier, later);
            if said_before && rank(&later.change) == rank(&earlier.change) {
                std::mem::swap(later, earlier);
            }
            said_before
        });
        Ok(self.0)
    }

    fn check_splices(&self, columns: &Columns) -> Result<(), String> {
        let mut former: Option<(u32, &Splice)> = None;
        for Edit { at, change } in &self.0 {
            let Change::Splice(splice) = change else {
                continue;
            };
            let Splice { start, end, .. } = *splice;
            let length = text(columns, *at as usize).len();
            if start > end || end as usize > length {
                return Err(format!(
                    "filter splices {start}..{end} of record {at}, which has {length} bytes"
                ));
            }
            if let Some((_, other)) =
                former.filter(|(record, other)| record == at && other.end > start)
            {
                let Splice {
                    start: from,
                    end: to,
                    ..
                } = other;
                return Err(format!(
                    "filter splices {from}..{to} and {start}..{end} of record {at}, which overlap"
                ));
            }
            former = Some((*at, splice));
        }
        Ok(())
    }
}

/// By record; for one record by rank; splices by place. Sorting is stable, so `add`s keep their order.
fn order(a: &Edit, b: &Edit) -> Ordering {
    let start = |edit: &Edit| match &edit.change {
        Change::Splice(splice) => splice.start,
        _ => 0,
    };
    let key = |edit: &Edit| (edit.at, rank(&edit.change), start(edit));
    key(a).cmp(&key(b))
}

fn rank(change: &Change) -> u8 {
    match change {
        Change::Drop => 0,
        Change::Replace(_) => 1,
        Change::Splice(_) => 2,
        Change::SetTime(_) => 3,
        Change::Route(_) => 4,
        Change::Add(_) => 5,
    }
}

/// True when the earlier of two neighbours in order leaves nothing of the later one (or, of the same
/// rank, the other way round: the last word counts).
fn beats(earlier: &Edit, later: &Edit) -> bool {
    use Change::{Drop, Replace, Route, SetTime, Splice};
    matches!(
        (&earlier.change, &later.change),
        (Drop, Drop | Replace(_) | Splice(_))
            | (Replace(_), Replace(_) | Splice(_))
            | (SetTime(_), SetTime(_))
            | (Route(_), Route(_))
    )
}

#[cfg(test)]
mod tests;
