//! What to do after each answer of the service: one table.
//!
//! Anything that may pass is tried again, for ever, with back-off: a request waits within its log
//! group's share of the budget, and reading stops behind it. Only what the service says it will
//! never take is given up, and counted. A request whose answer was lost may have been taken: it is
//! sent again all the same, and counted as a possible repeat.

use std::error::Error as StdError;
use std::time::Duration;

use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use hyper_util::client::legacy::Error as HttpError;

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
    /// Its entity is at fault: send it again without.
    WithoutEntity,
    /// Fetch the credentials anew, and send it again after a while.
    Credentials,
    /// Send it again after a while, and nothing else more slowly: these credentials may not do it, and are
    /// good otherwise.
    Denied,
    /// It had been taken before: nothing is left to do.
    Taken,
}

/// It was not taken, and may be the next time.
const LATER: Next = Next::Retry { maybe_taken: false };
/// Nobody knows whether it was taken.
const IN_DOUBT: Next = Next::Retry { maybe_taken: true };

/// A failed call, reduced to what matters.
#[derive(Debug, Clone)]
pub struct Failed {
    pub next: Next,
    /// The service's code or the kind of failure: for metrics.
    pub code: String,
    /// For people.
    pub message: String,
}

/// Error codes, a word of the message where the code alone does not tell, and what they ask for. The
/// first row that fits counts. Codes: the models of PutLogEvents, CreateLogGroup, CreateLogStream
/// and PutRetentionPolicy, "Common errors" of the API reference, and the codes that the AWS SDK for
/// Rust holds for throttling (aws-runtime 1.10). What has no row is judged by its HTTP status.
pub const TABLE: [(&str, &str, Next); 44] = [
    ("ResourceNotFoundException", "", Next::Create),
    // Names are checked before they are used: what is wrong then is the configuration, not a record.
    ("InvalidParameterException", "logGroupName", LATER),
    ("InvalidParameterException", "logStreamName", LATER),
    ("InvalidParameterException", "entity", Next::WithoutEntity),
    ("ValidationException", "entity", Next::WithoutEntity),
    ("InvalidParameterException", "", Next::Split),
    ("SerializationException", "", Next::Split),
    ("ValidationException", "", Next::Split),
    ("RequestEntityTooLargeException", "", Next::Split),
    // Not sent by the service any more, and still in its model.
    ("DataAlreadyAcceptedException", "", Next::Taken),
    ("InvalidSequenceTokenException", "", LATER),
    ("OperationAbortedException", "", LATER),
    ("ServiceUnavailableException", "", LATER),
    ("ServiceUnavailable", "", LATER),
    ("InternalFailure", "", IN_DOUBT),
    ("InternalServerError", "", IN_DOUBT),
    ("RequestTimeout", "", IN_DOUBT),
    ("RequestTimeoutException", "", IN_DOUBT),
    ("ThrottlingException", "", Next::Throttled),
    ("Throttling", "", Next::Throttled),
    ("ThrottledException", "", Next::Throttled),
    ("RequestThrottled", "", Next::Throttled),
    ("RequestThrottledException", "", Next::Throttled),
    ("TooManyRequestsException", "", Next::Throttled),
    (
        "ProvisionedThroughputExceededException",
        "",
        Next::Throttled,
    ),
    ("TransactionInProgressException", "", Next::Throttled),
    ("RequestLimitExceeded", "", Next::Throttled),
    ("BandwidthLimitExceeded", "", Next::Throttled),
    ("LimitExceededException", "", Next::Throttled),
    ("PriorRequestNotComplete", "", Next::Throttled),
    ("EC2ThrottledException", "", Next::Throttled),
    ("SlowDown", "", Next::Throttled),
    // The SDK has read the service's clock in the answer, and signs by it from now on.
    ("RequestTimeTooSkewed", "", LATER),
    ("RequestExpired", "", LATER),
    ("InvalidSignatureException", "Signature expired", LATER),
    (
        "InvalidSignatureException",
        "Signature not yet current",
        LATER,
    ),
    ("InvalidSignatureException", "", Next::Credentials),
    ("ExpiredTokenException", "", Next::Credentials),
    ("ExpiredToken", "", Next::Credentials),
    ("UnrecognizedClientException", "", Next::Credentials),
    ("InvalidClientTokenId", "", Next::Credentials),
    ("MissingAuthenticationTokenException", "", Next::Credentials),
    ("IncompleteSignatureException", "", Next::Credentials),
    ("AccessDeniedException", "", Next::Denied),
];

/// Judges a failed call.
pub fn judge<E>(error: &SdkError<E, HttpResponse>) -> Failed
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    match error {
        SdkError::ServiceError(service) => {
            let meta = service.err().meta();
            let raw = service.raw();
            match meta.code() {
                Some(code) => answered(raw, Some(code), meta.message()),
                None => answered(raw, xml_code(raw).as_deref(), meta.message()),
            }
        }
        // Cut off, longer than an answer may be, or not in the service's language.
        SdkError::ResponseError(response) => {
            let message = "the answer is not one of CloudWatch Logs";
            answered(response.raw(), None, Some(message))
        }
        SdkError::TimeoutError(_) => unanswered("Timeout", "no answer in time".into(), IN_DOUBT),
        SdkError::DispatchFailure(failure) => {
            let cause = failure.as_connector_error();
            let text = cause.map_or_else(String::new, |e| chain(e));
            // Where no connection came about, nothing was sent.
            let next = match cause.is_some_and(|e| is_connect(e)) {
                true => LATER,
                false => IN_DOUBT,
            };
            let code = if failure.is_timeout() {
                "Timeout"
            } else {
                "Connection"
            };
            unanswered(code, text, next)
        }
        // Credentials that do not come, an endpoint that is no URL: before anything is sent.
        other => unanswered("Client", chain(other), LATER),
    }
}

impl Failed {
    /// Something that is only told.
    #[must_use]
    pub fn told(code: &str, message: String) -> Self {
        unanswered(code, message, LATER)
    }
}

fn unanswered(code: &str, message: String, next: Next) -> Failed {
    Failed {
        next,
        code: code.to_owned(),
        message,
    }
}

fn answered(raw: &HttpResponse, code: Option<&str>, message: Option<&str>) -> Failed {
    by_answer(raw.status().as_u16(), code, message)
}

fn by_answer(status: u16, code: Option<&str>, message: Option<&str>) -> Failed {
    let text = message.unwrap_or_default();
    let row = |code: &str| {
        let fits = |row: &&(&str, &str, Next)| row.0 == code && text.contains(row.1);
        TABLE.iter().find(fits).map(|row| row.2)
    };
    Failed {
        next: code.and_then(row).unwrap_or_else(|| by_status(status)),
        code: code.map_or_else(|| format!("HTTP {status}"), str::to_owned),
        message: message.unwrap_or("no message").to_owned(),
    }
}

/// Answers without a code that is known: of load balancers, proxies, and services of tomorrow.
/// Nothing here says that the data is at fault, but for its size.
fn by_status(status: u16) -> Next {
    match status {
        429 => Next::Throttled,
        413 => Next::Split,
        401 | 403 => Next::Credentials,
        // It said yes in words that nobody understands, or somebody on the way gave up waiting.
        200..=299 | 408 | 500 | 502 | 504 => IN_DOUBT,
        _ => LATER,
    }
}

/// The code in an error written as XML, as gateways in front of AWS services send it.
fn xml_code(raw: &HttpResponse) -> Option<String> {
    let body = std::str::from_utf8(raw.body().bytes()?).ok()?;
    let (_, rest) = body.split_once("<Code>")?;
    Some(rest.split_once("</Code>")?.0.to_owned())
}

/// Whether it is about a connection that did not come about.
fn is_connect(error: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error
            .downcast_ref::<HttpError>()
            .is_some_and(HttpError::is_connect)
        {
            return true;
        }
        next = error.source();
    }
    false
}

/// An error with its causes, as people read it.
pub fn chain(error: &dyn StdError) -> String {
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

/// Spreads waits; nothing secret hangs on it.
#[must_use]
pub fn random(seed: u64) -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_its_row() {
        for (code, word, next) in TABLE {
            let message = format!("something about {word} happened");
            assert_eq!(
                by_answer(400, Some(code), Some(&message)).next,
                next,
                "{code}"
            );
        }
    }

    #[test]
    fn a_status_decides_where_no_code_is_known() {
        for (status, next) in [
            (200, IN_DOUBT),
            (400, LATER),
            (401, Next::Credentials),
            (403, Next::Credentials),
            (404, LATER),
            (407, LATER),
            (408, IN_DOUBT),
            (413, Next::Split),
            (429, Next::Throttled),
            (500, IN_DOUBT),
            (502, IN_DOUBT),
            (503, LATER),
            (504, IN_DOUBT),
        ] {
            assert_eq!(by_answer(status, None, None).next, next, "{status}");
            assert_eq!(by_answer(status, Some("OfTomorrow"), None).next, next);
        }
    }

    #[test]
    fn the_back_off_grows_and_ends_at_its_cap() {
        for tries in 1..100 {
            assert!(backoff(tries, u64::MAX / 3) <= BACKOFF_MAX);
            assert!(backoff(tries, 0) >= BACKOFF_MIN / 4);
        }
    }
}
