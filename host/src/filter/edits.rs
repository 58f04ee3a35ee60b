//! Applies what a filter changed.
//!
//! Edits are sparse: a batch without any is not copied, and a record that none names is copied with
//! its neighbours in one piece. An outcome that breaks a rule of the contract is refused as a whole,
//! and the reason names the edit. The rules are those of `wit/filter.wit`.

use std::ops::RangeInclusive;

use super::bindings::exports::logsieve::filter::filter::Outcome;
use super::bindings::logsieve::filter::records::{Change, Edit, Splice};
use crate::record::Columns;
use crate::record::columns::RouteId;

/// Bytes of an unknown route's name that are shown.
const ROUTE_BYTES_SHOWN: usize = 256;

/// What a filter's outcome is held against.
pub struct Rules<'a> {
    /// Bytes of text that may come out.
    pub output_bytes_max: usize,
    /// Edits that there may be.
    pub edits_max: usize,
    /// Nothing may be held.
    pub last: bool,
    /// Another filter stands behind this one.
    pub more: bool,
    /// The destinations that this filter may choose, by name.
    pub routes: &'a [(String, RouteId)],
    /// Times that a destination can take; others keep the record's own.
    pub times: RangeInclusive<u64>,
}

/// Why an outcome is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadOutcome {
    #[error("edit {edit}: record {at} of {records} does not exist")]
    NoSuchRecord {
        edit: usize,
        at: u32,
        records: usize,
    },
    #[error("edit {edit}: record {at} is held back, and may not be edited")]
    Held { edit: usize, at: u32 },
    #[error("edit {edit}: record {at} comes after record {former}; edits are sorted by record")]
    Order { edit: usize, at: u32, former: u32 },
    #[error("edit {edit}: a second `{change}` for record {at}")]
    Twice {
        edit: usize,
        at: u32,
        change: &'static str,
    },
    #[error("edit {edit}: `{change}` for record {at}, which has a `{former}` already")]
    Both {
        edit: usize,
        at: u32,
        change: &'static str,
        former: &'static str,
    },
    #[error("edit {edit}: `{change}` for record {at} comes after an `add`; adds stand last")]
    AfterAdd {
        edit: usize,
        at: u32,
        change: &'static str,
    },
    #[error("edit {edit}: splice {start}..{end} of record {at}, which has {len} bytes")]
    SpliceRange {
        edit: usize,
        at: u32,
        start: u32,
        end: u32,
        len: usize,
    },
    #[error(
        "edit {edit}: splice at {start} of record {at} starts before the former one's end, {former}"
    )]
    SpliceOverlap {
        edit: usize,
        at: u32,
        start: u32,
        former: u32,
    },
    #[error("edit {edit}: route `{route}` is not among those that this filter may choose")]
    Route { edit: usize, route: String },
    #[error("hold {hold}: the batch has {records} records")]
    HoldRange { hold: u32, records: usize },
    #[error("hold {hold}: nothing may be held back from the last batch")]
    HoldOnLast { hold: u32 },
    #[error("{edits} edits; `limits.edits` allows {max}")]
    Edits { edits: usize, max: usize },
    #[error("its output grows past {max} bytes; `limits.output_ratio` allows more")]
    Output { max: usize },
}

/// What applying came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The records as they are now, those held left out; none: they are the input's, unchanged.
    /// Boxed, since nearly every batch has none and each move would copy it.
    pub columns: Option<Box<Columns>>,
    /// Records at the end of the input that are held back.
    pub hold: usize,
    pub changed: u64,
    pub dropped: u64,
    /// Bytes of text of the records that were dropped.
    pub dropped_bytes: u64,
    pub added: u64,
    /// Times that no destination can take, not set.
    pub times_refused: u64,
}

impl Applied {
    /// Whether text of records that are gone may stand in others now: these are of use only together.
    #[must_use]
    pub fn joins(&self) -> bool {
        self.dropped > 0 && self.changed + self.added > 0
    }
}

/// Applies `outcome` to `input`.
///
/// # Errors
/// When it breaks a rule; nothing is applied then.
pub fn apply(input: &Columns, outcome: &Outcome, rules: &Rules<'_>) -> Result<Applied, BadOutcome> {
    let records = input.len();
    let hold = outcome.hold;
    if hold > 0 && rules.last {
        return Err(BadOutcome::HoldOnLast { hold });
    }
    let kept = records
        .checked_sub(hold as usize)
        .ok_or(BadOutcome::HoldRange { hold, records })?;
    let mut applied = Applied {
        hold: hold as usize,
        ..Applied::default()
    };
    if outcome.edits.is_empty() {
        return Ok(applied);
    }
    let (edits, max) = (outcome.edits.len(), rules.edits_max);
    if edits > max {
        return Err(BadOutcome::Edits { edits, max });
    }
    let mut out = Box::<Columns>::default();
    out.text.reserve(input.text.len());
    let (mut edit, mut copied, mut written) = (0, 0, 0);
    while edit < outcome.edits.len() {
        let at = outcome.edits[edit].at;
        let place = check_place(edit, at, copied, kept, input)?;
        out.extend_from(input, copied, place, 0);
        let same = outcome.edits[edit..].iter().take_while(|e| e.at == at);
        let count = same.count();
        let mut one = One::new(input, place, rules);
        for (n, e) in outcome.edits[edit..edit + count].iter().enumerate() {
            one.take(edit + n, e)?;
        }
        let before = out.len();
        one.write(&mut out, &mut applied);
        if out.len() > before {
            written = out.len();
        } else if rules.more && before > 0 && written == before {
            // The record in front may have its text now, as an event that was joined has: it answers
            // for both, or a filter behind that holds the next record would hold these bytes, too.
            out.source_ends[before - 1] = input.source_ends[place];
        }
        within(&out, rules)?;
        edit += count;
        copied = place + 1;
    }
    out.extend_from(input, copied, kept, 0);
    within(&out, rules)?;
    applied.columns = Some(out);
    Ok(applied)
}

fn within(out: &Columns, rules: &Rules<'_>) -> Result<(), BadOutcome> {
    let max = rules.output_bytes_max;
    match out.text.len() > max {
        true => Err(BadOutcome::Output { max }),
        false => Ok(()),
    }
}

fn check_place(
    edit: usize,
    at: u32,
    copied: usize,
    kept: usize,
    input: &Columns,
) -> Result<usize, BadOutcome> {
    let place = at as usize;
    let records = input.len();
    if place >= records {
        return Err(BadOutcome::NoSuchRecord { edit, at, records });
    }
    if place < copied {
        let former = u32::try_from(copied - 1).unwrap_or(u32::MAX);
        return Err(BadOutcome::Order { edit, at, former });
    }
    if place >= kept {
        return Err(BadOutcome::Held { edit, at });
    }
    Ok(place)
}

/// The changes of one record, gathered and checked.
struct One<'a> {
    input: &'a Columns,
    place: usize,
    rules: &'a Rules<'a>,
    drop: bool,
    replace: Option<&'a [u8]>,
    splices: Vec<&'a Splice>,
    time: Option<u64>,
    route: Option<RouteId>,
    adds: Vec<&'a [u8]>,
}

impl<'a> One<'a> {
    fn new(input: &'a Columns, place: usize, rules: &'a Rules<'a>) -> Self {
        Self {
            input,
            place,
            rules,
            drop: false,
            replace: None,
            splices: Vec::new(),
            time: None,
            route: None,
            adds: Vec::new(),
        }
    }

    fn take(&mut self, edit: usize, e: &'a Edit) -> Result<(), BadOutcome> {
        let (at, change) = (e.at, name(&e.change));
        if let Some(former) = self.conflict(&e.change) {
            return Err(if former == change {
                BadOutcome::Twice { edit, at, change }
            } else {
                BadOutcome::Both {
                    edit,
                    at,
                    change,
                    former,
                }
            });
        }
        if !self.adds.is_empty() && !matches!(e.change, Change::Add(_)) {
            return Err(BadOutcome::AfterAdd { edit, at, change });
        }
        match &e.change {
            Change::Drop => self.drop = true,
            Change::Replace(text) => self.replace = Some(text),
            Change::Splice(splice) => self.splice(edit, at, splice)?,
            Change::SetTime(time) => self.time = Some(*time),
            Change::Route(route) => {
                let allowed = self.rules.routes.iter().find(|(name, _)| name == route);
                let (_, id) = allowed.ok_or_else(|| BadOutcome::Route {
                    edit,
                    route: route[..route.floor_char_boundary(ROUTE_BYTES_SHOWN)].to_owned(),
                })?;
                self.route = Some(*id);
            }
            Change::Add(text) => self.adds.push(text),
        }
        Ok(())
    }

    /// The change that rules this one out, if one was made already.
    fn conflict(&self, change: &Change) -> Option<&'static str> {
        let text = if self.drop {
            Some("drop")
        } else if self.replace.is_some() {
            Some("replace")
        } else if self.splices.is_empty() {
            None
        } else {
            Some("splice")
        };
        match change {
            Change::Splice(_) if text == Some("splice") => None,
            Change::Drop | Change::Replace(_) | Change::Splice(_) => text,
            Change::SetTime(_) => self.time.map(|_| "set-time"),
            Change::Route(_) => self.route.map(|_| "route"),
            Change::Add(_) => None,
        }
    }

    fn splice(&mut self, edit: usize, at: u32, splice: &'a Splice) -> Result<(), BadOutcome> {
        let len = self.input.record(self.place).len();
        let (start, end) = (splice.start, splice.end);
        if start > end || end as usize > len {
            return Err(BadOutcome::SpliceRange {
                edit,
                at,
                start,
                end,
                len,
            });
        }
        if let Some(former) = self.splices.last().map(|s| s.end)
            && start < former
        {
            return Err(BadOutcome::SpliceOverlap {
                edit,
                at,
                start,
                former,
            });
        }
        self.splices.push(splice);
        Ok(())
    }

    fn write(self, out: &mut Columns, applied: &mut Applied) {
        let time = match self.time {
            Some(time) if !self.rules.times.contains(&time) => {
                applied.times_refused += 1;
                self.input.times[self.place]
            }
            time => time.unwrap_or(self.input.times[self.place]),
        };
        let stream = self.input.streams[self.place];
        let form = self.input.forms[self.place];
        let source = self.input.source_ends[self.place];
        let route = self.route.or_else(|| self.input.route(self.place));
        let push = |out: &mut Columns, text: &dyn Fn(&mut Vec<u8>)| {
            if let (Some(route), Ok(at)) = (route, u32::try_from(out.len())) {
                out.routes.push((at, route));
            }
            text(&mut out.text);
            out.close(time, stream, form, source);
        };
        if self.drop {
            applied.dropped += 1;
            applied.dropped_bytes += self.input.record(self.place).len() as u64;
        } else {
            applied.changed += 1;
            push(out, &|text| self.text(text));
        }
        for added in &self.adds {
            applied.added += 1;
            push(out, &|text| text.extend_from_slice(added));
        }
    }

    fn text(&self, out: &mut Vec<u8>) {
        let text = self.replace.unwrap_or(self.input.record(self.place));
        let mut from = 0;
        for splice in &self.splices {
            out.extend_from_slice(&text[from..splice.start as usize]);
            out.extend_from_slice(&splice.text);
            from = splice.end as usize;
        }
        out.extend_from_slice(&text[from..]);
    }
}

fn name(change: &Change) -> &'static str {
    match change {
        Change::Drop => "drop",
        Change::Replace(_) => "replace",
        Change::Splice(_) => "splice",
        Change::SetTime(_) => "set-time",
        Change::Route(_) => "route",
        Change::Add(_) => "add",
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
