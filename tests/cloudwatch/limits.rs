//! What one request may hold: bytes, events, order, span.
//!
//! Over the wire and through the SDK, because sizes are counted in what was decoded there.

use support::cloudwatch::FakeCloudWatch;
use support::cloudwatch::limits::HOUR_MS;

use crate::client::{Put, code, event, message, now_ms, put, sdk_with_stream};

/// Puts messages of these lengths, all of one time, into a fresh service.
async fn put_lengths(lengths: impl IntoIterator<Item = usize>) -> (Put, FakeCloudWatch) {
    let fake = FakeCloudWatch::start();
    let sdk = sdk_with_stream(&fake).await;
    let now = now_ms();
    let events = lengths
        .into_iter()
        .map(|length| event(now, "x".repeat(length)))
        .collect();
    (put(&sdk, events).await, fake)
}

/// Puts events of these times into a fresh service.
async fn put_times(times: &[i64]) -> (Put, FakeCloudWatch) {
    let fake = FakeCloudWatch::start();
    let sdk = sdk_with_stream(&fake).await;
    let events = times.iter().map(|&time| event(time, "a record")).collect();
    (put(&sdk, events).await, fake)
}

#[tokio::test]
async fn a_batch_of_1_048_576_bytes_is_taken() {
    // 1,048,576 = 524,262 + 524,262 + 2 * 26
    let (result, fake) = put_lengths([524_262, 524_262]).await;
    result.unwrap();
    assert_eq!(fake.event_count(), 2);
}

#[tokio::test]
async fn a_batch_of_one_byte_more_is_refused_as_a_whole() {
    let (result, fake) = put_lengths([524_262, 524_263]).await;
    assert_eq!(code(&result), "InvalidParameterException");
    assert_eq!(
        message(&result),
        "Upload too large: 1048577 bytes exceeds limit of 1048576"
    );
    assert_eq!(fake.event_count(), 0);
}

#[tokio::test]
async fn sizes_are_counted_in_bytes_of_utf_8_not_in_characters() {
    let fake = FakeCloudWatch::start();
    let sdk = sdk_with_stream(&fake).await;
    // Three bytes a character: 1,048,550 is 349,516 of them and 2 more bytes.
    let fits = "\u{fffd}".repeat(349_516) + "xx";
    put(&sdk, vec![event(now_ms(), fits.clone())])
        .await
        .unwrap();
    let over = put(&sdk, vec![event(now_ms(), fits + "x")]).await;
    assert_eq!(code(&over), "InvalidParameterException");
    assert_eq!(fake.event_count(), 1);
}

#[tokio::test]
async fn escapes_of_json_count_as_what_they_stand_for() {
    let fake = FakeCloudWatch::start();
    let sdk = sdk_with_stream(&fake).await;
    let quotes = "\"\u{1}".repeat(524_275);
    put(&sdk, vec![event(now_ms(), quotes.clone())])
        .await
        .unwrap();
    assert_eq!(fake.events()[0].message, quotes);
}

#[tokio::test]
async fn a_message_of_1_048_550_bytes_is_taken() {
    let (result, _fake) = put_lengths([1_048_550]).await;
    result.unwrap();
}

#[tokio::test]
async fn a_message_of_one_byte_more_is_too_large() {
    let (result, _fake) = put_lengths([1_048_551]).await;
    assert_eq!(code(&result), "InvalidParameterException");
    assert_eq!(
        message(&result),
        "Log event too large: 1048577 bytes exceeds limit of 1048576"
    );
}

#[tokio::test]
async fn a_batch_of_10_000_events_is_taken() {
    let (result, fake) = put_lengths(vec![1; 10_000]).await;
    result.unwrap();
    assert_eq!(fake.event_count(), 10_000);
}

#[tokio::test]
async fn a_batch_of_10_001_events_is_refused_as_a_whole() {
    let (result, fake) = put_lengths(vec![1; 10_001]).await;
    assert_eq!(code(&result), "InvalidParameterException");
    assert!(message(&result).contains("less than or equal to 10000"));
    assert_eq!(fake.event_count(), 0);
}

#[tokio::test]
async fn an_empty_batch_is_refused() {
    let (result, _fake) = put_lengths([]).await;
    assert_eq!(code(&result), "InvalidParameterException");
    assert!(message(&result).contains("'logEvents' failed to satisfy constraint"));
}

#[tokio::test]
async fn an_empty_message_is_refused_and_one_byte_is_taken() {
    let (empty, _fake) = put_lengths([1, 0]).await;
    assert!(
        message(&empty).contains("'logEvents.2.member.message'"),
        "{}",
        message(&empty)
    );
    let (one, _fake) = put_lengths([1]).await;
    one.unwrap();
}

#[tokio::test]
async fn events_of_one_time_are_in_order_and_one_millisecond_back_is_not() {
    let now = now_ms();
    let (same, _fake) = put_times(&[now - 1, now, now]).await;
    same.unwrap();
    let (back, fake) = put_times(&[now - 1, now, now - 1]).await;
    assert_eq!(code(&back), "InvalidParameterException");
    assert!(message(&back).contains("chronological order"));
    assert_eq!(fake.event_count(), 0);
}

#[tokio::test]
async fn a_batch_may_span_24_hours_and_not_a_millisecond_more() {
    let now = now_ms();
    let (day, fake) = put_times(&[now - 24 * HOUR_MS, now]).await;
    day.unwrap();
    assert_eq!(fake.event_count(), 2);
    let (more, fake) = put_times(&[now - 24 * HOUR_MS - 1, now]).await;
    assert_eq!(code(&more), "InvalidParameterException");
    assert!(message(&more).contains("cannot span more than 24 hours"));
    assert_eq!(fake.event_count(), 0);
}

#[tokio::test]
async fn a_time_before_1970_is_refused() {
    let (result, _fake) = put_times(&[-1]).await;
    assert!(message(&result).contains("'logEvents.1.member.timestamp'"));
}
