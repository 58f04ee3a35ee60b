//! `[SERVICE]`: how long a stop may take, and how much the agent's own log says. Neither is carried over
//! where it would do harm: a stop that the pod has no time for, a log that is silent on failed requests.

use serde_json::{Map, Value, json};

use super::names;
use super::section::{Note, Section};

/// What the chart's `terminationGracePeriodSeconds` is; a drain has to end before.
const PERIOD: u32 = 30;

/// Adds what it says to the top of the configuration.
pub fn service(service: &mut Section, top: &mut Map<String, Value>, notes: &mut Vec<Note>) {
    if let Some(grace) = service.take("Grace") {
        match grace.value.parse::<u32>() {
            Ok(seconds) if seconds < PERIOD => {
                top.insert("drain".into(), json!(format!("{seconds}s")));
            }
            Ok(seconds) => {
                let period = seconds.saturating_add(5);
                let why = format!(
                    "`drain` stays 25 s, since the chart's terminationGracePeriodSeconds is {PERIOD} and has \
                     to be more; for `drain: {seconds}s` set that value to {period}"
                );
                notes.push(Note::fine(&grace.at, grace.line(), why));
            }
            Err(_) => {
                let why = "no number of seconds; see `drain`, 25 s by default";
                notes.push(Note::fine(&grace.at, grace.line(), why));
            }
        }
    }
    if let Some(level) = service.take("Log_Level") {
        match names::log_level(&level.value) {
            Some(known) => {
                top.insert("telemetry".into(), json!({ "log": { "level": known } }));
                if known == "warn" && !level.value.to_lowercase().starts_with("warn") {
                    let why =
                        "`telemetry.log.level` is `warn`: failed requests are told at that level";
                    notes.push(Note::fine(&level.at, level.line(), why));
                }
            }
            None => {
                let why = "see `telemetry.log.level`: error, warn, info (the default) or debug";
                notes.push(Note::fine(&level.at, level.line(), why));
            }
        }
    }
    if let Some(flush) = service.take("Flush") {
        let why = "see `flush_after` of the destination; 1 s is the default";
        notes.push(Note::fine(&flush.at, flush.line(), why));
    }
    if let Some(port) = service.take("HTTP_Port") {
        let why = "the admin page stays on port 9880, where the chart's probes look for it";
        notes.push(Note::fine(&port.at, port.line(), why));
    }
}
