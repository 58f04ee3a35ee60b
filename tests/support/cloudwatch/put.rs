//! The rules of PutLogEvents: which requests fail as a whole, and which events are rejected singly.
//!
//! Plain functions of the events, the time and the group's retention, so that each rule is tested
//! on both sides of its edge without a server. A request that breaks a rule of the whole stores
//! nothing; events outside the time window are left out and told by index, the rest is stored.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::error::AwsError;
use super::limits::{
    AGE_MS_MAX, AHEAD_MS_MAX, BATCH_BYTES_MAX, BATCH_EVENTS_MAX, BATCH_SPAN_MS_MAX, DAY_MS,
    EVENT_OVERHEAD_BYTES, MESSAGE_BYTES_MAX,
};

/// An event as it came over the wire, nothing checked yet.
#[derive(Debug, Default, Deserialize)]
pub struct WireEvent {
    pub timestamp: Option<i64>,
    pub message: Option<String>,
}

/// One log event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEvent {
    /// Milliseconds since the Unix epoch.
    pub timestamp: i64,
    pub message: String,
}

/// Which events of a request were not taken, by index into it.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rejected {
    /// The first event that is too new: it and all behind it are rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub too_new_log_event_start_index: Option<usize>,
    /// Behind the last event that is too old.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub too_old_log_event_end_index: Option<usize>,
    /// Behind the last event that is older than the group's retention.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expired_log_event_end_index: Option<usize>,
}

/// What becomes of a request that broke no rule of the whole.
#[derive(Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The events to store.
    pub valid: Range<usize>,
    /// The others, when there are any.
    pub rejected: Option<Rejected>,
}

/// Checks what can be said of the events without knowing the group: number, form, sizes, order.
pub fn check(wire: Vec<WireEvent>) -> Result<Vec<LogEvent>, AwsError> {
    let length = wire.len();
    if length == 0 {
        let rule = "Member must have length greater than or equal to 1";
        return Err(AwsError::constraint("'[]'", "logEvents", rule));
    }
    if length > BATCH_EVENTS_MAX {
        let rule = format!("Member must have length less than or equal to {BATCH_EVENTS_MAX}");
        return Err(AwsError::constraint("'[...]'", "logEvents", &rule));
    }
    let events = wire
        .into_iter()
        .enumerate()
        .map(check_event)
        .collect::<Result<Vec<_>, _>>()?;
    check_size(&events)?;
    if events
        .windows(2)
        .any(|pair| pair[1].timestamp < pair[0].timestamp)
    {
        return Err(AwsError::invalid_parameter(
            "Log events in a single PutLogEvents request must be in chronological order.",
        ));
    }
    Ok(events)
}

fn check_event((index, event): (usize, WireEvent)) -> Result<LogEvent, AwsError> {
    let member = |name: &str| format!("logEvents.{}.member.{name}", index + 1);
    let timestamp = event
        .timestamp
        .ok_or_else(|| AwsError::missing(&member("timestamp")))?;
    let message = event
        .message
        .ok_or_else(|| AwsError::missing(&member("message")))?;
    if timestamp < 0 {
        let rule = "Member must have value greater than or equal to 0";
        return Err(AwsError::constraint(
            &format!("'{timestamp}'"),
            &member("timestamp"),
            rule,
        ));
    }
    if message.is_empty() {
        let rule = "Member must have length greater than or equal to 1";
        return Err(AwsError::constraint("''", &member("message"), rule));
    }
    if message.len() > MESSAGE_BYTES_MAX {
        return Err(AwsError::invalid_parameter(format!(
            "Log event too large: {} bytes exceeds limit of {}",
            message.len() + EVENT_OVERHEAD_BYTES,
            MESSAGE_BYTES_MAX + EVENT_OVERHEAD_BYTES
        )));
    }
    Ok(LogEvent { timestamp, message })
}

fn check_size(events: &[LogEvent]) -> Result<(), AwsError> {
    let bytes: usize = events
        .iter()
        .map(|e| e.message.len() + EVENT_OVERHEAD_BYTES)
        .sum();
    if bytes > BATCH_BYTES_MAX {
        return Err(AwsError::invalid_parameter(format!(
            "Upload too large: {bytes} bytes exceeds limit of {BATCH_BYTES_MAX}"
        )));
    }
    Ok(())
}

/// Says which of the events, which are in chronological order, are stored at `now_ms` in a group
/// that keeps its events for `retention_days`.
pub fn judge(
    events: &[LogEvent],
    now_ms: i64,
    retention_days: Option<i64>,
) -> Result<Judgement, AwsError> {
    let before = |limit: i64| events.partition_point(|event| event.timestamp < limit);
    let too_old = before(now_ms - AGE_MS_MAX);
    let expired = retention_days.map_or(0, |days| before(now_ms - days * DAY_MS));
    // Up to and with the limit: exactly two hours ahead is taken.
    let too_new = before(now_ms + AHEAD_MS_MAX + 1);

    let start = too_old.max(expired);
    let valid = start..too_new.max(start);
    if let [first, .., last] = &events[valid.clone()]
        && last.timestamp - first.timestamp > BATCH_SPAN_MS_MAX
    {
        return Err(AwsError::invalid_parameter(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
        ));
    }
    let rejected = Rejected {
        too_new_log_event_start_index: (too_new < events.len()).then_some(too_new),
        too_old_log_event_end_index: (too_old > 0).then_some(too_old),
        expired_log_event_end_index: (expired > 0).then_some(expired),
    };
    let rejected = (rejected != Rejected::default()).then_some(rejected);
    Ok(Judgement { valid, rejected })
}
