//! What to do after each answer of the service: one table.
//!
//! Anything that may pass is tried again, for ever, with back-off: a request waits within its log
//! group's share of the budget, and reading stops behind it. Only what the service says it will
//! never take is given up, and counted.

use std::time::Duration;

use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

/// Back-off after the first failure, and the most.
pub const BACKOFF_MIN: Duration = Duration::from_millis(200);
pub const BACKOFF_MAX: Duration = Duration::from_secs(60);

/// What an answer asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Send it again after a while. `maybe_taken`: the answer was lost, so it may be a repeat.
    Retry { maybe_taken: bool },
    /// Send it again after a while, and everything else of this account more slowly.
    Throttled,
    /// Make the group and the stream, and send it again.
    Create,
    /// Something in it will never be taken: find it.
    Split,
}

/// A failed call, reduced to what matters.
#[derive(Debug)]
pub struct Failed {
    pub next: Next,
    /// The service's code or the kind of failure: for metrics.
    pub code: String,
    /// For people.
    pub message: String,
}

/// Error codes (as AWS documents them for PutLogEvents, CreateLogGroup and CreateLogStream, and the
/// common ones), and what each asks for. Codes that are not here are judged by the HTTP status.
const TABLE: [(&str, Next); 10] = [
    ("ResourceNotFoundException", Next::Create),
    ("InvalidParameterException", Next::Split),
    ("ThrottlingException", Next::Throttled),
    ("Throttling", Next::Throttled),
    ("TooManyRequestsException", Next::Throttled),
    ("RequestLimitExceeded", Next::Throttled),
    ("LimitExceededException", Next::Throttled),
    ("SlowDown", Next::Throttled),
    ("ServiceUnavailableException", SERVER_ERROR),
    ("OperationAbortedException", SERVER_ERROR),
];
const SERVER_ERROR: Next = Next::Retry { maybe_taken: false };

/// Judges a failed call.
pub fn judge<E>(error: &SdkError<E, HttpResponse>) -> Failed
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match error {
        SdkError::ServiceError(service) => {
            let status = service.raw().status().as_u16();
            let meta = service.err().meta();
            by_answer(status, meta.code(), meta.message())
        }
        SdkError::ResponseError(response) => {
            let status = response.raw().status().as_u16();
            by_answer(
                status,
                None,
                Some("the answer is not one of CloudWatch Logs"),
            )
        }
        SdkError::TimeoutError(_) => unanswered("Timeout", "no answer in time".into(), true),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            unanswered("Timeout", "no answer in time".into(), true)
        }
        SdkError::DispatchFailure(failure) => {
            let cause = failure
                .as_connector_error()
                .map_or_else(String::new, |e| chain(e));
            unanswered("Connection", cause, true)
        }
        // Credentials that do not come, an endpoint that is no URL: before anything is sent.
        other => unanswered("Client", chain(other), false),
    }
}

fn unanswered(code: &str, message: String, maybe_taken: bool) -> Failed {
    Failed {
        next: Next::Retry { maybe_taken },
        code: code.to_owned(),
        message,
    }
}

fn by_answer(status: u16, code: Option<&str>, message: Option<&str>) -> Failed {
    let known = code.and_then(|c| TABLE.iter().find(|(name, _)| *name == c));
    let next = match (known, status) {
        (Some((_, next)), _) => *next,
        (None, 429) => Next::Throttled,
        // A proxy's or the service's own size check, whatever it is called.
        (None, 413) => Next::Split,
        // Credentials and rights (401, 403, and 400 with codes such as UnrecognizedClient) may
        // come right; so may 5xx. Nothing here says that the data is at fault.
        (None, _) => SERVER_ERROR,
    };
    Failed {
        next,
        code: code.map_or_else(|| format!("HTTP {status}"), str::to_owned),
        message: message.unwrap_or("no message").to_owned(),
    }
}

/// An error with its causes, as people read it.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// The wait before try number `tries` (from 1), full jitter: anywhere up to the doubled back-off.
#[must_use]
pub fn backoff(tries: u32, random: u64) -> Duration {
    let doubled = BACKOFF_MIN.saturating_mul(1 << tries.min(16));
    let most = doubled.min(BACKOFF_MAX).as_millis();
    let wait = u128::from(random) % most.max(1);
    Duration::from_millis(u64::try_from(wait).unwrap_or(u64::MAX)).max(BACKOFF_MIN / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_has_its_row() {
        let next = |status, code| by_answer(status, code, None).next;
        assert_eq!(next(400, Some("ResourceNotFoundException")), Next::Create);
        assert_eq!(next(400, Some("ThrottlingException")), Next::Throttled);
        assert_eq!(next(400, Some("InvalidParameterException")), Next::Split);
        assert_eq!(next(400, Some("UnrecognizedClientException")), SERVER_ERROR);
        assert_eq!(next(403, None), SERVER_ERROR);
        assert_eq!(next(413, None), Next::Split);
        assert_eq!(next(429, None), Next::Throttled);
        assert_eq!(next(503, None), SERVER_ERROR);
    }

    #[test]
    fn the_back_off_grows_and_ends_at_its_cap() {
        for tries in 1..100 {
            assert!(backoff(tries, u64::MAX / 3) <= BACKOFF_MAX);
            assert!(backoff(tries, 0) >= BACKOFF_MIN / 4);
        }
    }
}
