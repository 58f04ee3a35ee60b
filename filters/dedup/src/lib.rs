//! Makes one record of several that say the same: the first of them, with how often it was said.
//!
//! The filter remembers nothing: records that may still be repeated are held, and come again in front
//! of the next batch, so that a run of repeats is counted across batches. It ends after a time, so that
//! a line which is repeated for ever is heard of now and then.

mod groups;
mod settings;

use std::borrow::Cow;

use logsieve_filter::patterns::{Found, PatternSet};
use logsieve_filter::{Batch, Filter, Stream, Unjudged, export_filter, report};

use groups::{Groups, Seen};
pub use settings::Settings;

/// The filter.
pub struct Dedup {
    settings: Settings,
    ignore: Option<PatternSet>,
}

impl Dedup {
    /// Takes the operator's settings.
    ///
    /// # Errors
    /// Names the setting that cannot be followed.
    pub fn new(settings: Settings) -> Result<Self, String> {
        settings.check()?;
        let compile =
            |patterns| PatternSet::compile(patterns).map_err(|w| format!("`ignore`: {w}"));
        let patterns = (!settings.ignore.is_empty()).then_some(&settings.ignore);
        Ok(Self {
            ignore: patterns.map(compile).transpose()?,
            settings,
        })
    }

    fn groups<'a>(&self, batch: &Batch<'a>) -> Groups<'a> {
        let found = self.ignore.as_ref().map(|ignore| ignore.find(batch));
        let mut found = found.unwrap_or_default().into_iter().peekable();
        let mut groups = Groups::new(self.settings.between, self.settings.within_nanos());
        let columns = batch.columns();
        for at in 0..batch.len() {
            let ignored = std::iter::from_fn(|| found.next_if(|found| found.at == at));
            groups.take(Seen {
                at,
                says: without(batch.text(at), ignored),
                output: usize::from(columns.streams[at] == Stream::Stderr as u8),
                time: columns.times[at],
            });
        }
        groups
    }
}

/// A record without what is ignored in it.
fn without(text: &[u8], ignored: impl Iterator<Item = Found>) -> Cow<'_, [u8]> {
    /// Stands where something was left out: no UTF-8 has it.
    const GAP: u8 = 0xff;
    let (mut says, mut from) = (Vec::new(), 0);
    for Found { range, .. } in ignored {
        says.extend_from_slice(&text[from..range.start]);
        says.push(GAP);
        from = range.end;
    }
    if from == 0 && says.is_empty() {
        return text.into();
    }
    says.extend_from_slice(&text[from..]);
    says.into()
}

impl Filter for Dedup {
    fn batch(&mut self, batch: &mut Batch<'_>) -> Result<(), Unjudged> {
        let groups = self.groups(batch);
        let held_from = match batch.is_last() {
            true => batch.len(),
            false => groups.open_from(batch.len()),
        };
        batch.hold(batch.len() - held_from);
        let mut repeated = 0;
        for at in 0..held_from {
            let group = groups.of(at);
            if group.first != at {
                batch.record(at).discard();
                repeated += 1;
            } else if group.count > 1 {
                let (place, told) = told(batch.text(at), group.count, &self.settings.field);
                batch.record(at).splice(place..place, told);
            }
        }
        if repeated > 0 {
            report::count("repeated", repeated);
        }
        Ok(())
    }
}

/// How often a record was said, and where that is put: a field of a JSON object, else words at the end.
fn told(text: &[u8], count: usize, field: &str) -> (usize, String) {
    let trimmed = text.trim_ascii();
    let inside = trimmed
        .strip_prefix(b"{")
        .and_then(|t| t.strip_suffix(b"}"));
    let Some(inside) = inside else {
        return (text.len(), format!(" ({count} times)"));
    };
    let comma = if inside.trim_ascii().is_empty() {
        ""
    } else {
        ","
    };
    let name = serde_json::Value::from(field);
    let end = text.trim_ascii_end().len() - 1;
    (end, format!("{comma}{name}:{count}"))
}

export_filter!(Dedup, Dedup::new);

#[cfg(test)]
mod tests;
