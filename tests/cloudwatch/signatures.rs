//! Signatures: the SDK's signer meets the fake's own arithmetic.
//!
//! And every way to be wrong gets the error that the real service gives.

use std::io::{Read, Write};
use std::net::TcpStream;

use aws_sdk_cloudwatchlogs::config::Credentials;
use support::cloudwatch::{self, FakeCloudWatch, Options};

use crate::client::{GROUP, code, event, message, now_ms, put, sdk, sdk_with, sdk_with_stream};

/// Starts a service whose clock is ahead by so many minutes, and creates a group there.
async fn create_with_clock_ahead(minutes: i64) -> (String, String) {
    let clock_ahead_ms = minutes * 60_000;
    let fake = FakeCloudWatch::start_with(Options {
        clock_ahead_ms,
        ..Options::default()
    })
    .unwrap();
    let result = sdk(&fake)
        .create_log_group()
        .log_group_name(GROUP)
        .send()
        .await;
    match result {
        Ok(_) => ("ok".into(), String::new()),
        Err(_) => (code(&result), message(&result)),
    }
}

/// Sends a request as it stands and returns the answer.
fn send_raw(fake: &FakeCloudWatch, head: &str) -> String {
    let address = fake.url().replace("http://", "");
    let mut stream = TcpStream::connect(&address).unwrap();
    let head = head.replace('\n', "\r\n");
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: 2\r\n\
         Content-Type: application/x-amz-json-1.1\r\nX-Amz-Target: Logs_20140328.CreateLogGroup\r\n\
         {head}\r\n\r\n{{}}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test]
async fn a_request_signed_with_the_right_key_is_taken() {
    let fake = FakeCloudWatch::start();
    let sdk = sdk_with_stream(&fake).await;
    put(&sdk, vec![event(now_ms(), "ü \" \\ \n \u{1} \u{1f600}")])
        .await
        .unwrap();
    assert_eq!(fake.events()[0].message, "ü \" \\ \n \u{1} \u{1f600}");
}

#[tokio::test]
async fn a_wrong_secret_is_refused() {
    let fake = FakeCloudWatch::start();
    let wrong = Credentials::new("AKIATEST", "secret2", None, None, "test");
    let result = sdk_with(&fake, wrong, "eu-central-1")
        .create_log_group()
        .log_group_name(GROUP)
        .send()
        .await;
    assert_eq!(code(&result), "InvalidSignatureException");
    assert!(message(&result).contains("does not match the signature you provided"));
    assert!(fake.log_group(GROUP).is_none());
}

#[tokio::test]
async fn an_unknown_access_key_is_refused() {
    let fake = FakeCloudWatch::start();
    let unknown = Credentials::new("AKIAOTHER", "secret", None, None, "test");
    let result = sdk_with(&fake, unknown, "eu-central-1")
        .create_log_group()
        .log_group_name(GROUP)
        .send()
        .await;
    assert_eq!(code(&result), "UnrecognizedClientException");
}

#[tokio::test]
async fn another_region_is_refused() {
    let fake = FakeCloudWatch::start();
    let credentials = Credentials::new("AKIATEST", "secret", None, None, "test");
    let result = sdk_with(&fake, credentials, "us-east-1")
        .create_log_group()
        .log_group_name(GROUP)
        .send()
        .await;
    assert_eq!(code(&result), "InvalidSignatureException");
    assert_eq!(
        message(&result),
        "Credential should be scoped to a valid region."
    );
}

#[tokio::test]
async fn temporary_credentials_need_their_token() {
    let fake = FakeCloudWatch::start();
    let temporary = cloudwatch::Credentials {
        session_token: Some("a-token".into()),
        ..cloudwatch::Credentials::new("ASIATEST", "secret")
    };
    fake.set_credentials(vec![temporary]);
    let call = |token: Option<&str>| {
        let credentials =
            Credentials::new("ASIATEST", "secret", token.map(Into::into), None, "test");
        sdk_with(&fake, credentials, "eu-central-1")
            .create_log_group()
            .log_group_name(GROUP)
            .send()
    };
    assert_eq!(code(&call(None).await), "UnrecognizedClientException");
    assert_eq!(
        code(&call(Some("another")).await),
        "UnrecognizedClientException"
    );
    call(Some("a-token")).await.unwrap();
}

#[tokio::test]
async fn an_expired_token_is_refused_as_expired() {
    let fake = FakeCloudWatch::start();
    let mut over = cloudwatch::Credentials::new("AKIATEST", "secret");
    over.expired = true;
    fake.set_credentials(vec![over]);
    let result = sdk(&fake)
        .create_log_group()
        .log_group_name(GROUP)
        .send()
        .await;
    assert_eq!(code(&result), "ExpiredTokenException");
}

#[tokio::test]
async fn a_clock_that_is_4_minutes_off_passes_and_6_minutes_do_not() {
    for minutes in [4, -4] {
        assert_eq!(
            create_with_clock_ahead(minutes).await.0,
            "ok",
            "{minutes} minutes"
        );
    }
    let (code, message) = create_with_clock_ahead(6).await;
    assert_eq!(code, "InvalidSignatureException");
    assert!(message.starts_with("Signature expired: "), "{message}");
    let (code, message) = create_with_clock_ahead(-6).await;
    assert_eq!(code, "InvalidSignatureException");
    assert!(
        message.starts_with("Signature not yet current: "),
        "{message}"
    );
}

#[test]
fn a_request_without_a_signature_is_refused() {
    let fake = FakeCloudWatch::start();
    let answer = send_raw(&fake, "X-Nothing: 1");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(
        answer.contains(r#""__type":"MissingAuthenticationTokenException""#),
        "{answer}"
    );
}

#[test]
fn a_signature_with_a_part_missing_is_incomplete() {
    let fake = FakeCloudWatch::start();
    let answer = send_raw(
        &fake,
        "Authorization: AWS4-HMAC-SHA256 Credential=AKIATEST/20260101/eu-central-1/logs/aws4_request, SignedHeaders=host",
    );
    assert!(
        answer.contains(r#""__type":"IncompleteSignatureException""#),
        "{answer}"
    );
    assert!(
        answer.contains("requires 'Signature' parameter"),
        "{answer}"
    );
}

#[test]
fn headers_of_aws_must_be_signed() {
    let fake = FakeCloudWatch::start();
    let now = jiff::Timestamp::now();
    let (day, time) = (now.strftime("%Y%m%d"), now.strftime("%Y%m%dT%H%M%SZ"));
    let answer = send_raw(
        &fake,
        &format!(
            "X-Amz-Date: {time}\nAuthorization: AWS4-HMAC-SHA256 \
             Credential=AKIATEST/{day}/eu-central-1/logs/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature=00"
        ),
    );
    assert!(
        answer.contains("'x-amz-target' must be a 'SignedHeader'"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_body_changed_on_the_way_is_refused() {
    use aws_sdk_cloudwatchlogs::config::interceptors::BeforeTransmitInterceptorContextMut;
    use aws_sdk_cloudwatchlogs::config::{ConfigBag, Intercept, RuntimeComponents};
    use aws_sdk_cloudwatchlogs::error::BoxError;

    /// Changes the body after it was signed.
    #[derive(Debug)]
    struct Meddler;
    impl Intercept for Meddler {
        fn name(&self) -> &'static str {
            "meddler"
        }
        fn modify_before_transmit(
            &self,
            context: &mut BeforeTransmitInterceptorContextMut<'_>,
            _: &RuntimeComponents,
            _: &mut ConfigBag,
        ) -> Result<(), BoxError> {
            let body = context
                .request()
                .body()
                .bytes()
                .unwrap()
                .to_ascii_uppercase();
            *context.request_mut().body_mut() = body.into();
            Ok(())
        }
    }

    let fake = FakeCloudWatch::start();
    let call = sdk(&fake)
        .create_log_group()
        .log_group_name(GROUP)
        .customize()
        .interceptor(Meddler)
        .send()
        .await;
    assert_eq!(code(&call), "InvalidSignatureException");
}
