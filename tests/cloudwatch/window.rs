//! Which events of a request are rejected singly: too new, too old, expired.
//!
//! The edges with a fixed clock, the way back to the client through the SDK.

use support::cloudwatch::FakeCloudWatch;
use support::cloudwatch::limits::{DAY_MS, HOUR_MS};
use support::cloudwatch::put::{Judgement, LogEvent, Rejected, judge};

use crate::client::{GROUP, STREAM, event, now_ms, put, sdk_with_stream};

const NOW: i64 = 1_800_000_000_000;

/// Judges events that are so far from now, milliseconds.
fn judged(offsets: &[i64], retention_days: Option<i64>) -> Judgement {
    let event = |offset: &i64| LogEvent {
        timestamp: NOW + offset,
        message: "a record".into(),
    };
    let events: Vec<LogEvent> = offsets.iter().map(event).collect();
    judge(&events, NOW, retention_days).unwrap()
}

#[test]
fn an_event_two_hours_ahead_is_taken() {
    assert_eq!(
        judged(&[0, 2 * HOUR_MS], None),
        Judgement {
            valid: 0..2,
            rejected: None
        }
    );
}

#[test]
fn too_new_is_told_by_the_first_event_that_is() {
    let rejected = Rejected {
        too_new_log_event_start_index: Some(1),
        ..Rejected::default()
    };
    let ahead = 2 * HOUR_MS + 1;
    let expected = Judgement {
        valid: 0..1,
        rejected: Some(rejected),
    };
    assert_eq!(judged(&[0, ahead, ahead, ahead], None), expected);
}

#[test]
fn an_event_of_14_days_is_taken() {
    assert_eq!(
        judged(&[-14 * DAY_MS], None),
        Judgement {
            valid: 0..1,
            rejected: None
        }
    );
}

#[test]
fn too_old_is_told_by_the_index_behind_the_last_event_that_is() {
    let rejected = Rejected {
        too_old_log_event_end_index: Some(3),
        ..Rejected::default()
    };
    let old = -14 * DAY_MS - 1;
    let expected = Judgement {
        valid: 3..4,
        rejected: Some(rejected),
    };
    assert_eq!(judged(&[old, old, old, 0], None), expected);
}

#[test]
fn an_event_as_old_as_the_retention_is_taken() {
    assert_eq!(
        judged(&[-3 * DAY_MS], Some(3)),
        Judgement {
            valid: 0..1,
            rejected: None
        }
    );
}

#[test]
fn expired_is_told_by_the_index_behind_the_last_event_that_is() {
    let rejected = Rejected {
        expired_log_event_end_index: Some(2),
        ..Rejected::default()
    };
    let expired = -3 * DAY_MS - 1;
    let expected = Judgement {
        valid: 2..3,
        rejected: Some(rejected),
    };
    assert_eq!(judged(&[expired, expired, 0], Some(3)), expected);
}

#[test]
fn without_a_retention_nothing_expires() {
    assert_eq!(judged(&[-13 * DAY_MS], None).rejected, None);
}

#[test]
fn too_old_and_expired_are_told_apart() {
    let rejected = Rejected {
        too_old_log_event_end_index: Some(1),
        expired_log_event_end_index: Some(2),
        too_new_log_event_start_index: Some(3),
    };
    let offsets = [-15 * DAY_MS, -4 * DAY_MS, 0, 3 * HOUR_MS];
    assert_eq!(
        judged(&offsets, Some(3)),
        Judgement {
            valid: 2..3,
            rejected: Some(rejected)
        }
    );
}

#[test]
fn a_request_may_be_rejected_to_its_last_event() {
    let all_old = judged(&[-15 * DAY_MS, -15 * DAY_MS], None);
    assert_eq!(
        (
            all_old.valid.len(),
            all_old.rejected.unwrap().too_old_log_event_end_index
        ),
        (0, Some(2))
    );
    let all_new = judged(&[3 * HOUR_MS, 4 * HOUR_MS], None);
    assert_eq!(
        (
            all_new.valid.len(),
            all_new.rejected.unwrap().too_new_log_event_start_index
        ),
        (0, Some(0))
    );
}

#[test]
fn the_span_of_24_hours_is_counted_over_valid_events_only() {
    let within = judged(&[-15 * DAY_MS, -23 * HOUR_MS, HOUR_MS, 3 * HOUR_MS], None);
    assert_eq!(within.valid, 1..3);
}

#[tokio::test]
async fn rejected_events_reach_the_client_by_index_and_the_rest_is_stored() {
    let fake = FakeCloudWatch::start();
    let sdk = sdk_with_stream(&fake).await;
    sdk.put_retention_policy()
        .log_group_name(GROUP)
        .retention_in_days(3)
        .send()
        .await
        .unwrap();
    let now = now_ms();
    let offsets = [-15 * DAY_MS, -4 * DAY_MS, 0, 3 * HOUR_MS];
    let events = offsets
        .iter()
        .map(|offset| event(now + offset, "a record"))
        .collect();
    let answer = put(&sdk, events).await.unwrap();
    let rejected = answer.rejected_log_events_info().unwrap();
    assert_eq!(rejected.too_old_log_event_end_index(), Some(1));
    assert_eq!(rejected.expired_log_event_end_index(), Some(2));
    assert_eq!(rejected.too_new_log_event_start_index(), Some(3));
    let stored: Vec<i64> = fake
        .read(GROUP, STREAM)
        .iter()
        .map(|event| event.timestamp)
        .collect();
    assert_eq!(stored, [now]);
}

#[tokio::test]
async fn a_stream_is_read_by_millisecond_and_then_by_arrival() {
    let fake = FakeCloudWatch::start();
    let sdk = sdk_with_stream(&fake).await;
    let now = now_ms();
    for (time, text) in [(now, "b"), (now, "c"), (now - 1, "a"), (now + 1, "d")] {
        put(&sdk, vec![event(time, text)]).await.unwrap();
    }
    let texts: Vec<String> = fake
        .read(GROUP, STREAM)
        .into_iter()
        .map(|event| event.message)
        .collect();
    assert_eq!(texts, ["a", "b", "c", "d"]);
}
