//! A client for the fake: the AWS SDK, without retries, so that one call is one request.
//!
//! It also says what a test wants to know of a failed call: the error's type and text as the SDK
//! read them.

use aws_sdk_cloudwatchlogs::config::retry::RetryConfig;
use aws_sdk_cloudwatchlogs::config::timeout::TimeoutConfig;
use aws_sdk_cloudwatchlogs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudwatchlogs::operation::put_log_events::{PutLogEventsError, PutLogEventsOutput};
use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use support::cloudwatch::FakeCloudWatch;

pub const GROUP: &str = "/eks/payments";
pub const STREAM: &str = "api-0/app";

/// The SDK with the key pair that the fake knows by default.
pub fn sdk(fake: &FakeCloudWatch) -> aws_sdk_cloudwatchlogs::Client {
    sdk_with(
        fake,
        Credentials::new("AKIATEST", "secret", None, None, "test"),
        "eu-central-1",
    )
}

/// The SDK with other credentials or another region.
pub fn sdk_with(
    fake: &FakeCloudWatch,
    credentials: Credentials,
    region: &'static str,
) -> aws_sdk_cloudwatchlogs::Client {
    let timeouts = TimeoutConfig::builder()
        .operation_timeout(Duration::from_secs(60))
        .build();
    let config = aws_sdk_cloudwatchlogs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .region(Region::from_static(region))
        .endpoint_url(fake.url())
        .credentials_provider(credentials)
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        .build();
    aws_sdk_cloudwatchlogs::Client::from_conf(config)
}

/// The SDK, and a group and a stream to write to.
pub async fn sdk_with_stream(fake: &FakeCloudWatch) -> aws_sdk_cloudwatchlogs::Client {
    let sdk = sdk(fake);
    sdk.create_log_group()
        .log_group_name(GROUP)
        .send()
        .await
        .unwrap();
    sdk.create_log_stream()
        .log_group_name(GROUP)
        .log_stream_name(STREAM)
        .send()
        .await
        .unwrap();
    sdk
}

pub type Put = Result<PutLogEventsOutput, SdkError<PutLogEventsError>>;

/// Puts events into the stream.
pub async fn put(sdk: &aws_sdk_cloudwatchlogs::Client, events: Vec<InputLogEvent>) -> Put {
    sdk.put_log_events()
        .log_group_name(GROUP)
        .log_stream_name(STREAM)
        .set_log_events(Some(events))
        .send()
        .await
}

pub fn event(timestamp: i64, message: impl Into<String>) -> InputLogEvent {
    InputLogEvent::builder()
        .timestamp(timestamp)
        .message(message)
        .build()
        .unwrap()
}

pub fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_millis() as i64
}

/// The type of the error that a call got; `-` for one that is none of the service's.
pub fn code<T, E: ProvideErrorMetadata>(result: &Result<T, SdkError<E>>) -> String {
    let error = result.as_ref().err().expect("the call fails");
    error.code().unwrap_or("-").to_owned()
}

/// The text of the error that a call got.
pub fn message<T, E: ProvideErrorMetadata>(result: &Result<T, SdkError<E>>) -> String {
    let error = result.as_ref().err().expect("the call fails");
    error.message().unwrap_or("-").to_owned()
}
