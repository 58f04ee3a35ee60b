//! The service's limits, each with its source.
//!
//! API: the PutLogEvents page of the CloudWatch Logs API reference, as it stands in the AWS SDK for
//! Rust (aws-sdk-cloudwatchlogs 1.162). Quotas: the "CloudWatch Logs quotas" page.

use std::ops::RangeInclusive;

/// A request's events: "the sum of all event messages in UTF-8, plus 26 bytes for each" (API).
pub const REQUEST_BYTES_MAX: usize = 1_048_576;
/// What each event adds to that sum (API).
pub const EVENT_OVERHEAD_BYTES: usize = 26;
/// Events of a request (API).
pub const REQUEST_EVENTS_MAX: usize = 10_000;
/// A message that fills a request alone: the most that the limits above leave.
pub const MESSAGE_BYTES_LIMIT: usize = REQUEST_BYTES_MAX - EVENT_OVERHEAD_BYTES;
/// Longest message that is sent; longer records are split. The service says 1 MB an event, and
/// Fluent Bit's tests found that it counts some escapes too, so this keeps a distance.
pub const MESSAGE_BYTES_MAX: usize = 1_000_000;
/// Events of a request span at most 24 hours (API), milliseconds.
pub const REQUEST_SPAN_MS: i64 = 24 * 3600 * 1000;
/// Events older than this are rejected (API), milliseconds.
pub const TOO_OLD_MS: u64 = 14 * 24 * 3600 * 1000;
/// Events further ahead than this are rejected (API), milliseconds.
pub const TOO_NEW_MS: u64 = 2 * 3600 * 1000;
/// Names of groups and streams (CreateLogGroup, CreateLogStream), characters.
pub const NAME_CHARS_MAX: usize = 512;

/// Times that the service takes, nanoseconds since the Unix epoch.
#[must_use]
pub fn window(now: u64) -> RangeInclusive<u64> {
    now.saturating_sub(TOO_OLD_MS * 1_000_000)..=now.saturating_add(TOO_NEW_MS * 1_000_000)
}

/// A name that the service takes for a group: `[.-_/#A-Za-z0-9]`, not starting `aws/` (CreateLogGroup).
#[must_use]
pub fn group_name(name: &str) -> String {
    let name = clean(name, fits_group);
    if name.starts_with("aws/") {
        return format!("_{name}").chars().take(NAME_CHARS_MAX).collect();
    }
    name
}

/// A name that the service takes for a stream: no `:` and no `*` (CreateLogStream).
#[must_use]
pub fn stream_name(name: &str) -> String {
    clean(name, fits_stream)
}

/// Whether a group's name may have it (CreateLogGroup).
#[must_use]
pub fn fits_group(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._-/#".contains(c)
}

/// Whether a stream's name may have it (CreateLogStream).
#[must_use]
pub fn fits_stream(c: char) -> bool {
    !matches!(c, ':' | '*') && !c.is_control()
}

fn clean(name: &str, fits: impl Fn(char) -> bool) -> String {
    if name.is_empty() {
        return "_".into();
    }
    let chars = name.chars().map(|c| if fits(c) { c } else { '_' });
    chars.take(NAME_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_ones_that_the_service_takes() {
        assert_eq!(group_name("/eks/a b:c"), "/eks/a_b_c");
        assert_eq!(group_name("aws/x"), "_aws/x");
        assert_eq!(group_name(""), "_");
        assert_eq!(stream_name("pod:1*"), "pod_1_");
        assert_eq!(stream_name(&"ü".repeat(600)).chars().count(), 512);
    }
}
