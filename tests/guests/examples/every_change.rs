//! Does to a record what its text says: commands with `; ` between them, each `drop`, `replace X`,
//! `splice 0..3 X`, `add X`, `set-time N`, `route NAME`; other words do nothing.

use logsieve_filter::{Filter, Record, export_filter};

struct EveryChange;

impl Filter for EveryChange {
    fn record(&mut self, record: &mut Record<'_>) {
        let text = record.text_lossy();
        for command in text.split("; ") {
            let (name, rest) = command.split_once(' ').unwrap_or((command, ""));
            match name {
                "drop" => record.discard(),
                "replace" => record.replace(rest),
                "splice" => splice(record, rest).unwrap_or_default(),
                "add" => record.add(rest),
                "set-time" => record.set_time(rest.parse().unwrap_or_default()),
                "route" => record.route(rest),
                _ => {}
            }
        }
    }
}

/// `0..3 X`
fn splice(record: &mut Record<'_>, what: &str) -> Option<()> {
    let (range, text) = what.split_once(' ').unwrap_or((what, ""));
    let (start, end) = range.split_once("..")?;
    record.splice(start.parse().ok()?..end.parse().ok()?, text);
    Some(())
}

export_filter!(EveryChange);
