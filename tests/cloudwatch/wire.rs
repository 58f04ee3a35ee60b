//! The wire format: what is a request at all, compressed bodies, entities, the books by HTTP.
//!
//! Where the SDK would not send what is tried, the bytes are written by hand, unsigned.

use std::io::{Read, Write};
use std::net::TcpStream;

use aws_sdk_cloudwatchlogs::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_cloudwatchlogs::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_cloudwatchlogs::error::BoxError;
use aws_sdk_cloudwatchlogs::types::Entity;
use flate2::Compression;
use flate2::write::GzEncoder;
use support::cloudwatch::{FakeCloudWatch, Options};

use crate::client::{GROUP, STREAM, event, now_ms, put, sdk_with_stream};

/// A service that takes unsigned requests.
fn unsigned() -> FakeCloudWatch {
    FakeCloudWatch::start_with(Options {
        region: None,
        ..Options::default()
    })
    .unwrap()
}

/// Sends one unsigned request and returns the whole answer.
fn send(fake: &FakeCloudWatch, line: &str, operation: &str, body: &str) -> String {
    let address = fake.url().replace("http://", "");
    let mut stream = TcpStream::connect(&address).unwrap();
    write!(
        stream,
        "{line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\
         Content-Type: application/x-amz-json-1.1\r\nX-Amz-Target: Logs_20140328.{operation}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Compresses the body before it is signed.
#[derive(Debug)]
struct Gzip;

impl Intercept for Gzip {
    fn name(&self) -> &'static str {
        "gzip"
    }
    fn modify_before_retry_loop(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(context.request().body().bytes().unwrap())?;
        let body = encoder.finish()?;
        let request = context.request_mut();
        request
            .headers_mut()
            .insert("content-length", body.len().to_string());
        request.headers_mut().insert("content-encoding", "gzip");
        *request.body_mut() = body.into();
        Ok(())
    }
}

#[tokio::test]
async fn a_gzip_body_is_checked_as_sent_and_read_unpacked() {
    let fake = FakeCloudWatch::start();
    let sdk = sdk_with_stream(&fake).await;
    let call = sdk
        .put_log_events()
        .log_group_name(GROUP)
        .log_stream_name(STREAM)
        .log_events(event(now_ms(), "packed ".repeat(1000)));
    call.customize().interceptor(Gzip).send().await.unwrap();
    assert_eq!(fake.events()[0].message, "packed ".repeat(1000));
    let request = fake.requests_for("PutLogEvents").remove(0);
    assert!(request.gzip && request.body_bytes < 1000, "{request:?}");
}

#[tokio::test]
async fn an_entity_is_accepted_and_a_wrong_one_is_told_while_events_are_stored() {
    let fake = FakeCloudWatch::start();
    let sdk = sdk_with_stream(&fake).await;
    let call = |entity: Entity| {
        let event = event(now_ms(), "a record");
        sdk.put_log_events()
            .log_group_name(GROUP)
            .log_stream_name(STREAM)
            .log_events(event)
            .entity(entity)
            .send()
    };
    let good = Entity::builder()
        .key_attributes("Type", "Service")
        .key_attributes("Name", "payments")
        .key_attributes("Environment", "eks:production")
        .attributes("K8s.Namespace", "payments");
    assert_eq!(
        call(good.build()).await.unwrap().rejected_entity_info(),
        None
    );
    let wrong = Entity::builder()
        .key_attributes("Type", "Service")
        .key_attributes("Colour", "red");
    let answer = call(wrong.build()).await.unwrap();
    let error = answer.rejected_entity_info().unwrap().error_type().as_str();
    assert_eq!((error, fake.event_count()), ("InvalidKeyAttributes", 2));
}

#[tokio::test]
async fn a_sequence_token_is_ignored() {
    let fake = FakeCloudWatch::start();
    let sdk = sdk_with_stream(&fake).await;
    let event = event(now_ms(), "a record");
    let call = sdk
        .put_log_events()
        .log_group_name(GROUP)
        .log_stream_name(STREAM)
        .log_events(event);
    call.sequence_token("wrong").send().await.unwrap();
}

#[test]
fn an_unknown_operation_is_refused() {
    let answer = send(&unsigned(), "POST /", "DescribeEverything", "{}");
    assert!(
        answer.contains(r#""__type":"UnknownOperationException""#),
        "{answer}"
    );
}

#[test]
fn a_body_that_is_not_json_is_refused() {
    let answer = send(&unsigned(), "POST /", "CreateLogGroup", "{");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(
        answer.contains(r#""__type":"SerializationException""#),
        "{answer}"
    );
}

#[test]
fn a_body_that_is_not_utf_8_or_breaks_a_surrogate_pair_is_refused() {
    let fake = unsigned();
    send(&fake, "POST /", "CreateLogGroup", r#"{"logGroupName":"g"}"#);
    send(
        &fake,
        "POST /",
        "CreateLogStream",
        r#"{"logGroupName":"g","logStreamName":"s"}"#,
    );
    let message = |text: &str| {
        let events = format!(r#"[{{"timestamp":{},"message":"{text}"}}]"#, now_ms());
        let body = format!(r#"{{"logGroupName":"g","logStreamName":"s","logEvents":{events}}}"#);
        send(&fake, "POST /", "PutLogEvents", &body)
    };
    assert!(message(r"half a pair \ud83d").contains("SerializationException"));
    assert!(message(r"a pair \ud83d\ude00").starts_with("HTTP/1.1 200 "));
    assert_eq!(fake.events()[0].message, "a pair \u{1f600}");
}

#[test]
fn a_member_that_must_be_there_is_named() {
    let answer = send(&unsigned(), "POST /", "CreateLogGroup", "{}");
    assert!(
        answer.contains("'logGroupName' failed to satisfy constraint: Member must not be null"),
        "{answer}"
    );
}

#[test]
fn an_event_without_a_time_is_refused() {
    let fake = unsigned();
    let body = r#"{"logGroupName":"g","logStreamName":"s","logEvents":[{"message":"x"}]}"#;
    let answer = send(&fake, "POST /", "PutLogEvents", body);
    assert!(
        answer.contains("'logEvents.1.member.timestamp'"),
        "{answer}"
    );
}

#[tokio::test]
async fn the_books_can_be_read_over_http() {
    let fake = FakeCloudWatch::start();
    let sdk = sdk_with_stream(&fake).await;
    put(
        &sdk,
        vec![event(now_ms(), "first"), event(now_ms(), "second")],
    )
    .await
    .unwrap();
    let events = send(&fake, "GET /_fake/events", "", "");
    let lines: Vec<&str> = events.split("\r\n\r\n").nth(1).unwrap().lines().collect();
    assert_eq!(lines.len(), 2);
    let second: support::cloudwatch::Event = serde_json::from_str(lines[1]).unwrap();
    assert_eq!(second, fake.events()[1]);
    let requests = send(&fake, "GET /_fake/requests", "", "");
    assert!(
        requests.contains(r#""operation":"PutLogEvents""#),
        "{requests}"
    );
    assert_eq!(
        fake.requests().len(),
        3,
        "looking at the books is not a request"
    );
}

#[test]
fn the_binary_says_where_it_listens_and_plays_a_script() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script.json");
    std::fs::write(&script, r#"[{"fault": {"kind": "status", "status": 503}}]"#).unwrap();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_fake-cloudwatch"));
    let arguments = ["--script".as_ref(), script.as_os_str()];
    let mut binary = support::agent::Agent::spawn_program(program, arguments, &[]);
    binary.wait_until("it listens", |binary| binary.stdout().contains('\n'));
    let line = binary.stdout();
    let address = line.trim().strip_prefix("listening on http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
}
