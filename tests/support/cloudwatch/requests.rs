//! What is remembered of each request, so that a test can ask how the agent behaved.
//!
//! Numbers of events and bytes, what came of it, and when it began and ended: enough to see
//! back-off, batching, requests in flight at once, and which request carried which event.

use serde::{Deserialize, Serialize};

use super::put::Rejected;

/// A request that reached the service.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestSummary {
    /// In order of arrival, from 0.
    pub number: u64,
    /// Which connection it came on, from 0.
    pub connection: u64,
    /// Such as `PutLogEvents`.
    pub operation: String,
    pub log_group: Option<String>,
    pub log_stream: Option<String>,
    /// How many events it carried.
    pub events: usize,
    /// How many of them were stored.
    pub stored: usize,
    /// UTF-8 bytes of its messages.
    pub message_bytes: usize,
    /// Bytes of its body as sent.
    pub body_bytes: usize,
    pub gzip: bool,
    /// What the events are about.
    pub entity: Option<serde_json::Value>,
    /// The header `x-amzn-logs-format`.
    pub logs_format: Option<String>,
    /// The time of its first and last event, milliseconds since the Unix epoch.
    pub first_ms: Option<i64>,
    pub last_ms: Option<i64>,
    /// The events that were not taken.
    pub rejected: Option<Rejected>,
    /// The status of the answer; none while there is no answer, or where there never was one.
    pub status: Option<u16>,
    /// The type of the error that was answered.
    pub error: Option<String>,
    /// The fault that struck it, as the script names it.
    pub fault: Option<String>,
    /// When its head had come, and when its answer was ready: microseconds since the service began.
    pub began_us: u64,
    pub ended_us: Option<u64>,
}

impl RequestSummary {
    /// Whether two requests were at the service at the same time.
    pub fn overlaps(&self, other: &RequestSummary) -> bool {
        let ended = |request: &RequestSummary| request.ended_us.unwrap_or(u64::MAX);
        self.began_us < ended(other) && other.began_us < ended(self)
    }

    /// Whether the service stored what it carried.
    pub fn is_stored(&self) -> bool {
        self.stored > 0
    }
}
