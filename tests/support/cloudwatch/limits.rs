//! The limits of CloudWatch Logs, by name.
//!
//! From the API reference of PutLogEvents, CreateLogGroup, CreateLogStream and PutRetentionPolicy
//! (API version 2014-03-28). They are written down here a second time, apart from the agent's own
//! constants, on purpose: a wrong number there must meet a right one here.

/// Most that one PutLogEvents request may hold: UTF-8 bytes of its messages, and
/// [`EVENT_OVERHEAD_BYTES`] for each event.
pub const BATCH_BYTES_MAX: usize = 1_048_576;

/// What each event counts beside its message, bytes.
pub const EVENT_OVERHEAD_BYTES: usize = 26;

/// Most UTF-8 bytes of one message: 1 MiB with its overhead.
pub const MESSAGE_BYTES_MAX: usize = 1_048_576 - EVENT_OVERHEAD_BYTES;

/// Most events of one PutLogEvents request.
pub const BATCH_EVENTS_MAX: usize = 10_000;

/// Longest time between the first and the last valid event of one request, milliseconds: 24 hours.
pub const BATCH_SPAN_MS_MAX: i64 = 24 * HOUR_MS;

/// An event further back is rejected as too old, milliseconds: 14 days.
pub const AGE_MS_MAX: i64 = 14 * DAY_MS;

/// An event further ahead is rejected as too new, milliseconds: 2 hours.
pub const AHEAD_MS_MAX: i64 = 2 * HOUR_MS;

/// Longest name of a log group or log stream, UTF-16 units. The shortest has one.
pub const NAME_LENGTH_MAX: usize = 512;

/// Longest ARN of a key.
pub const KMS_KEY_LENGTH_MAX: usize = 256;

/// Most tags of a resource.
pub const TAGS_MAX: usize = 50;

/// The retentions that a log group may have, days.
pub const RETENTION_DAYS: [i64; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

/// How far the clock of a signature may be off, either way, milliseconds: 5 minutes, as seen in
/// the service's own refusals.
pub const SKEW_MS_MAX: i64 = 5 * 60 * 1000;

/// One hour, milliseconds.
pub const HOUR_MS: i64 = 60 * 60 * 1000;

/// One day, milliseconds.
pub const DAY_MS: i64 = 24 * HOUR_MS;
