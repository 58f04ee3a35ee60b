//! Records as lines on standard output: for a first look, for tests, and for whoever pipes them on.
//! Whoever reads there sets the pace. Where nobody does any more that is an error, and ends the agent:
//! what could not be written is read again at the next start.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use serde::{Deserialize, Serialize};

use super::{Delivery, Request};
use crate::record::receipt::Part;
use crate::record::{Permit, Share};

/// How a record is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// A JSON object with the record's text under `log`, and where it is from.
    #[default]
    Json,
    /// The record's text alone.
    Text,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub format: Format,
}

/// A run of lines, and what is owed for them.
#[derive(Debug)]
pub struct Lines {
    text: Vec<u8>,
    parts: Vec<Part>,
    permit: Permit,
}

/// Writes lines into one run per step of the lane.
pub struct Pack {
    format: Format,
    share: Arc<Share>,
    open: Option<Lines>,
}

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    namespace: &'a str,
    pod: &'a str,
    container: &'a str,
    stream: &'static str,
    log: &'a str,
}

impl Pack {
    #[must_use]
    pub fn new(config: &Config, share: Arc<Share>) -> Self {
        Self {
            format: config.format,
            share,
            open: None,
        }
    }

    #[must_use]
    pub fn has_room(&self, bytes: usize) -> bool {
        self.share.has_room(bytes)
    }

    pub fn append(&mut self, delivery: &Delivery<'_>, out: &mut Vec<Request>) {
        let mut lines = self.open.take().unwrap_or_else(|| Lines {
            text: Vec::new(),
            parts: Vec::new(),
            permit: self.share.permit(),
        });
        let before = lines.text.len();
        let columns = delivery.columns;
        for at in (0..columns.len()).filter(|at| (delivery.which)(*at)) {
            let text = String::from_utf8_lossy(columns.record(at));
            match self.format {
                Format::Text => lines.text.extend_from_slice(columns.record(at)),
                Format::Json => {
                    let line = Line {
                        time: super::rfc3339(columns.times[at]),
                        namespace: &delivery.container.namespace,
                        pod: &delivery.container.pod,
                        container: &delivery.container.name,
                        stream: columns.streams[at].name(),
                        log: &text,
                    };
                    // Strings only: nothing that could fail to serialise.
                    let _ = serde_json::to_writer(&mut lines.text, &line);
                }
            }
            lines.text.push(b'\n');
        }
        lines.permit.grow(lines.text.len() - before);
        lines.parts.push(delivery.part());
        self.open = Some(lines);
        if before > 256 * 1024 {
            self.flush(out);
        }
    }

    pub fn flush(&mut self, out: &mut Vec<Request>) {
        out.extend(self.open.take().map(Request::Stdout));
    }
}

/// Writes runs of lines until the senders are gone.
///
/// # Errors
/// When a run cannot be written. Its receipt, and those of all that wait, are abandoned.
pub fn write(lines: &Receiver<Lines>, to: &mut dyn Write) -> io::Result<()> {
    for run in lines {
        to.write_all(&run.text).and_then(|()| to.flush())?;
        run.parts.into_iter().for_each(Part::settle);
    }
    Ok(())
}
