//! A worked example that uses every call of the kit: it does to a record what its text says.
//!
//! Commands, with `; ` between them: `drop`, `replace X`, `splice 0..3 X`, `add X`, `set-time MS`,
//! `route X`, `origin NAME`, `stream`, `time`, `count NAME`, `log X`, `fail X`. Other words do nothing.
//! Settings: `patterns` marks every match, or with `drop_matching` drops the records that have one;
//! `join` joins records that begin with a tab to the one before them.

use logsieve_filter::patterns::PatternSet;
use logsieve_filter::report::{self, Level};
use logsieve_filter::{Batch, Filter, Record, Stream, Unjudged, export_filter, origin};
use serde::Deserialize;

/// What the operator may set.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    patterns: Vec<String>,
    drop_matching: bool,
    join: bool,
}

struct MyFilter {
    settings: Settings,
    patterns: Option<PatternSet>,
}

impl MyFilter {
    fn new(settings: Settings) -> Result<Self, String> {
        let patterns = match settings.patterns.is_empty() {
            true => None,
            false => Some(PatternSet::compile(&settings.patterns)?),
        };
        Ok(Self { settings, patterns })
    }
}

impl Filter for MyFilter {
    fn batch(&mut self, batch: &mut Batch<'_>) -> Result<(), Unjudged> {
        match &self.patterns {
            _ if self.settings.join => join(batch),
            Some(patterns) if self.settings.drop_matching => {
                for at in patterns.matches(batch) {
                    batch.record(at).discard();
                }
            }
            Some(patterns) => {
                for found in patterns.find(batch) {
                    batch.record(found.at).splice(found.range, format!("[{}]", found.pattern));
                }
            }
            None => {
                for at in 0..batch.len() {
                    let mut record = batch.record(at);
                    let text = record.text_lossy();
                    for command in text.split("; ") {
                        obey(&mut record, command)?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn obey(record: &mut Record<'_>, command: &str) -> Result<(), Unjudged> {
    let (name, rest) = command.split_once(' ').unwrap_or((command, ""));
    match name {
        "drop" => record.discard(),
        "replace" => record.replace(rest),
        "splice" => {
            let (range, text) = rest.split_once(' ').unwrap_or((rest, ""));
            let (start, end) = range.split_once("..").ok_or("splice: START..END")?;
            record.splice(start.parse()?..end.parse()?, text);
        }
        "add" => record.add(rest),
        "set-time" => record.set_time(rest.parse::<u64>()? * 1_000_000),
        "route" => record.route(rest),
        "origin" => record.replace(origin::get(rest).unwrap_or_else(|| "unknown".into())),
        "stream" => record.replace(match record.stream() {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        }),
        "time" => record.replace((record.time() / 1_000_000).to_string()),
        "count" => report::count(rest, 1),
        "log" => report::log(Level::Info, rest),
        "fail" => return Err(rest.into()),
        _ => {}
    }
    Ok(())
}

/// The last event may go on in the next batch, so it is held until more comes, or nothing will.
fn join(batch: &mut Batch<'_>) {
    let mut start = 0;
    while start < batch.len() {
        let goes_on = |at: &usize| batch.text(*at).starts_with(b"\t");
        let end = start + 1 + (start + 1..batch.len()).take_while(goes_on).count();
        if end == batch.len() && !batch.is_last() {
            batch.hold(end - start);
        } else if end > start + 1 {
            let mut joined = batch.text(start).to_vec();
            for at in start + 1..end {
                joined.push(b'|');
                joined.extend_from_slice(&batch.text(at)[1..]);
                batch.record(at).discard();
            }
            batch.record(start).replace(joined);
        }
        start = end;
    }
}

export_filter!(MyFilter, MyFilter::new);
