//! Joins the lines of one event: stack traces of Java, Python, Go, Node and .NET, and what the operator's own
//! pattern begins.
//!
//! The filter remembers nothing: the last event of a batch may go on, so it is held, and comes again in
//! front of the next batch. Lines of standard error that fall between those of standard output belong
//! to events of their own.

mod event;
mod settings;
mod trace;

use logsieve_filter::patterns::PatternSet;
use logsieve_filter::{Batch, Filter, Unjudged, export_filter, report};

use event::{Event, Events};
pub use settings::Settings;

/// The filter.
pub struct Multiline {
    settings: Settings,
    start: Option<PatternSet>,
}

impl Multiline {
    /// Takes the operator's settings.
    ///
    /// # Errors
    /// Names the setting that cannot be followed.
    pub fn new(settings: Settings) -> Result<Self, String> {
        settings.check()?;
        let compile =
            |pattern| PatternSet::compile([pattern]).map_err(|why| format!("`start`: {why}"));
        let start = settings.start.as_ref().map(compile).transpose()?;
        Ok(Self { settings, start })
    }

    fn join(&self, batch: &mut Batch<'_>, event: &Event) {
        let lines: Vec<&[u8]> = event.lines.iter().map(|&at| batch.text(at)).collect();
        let joined = lines.join(self.settings.separator.as_bytes());
        batch.record(event.lines[0]).replace(joined);
        for &at in &event.lines[1..] {
            batch.record(at).discard();
        }
    }
}

impl Filter for Multiline {
    fn batch(&mut self, batch: &mut Batch<'_>) -> Result<(), Unjudged> {
        let starts = self.start.as_ref().map(|start| start.matches(batch));
        let events = Events::of(batch, &self.settings, starts.as_deref());
        let held_from = match batch.is_last() {
            true => batch.len(),
            false => events.open_from(batch.len()),
        };
        batch.hold(batch.len() - held_from);
        let mut joined = 0;
        for event in events
            .before(held_from)
            .filter(|event| event.lines.len() > 1)
        {
            self.join(batch, event);
            joined += 1;
        }
        if joined > 0 {
            report::count("events", joined);
        }
        Ok(())
    }
}

export_filter!(Multiline, Multiline::new);

#[cfg(test)]
mod tests;
