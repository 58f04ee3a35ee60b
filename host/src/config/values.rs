//! Values that have the right form, and with which the agent would stand still, spin, or never send.
//!
//! The least of each is what still works, not what is wise.

use std::fmt::Display;
use std::time::Duration;

use bytesize::ByteSize;
use humantime_serde::re::humantime::format_duration;

use super::{Config, Error};
use crate::filter::limits::Given;
use crate::sink::{self, Destination};

/// A listing of all folders costs a millisecond and more.
const RESCAN_LEAST: Duration = Duration::from_millis(100);
/// No answer of the service comes sooner.
const ANSWER_LEAST: Duration = Duration::from_millis(100);
/// A deadline is looked at every two milliseconds.
const CPU_LEAST: Duration = Duration::from_millis(1);

/// # Errors
/// The first value that cannot be meant.
pub(super) fn check(config: &Config) -> Result<(), Error> {
    let source = &config.source;
    let logs = &source.container_log;
    // A quarter is one log group's share, and a batch with its escapes has to fit that.
    least("budget", config.budget, ByteSize::mib(4))?;
    if let Some(lanes) = config.lanes {
        least("lanes", lanes, 1)?;
    }
    let record = "source.container_log.record_bytes_max";
    least(record, logs.record_bytes_max, ByteSize::kib(16))?;
    let rescan = "source.container_log.rescan_every";
    time(rescan, logs.rescan_every, RESCAN_LEAST)?;
    if let Some((group, _)) = source.files.iter().find(|(_, g)| g.include.is_empty()) {
        let group = group.clone();
        return Err(Error::NoPaths { group });
    }
    let filters = &config.filters;
    limits("filters.limits", &filters.limits)?;
    limits("filters.ceilings", &filters.ceilings)?;
    for (name, filter) in &filters.modules {
        limits(&format!("filters.modules.{name}.limits"), &filter.limits)?;
    }
    for (name, team) in &filters.teams {
        limits(&format!("filters.teams.{name}.limits"), &team.limits)?;
    }
    for (name, destination) in &config.destinations {
        if let Destination::Cloudwatch(cloudwatch) = destination {
            sends(name, cloudwatch)?;
        }
    }
    Ok(())
}

fn sends(name: &str, config: &sink::cloudwatch::Config) -> Result<(), Error> {
    let key = |key: &str| format!("destinations.{name}.cloudwatch.{key}");
    time(key("request_timeout"), config.request_timeout, ANSWER_LEAST)?;
    least(key("requests_max"), config.requests_max, 1)?;
    let Some(endpoint) = &config.endpoint else {
        return Ok(());
    };
    let host = ["https://", "http://"]
        .iter()
        .find_map(|scheme| endpoint.strip_prefix(scheme));
    let is_address = |host: &str| {
        let host = host.trim_end_matches('/');
        !host.is_empty() && host.parse::<http::uri::Authority>().is_ok()
    };
    if !host.is_some_and(is_address) {
        return Err(Error::Endpoint {
            name: name.to_owned(),
            endpoint: endpoint.clone(),
        });
    }
    Ok(())
}

fn limits(key: &str, given: &Given) -> Result<(), Error> {
    match given.cpu_per_batch {
        Some(cpu) => time(format!("{key}.cpu_per_batch"), cpu, CPU_LEAST),
        None => Ok(()),
    }
}

fn time(key: impl Into<String>, value: Duration, at_least: Duration) -> Result<(), Error> {
    if value < at_least {
        return Err(too_small(
            key,
            format_duration(value),
            format_duration(at_least),
        ));
    }
    Ok(())
}

fn least<T: PartialOrd + Display>(
    key: impl Into<String>,
    value: T,
    at_least: T,
) -> Result<(), Error> {
    if value < at_least {
        return Err(too_small(key, value, at_least));
    }
    Ok(())
}

fn too_small(key: impl Into<String>, value: impl Display, least: impl Display) -> Error {
    Error::TooSmall {
        key: key.into(),
        value: value.to_string(),
        least: least.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_with_which_the_agent_would_stand_still_or_spin_is_refused_by_its_key() {
        let destination = "destinations: { out: { cloudwatch: { region: r, KEY } } }\n\
                           routes: [{ destination: out }]\n";
        let of_destination = |key: &str| destination.replace("KEY", key);
        let of_agent = |key: &str| format!("{key}\n{}", of_destination("flush_after: 0s"));
        assert_eq!(refused(&of_agent("lanes: 2")), None);
        let good = "endpoint: 'http://127.0.0.1:4566/'";
        assert_eq!(refused(&of_destination(good)), None);
        for (text, says) in [
            (of_agent("lanes: 0"), "`lanes` is 0"),
            (of_agent("budget: 1MiB"), "`budget` is"),
            (
                of_agent("source: { container_log: { rescan_every: 0s } }"),
                "`source.container_log.rescan_every` is 0s, and has to be at least 100ms",
            ),
            (
                of_agent("filters: { modules: { f: { limits: { cpu_per_batch: 0s } } } }"),
                "`filters.modules.f.limits.cpu_per_batch` is 0s",
            ),
            (
                of_destination("request_timeout: 0s"),
                "`destinations.out.cloudwatch.request_timeout` is 0s",
            ),
            (of_destination("requests_max: 0"), "requests_max` is 0"),
            (
                of_destination("endpoint: logs.internal"),
                "`logs.internal` is no address",
            ),
            (of_destination("endpoint: 'https://'"), "is no address"),
        ] {
            let error = refused(&text).unwrap_or_default();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    fn refused(text: &str) -> Option<String> {
        let config = Config::parse(text).unwrap();
        config.resolve().err().map(|error| error.to_string())
    }
}
