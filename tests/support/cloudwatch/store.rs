//! What the service keeps: log groups, their log streams, and the events in them.
//!
//! Events stay in order of arrival, each with the request that brought it, so that a test can ask
//! both what GetLogEvents would return and which request carried what.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::AwsError;
use super::put::LogEvent;

/// Most message bytes that are kept: 4 GiB, more than any test sends. Past it the service is
/// unavailable, rather than the machine out of memory.
const STORED_BYTES_MAX: usize = 4 << 30;

/// A stored event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The log group.
    pub group: String,
    /// The log stream.
    pub stream: String,
    /// Milliseconds since the Unix epoch.
    pub timestamp: i64,
    pub message: String,
    /// The number of the request that brought it.
    pub request: u64,
    /// Its place among all events of the service, in order of arrival, from 0.
    pub order: u64,
}

/// A log group.
#[derive(Debug, Default, Clone)]
pub struct LogGroup {
    /// How long events are kept, days; for ever where there is none.
    pub retention_days: Option<i64>,
    pub class: Option<String>,
    /// The ARN of the key that encrypts it.
    pub kms_key: Option<String>,
    pub tags: BTreeMap<String, String>,
    /// Log streams, each with the places of its events among all.
    streams: BTreeMap<String, Vec<usize>>,
}

impl LogGroup {
    /// A group without streams, that keeps its events for ever.
    pub fn new(
        class: Option<String>,
        kms_key: Option<String>,
        tags: BTreeMap<String, String>,
    ) -> Self {
        LogGroup {
            class,
            kms_key,
            tags,
            ..LogGroup::default()
        }
    }
}

/// All that the service keeps.
#[derive(Debug, Default)]
pub struct Store {
    groups: BTreeMap<String, LogGroup>,
    events: Vec<Event>,
    bytes: usize,
}

impl Store {
    pub fn create_group(&mut self, name: String, group: LogGroup) -> Result<(), AwsError> {
        if self.groups.contains_key(&name) {
            return Err(AwsError::already_exists("log group"));
        }
        self.groups.insert(name, group);
        Ok(())
    }

    pub fn create_stream(&mut self, group: &str, stream: String) -> Result<(), AwsError> {
        let group = self.group_mut(group)?;
        if group.streams.contains_key(&stream) {
            return Err(AwsError::already_exists("log stream"));
        }
        group.streams.insert(stream, Vec::new());
        Ok(())
    }

    pub fn group(&self, name: &str) -> Result<&LogGroup, AwsError> {
        self.groups
            .get(name)
            .ok_or_else(|| AwsError::not_found("log group"))
    }

    pub fn group_mut(&mut self, name: &str) -> Result<&mut LogGroup, AwsError> {
        self.groups
            .get_mut(name)
            .ok_or_else(|| AwsError::not_found("log group"))
    }

    /// The names of all log streams, as (log group, log stream).
    pub fn stream_names(&self) -> Vec<(String, String)> {
        let names = |(group, streams): (&String, &LogGroup)| {
            streams
                .streams
                .keys()
                .map(|stream| (group.clone(), stream.clone()))
                .collect::<Vec<_>>()
        };
        self.groups.iter().flat_map(names).collect()
    }

    /// Says whether a stream exists, as PutLogEvents does.
    pub fn check_stream(&self, group: &str, stream: &str) -> Result<(), AwsError> {
        match self.group(group)?.streams.contains_key(stream) {
            true => Ok(()),
            false => Err(AwsError::not_found("log stream")),
        }
    }

    /// Appends events to a stream.
    pub fn put(
        &mut self,
        group: &str,
        stream: &str,
        events: Vec<LogEvent>,
        request: u64,
    ) -> Result<(), AwsError> {
        self.check_stream(group, stream)?;
        self.bytes += events
            .iter()
            .map(|event| event.message.len())
            .sum::<usize>();
        if self.bytes > STORED_BYTES_MAX {
            let message = "the fake's store is full".to_owned();
            let code = "ServiceUnavailableException".to_owned();
            return Err(AwsError {
                status: 500,
                code,
                message,
            });
        }
        let group_entry = self.group_mut(group)?;
        let Some(mut places) = group_entry.streams.remove(stream) else {
            return Err(AwsError::not_found("log stream"));
        };
        for LogEvent { timestamp, message } in events {
            let order = self.events.len() as u64;
            places.push(self.events.len());
            let (group, stream) = (group.to_owned(), stream.to_owned());
            self.events.push(Event {
                group,
                stream,
                timestamp,
                message,
                request,
                order,
            });
        }
        self.group_mut(group)?
            .streams
            .insert(stream.to_owned(), places);
        Ok(())
    }

    /// Every event, in order of arrival.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The events of a stream as GetLogEvents returns them from the head: by millisecond, then by
    /// arrival. Empty for a stream that does not exist.
    pub fn read(&self, group: &str, stream: &str) -> Vec<Event> {
        let places = self.places(group, stream);
        let mut events: Vec<Event> = places
            .into_iter()
            .flatten()
            .map(|&place| self.events[place].clone())
            .collect();
        events.sort_by_key(|event| event.timestamp);
        events
    }

    pub fn stream_len(&self, group: &str, stream: &str) -> usize {
        self.places(group, stream).map_or(0, Vec::len)
    }

    fn places(&self, group: &str, stream: &str) -> Option<&Vec<usize>> {
        self.groups.get(group)?.streams.get(stream)
    }
}
