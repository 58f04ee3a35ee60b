//! Which lines of a batch are one event. Events of the two outputs overlap: each output has one that may go
//! on, whatever the other writes in between.

use logsieve_filter::{Batch, Stream};

use crate::Settings;
use crate::trace::Trace;

/// Lines of one output that belong together, by their places in the batch, ascending; never none.
pub(crate) struct Event {
    pub(crate) lines: Vec<usize>,
    bytes: usize,
    trace: Trace,
}

pub(crate) struct Events {
    events: Vec<Event>,
    /// For each output, the event that may go on.
    open: [Option<usize>; 2],
}

impl Events {
    /// `starts`: the records that the operator's own pattern names, where there is one.
    pub(crate) fn of(batch: &Batch<'_>, settings: &Settings, starts: Option<&[usize]>) -> Self {
        let mut events = Self {
            events: Vec::new(),
            open: [None; 2],
        };
        let columns = batch.columns();
        for at in 0..batch.len() {
            let output = usize::from(columns.streams[at] == Stream::Stderr as u8);
            events.take(at, batch.text(at), output, settings, starts);
        }
        events
    }

    fn take(
        &mut self,
        at: usize,
        text: &[u8],
        output: usize,
        settings: &Settings,
        starts: Option<&[usize]>,
    ) {
        if let Some(open) = self.open[output] {
            let event = &mut self.events[open];
            let fits = event.lines.len() < settings.lines_max
                && event.bytes + text.len() <= settings.bytes_max;
            // Both are asked: a trace has to see its lines to know what may follow.
            let in_trace = event.trace.goes_on(text, &settings.traces);
            let no_start = starts.is_some_and(|starts| starts.binary_search(&at).is_err());
            if fits && (in_trace || no_start) {
                event.lines.push(at);
                event.bytes += text.len() + settings.separator.len();
                return;
            }
        }
        self.open[output] = Some(self.events.len());
        self.events.push(Event {
            lines: vec![at],
            bytes: text.len(),
            trace: Trace::begin(text, &settings.traces),
        });
    }

    /// The record from which on a batch is held: no event that may go on begins before it, and none that
    /// is complete reaches over it.
    pub(crate) fn open_from(&self, len: usize) -> usize {
        let starts = self
            .open
            .iter()
            .flatten()
            .map(|&event| self.events[event].lines[0]);
        let mut from = starts.min().unwrap_or(len);
        // Events are sorted by their first line, so what one pulls in lies before it.
        for event in self.events.iter().rev() {
            let reaches = event.lines.last().is_some_and(|&last| last >= from);
            if event.lines[0] < from && reaches {
                from = event.lines[0];
            }
        }
        from
    }

    /// Events that begin before this record.
    pub(crate) fn before(&self, record: usize) -> impl Iterator<Item = &Event> {
        self.events
            .iter()
            .take_while(move |event| event.lines[0] < record)
    }
}
