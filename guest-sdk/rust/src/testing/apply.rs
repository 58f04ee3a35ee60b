//! What comes of a batch when a filter's changes are made: as the agent does it, but plainly.
//!
//! The agent's own way is built for speed; this one is built to be read.

use super::record::Output;
use crate::Columns;
use crate::batch::text;
use crate::native::{Change, Edit};

/// The records that are forwarded. Edits are in order and obey the contract: `Edits::finish` saw to it.
pub(super) fn apply(columns: &Columns, edits: Vec<Edit>, held_from: usize) -> Vec<Output> {
    let mut edits = edits.into_iter().peekable();
    let mut forwarded = Vec::new();
    for at in 0..held_from {
        let mut record = Output {
            text: text(columns, at).to_vec(),
            time: columns.times[at],
            stream: crate::Stream::from_number(columns.streams[at]),
            route: None,
        };
        let (mut dropped, mut added) = (false, Vec::new());
        // How far the text was moved by the splices so far, which are ascending.
        let mut moved = 0;
        while let Some(edit) = edits.next_if(|edit| edit.at as usize == at) {
            match edit.change {
                Change::Drop => dropped = true,
                Change::Replace(text) => record.text = text,
                Change::Splice(splice) => {
                    let place = |offset: u32| (offset as isize + moved) as usize;
                    let (range, length) = (
                        place(splice.start)..place(splice.end),
                        splice.text.len() as isize,
                    );
                    moved += length - range.len() as isize;
                    record.text.splice(range, splice.text);
                }
                Change::SetTime(time) => record.time = time,
                Change::Route(route) => record.route = Some(route),
                Change::Add(text) => added.push(text),
            }
        }
        let added = added
            .into_iter()
            .map(|text| Output {
                text,
                ..record.clone()
            })
            .collect::<Vec<_>>();
        forwarded.extend((!dropped).then_some(record).into_iter().chain(added));
    }
    forwarded
}
