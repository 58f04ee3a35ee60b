//! Bad days: each fault as the SDK sees it, and which requests a script hits.
//!
//! One call is one request, so what the client saw can be held against what was stored.

use std::time::Duration;

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::timeout::TimeoutConfig;
use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};
use support::cloudwatch::{FakeCloudWatch, Fault, Rule, StatusBody};

use crate::client::{GROUP, Put, STREAM, code, event, now_ms, put, sdk_with_stream};

async fn put_one(sdk: &Client) -> Put {
    put(sdk, vec![event(now_ms(), "a record")]).await
}

/// One put into a service with this fault: what the client saw, and how many events were stored.
async fn put_with(fault: Fault) -> (Put, usize) {
    let fake = FakeCloudWatch::start();
    let sdk = sdk_with_stream(&fake).await;
    fake.set_script(vec![Rule::always(fault)]);
    let result = put_one(&sdk).await;
    (result, fake.event_count())
}

fn kind(result: &Put) -> &'static str {
    match result.as_ref().expect_err("the call fails") {
        SdkError::DispatchFailure(_) => "dispatch",
        SdkError::ResponseError(_) => "response",
        SdkError::ServiceError(_) => "service",
        SdkError::TimeoutError(_) => "timeout",
        _ => "other",
    }
}

#[tokio::test]
async fn throttling_stores_nothing() {
    let (result, stored) = put_with(Fault::Throttle).await;
    assert_eq!((code(&result).as_str(), stored), ("ThrottlingException", 0));
}

#[tokio::test]
async fn a_token_expires_by_script() {
    let (result, stored) = put_with(Fault::ExpiredToken).await;
    assert_eq!(
        (code(&result).as_str(), stored),
        ("ExpiredTokenException", 0)
    );
}

#[tokio::test]
async fn any_error_of_the_service_can_be_scripted() {
    let error = Fault::Error {
        code: "OperationAbortedException".into(),
        message: "m".into(),
    };
    let (result, stored) = put_with(error).await;
    assert_eq!(
        (code(&result).as_str(), stored),
        ("OperationAbortedException", 0)
    );
}

#[tokio::test]
async fn a_bare_status_comes_with_an_empty_json_or_xml_body() {
    for body in [StatusBody::Empty, StatusBody::Json, StatusBody::Xml] {
        let (result, stored) = put_with(Fault::Status { status: 503, body }).await;
        let error = result.expect_err("the call fails");
        assert_eq!(
            error.raw_response().unwrap().status().as_u16(),
            503,
            "{body:?}"
        );
        let code = (body == StatusBody::Json).then_some("ServiceUnavailableException");
        assert_eq!((error.code(), stored), (code, 0), "{body:?}");
    }
}

#[tokio::test]
async fn a_hanging_service_never_answers() {
    let fake = FakeCloudWatch::start();
    let sdk = sdk_with_stream(&fake).await;
    fake.set_script(vec![Rule::always(Fault::Hang)]);
    let patience = TimeoutConfig::builder()
        .operation_timeout(Duration::from_millis(200))
        .build();
    let call = sdk
        .put_log_events()
        .log_group_name(GROUP)
        .log_stream_name(STREAM);
    let call = call.log_events(event(now_ms(), "a record")).customize();
    let impatient = aws_sdk_cloudwatchlogs::Config::builder().timeout_config(patience);
    assert_eq!(
        kind(&call.config_override(impatient).send().await),
        "timeout"
    );
    let request = fake.requests_for("PutLogEvents").remove(0);
    assert_eq!((request.status, fake.event_count()), (None, 0));
}

#[tokio::test]
async fn a_dropped_connection_stores_nothing() {
    let (result, stored) = put_with(Fault::Drop).await;
    assert_eq!((kind(&result), stored), ("dispatch", 0));
}

#[tokio::test]
async fn a_connection_reset_in_the_request_stores_nothing() {
    let (result, stored) = put_with(Fault::ResetRequest).await;
    assert_eq!((kind(&result), stored), ("dispatch", 0));
}

#[tokio::test]
async fn a_connection_dropped_after_storing_leaves_the_client_in_doubt() {
    let (result, stored) = put_with(Fault::StoreThenDrop).await;
    assert_eq!((kind(&result), stored), ("dispatch", 1));
}

#[tokio::test]
async fn an_answer_reset_in_the_middle_leaves_the_client_in_doubt() {
    let (result, stored) = put_with(Fault::ResetAnswer).await;
    assert_eq!((kind(&result), stored), ("response", 1));
}

#[tokio::test]
async fn a_slow_answer_is_an_answer() {
    let (result, stored) = put_with(Fault::Slow { milliseconds: 40 }).await;
    result.unwrap();
    assert_eq!(stored, 1);
}

#[tokio::test]
async fn a_page_of_html_is_no_answer_of_the_service() {
    let (result, stored) = put_with(Fault::WrongContentType).await;
    assert_eq!(
        (kind(&result), code(&result).as_str(), stored),
        ("service", "-", 1)
    );
}

#[tokio::test]
async fn a_giant_answer_is_as_long_as_it_says() {
    let (result, _) = put_with(Fault::GiantAnswer { bytes: 1 << 20 }).await;
    let token = result.unwrap().next_sequence_token.unwrap();
    assert_eq!(token.len() + r#"{"nextSequenceToken":""}"#.len(), 1 << 20);
}

#[tokio::test]
async fn a_rule_hits_a_window_of_requests_for_its_operation() {
    let fake = FakeCloudWatch::start();
    let sdk = sdk_with_stream(&fake).await;
    fake.set_script(vec![
        Rule::always(Fault::Throttle)
            .on("PutLogEvents")
            .after(1)
            .times(2),
    ]);
    sdk.create_log_group()
        .log_group_name("other")
        .send()
        .await
        .unwrap();
    let mut outcomes = Vec::new();
    for _ in 0..5 {
        outcomes.push(put_one(&sdk).await.is_ok());
    }
    assert_eq!(outcomes, [true, false, false, true, true]);
}

#[tokio::test]
async fn a_rule_hits_every_nth_request() {
    let fake = FakeCloudWatch::start();
    let sdk = sdk_with_stream(&fake).await;
    fake.set_script(vec![Rule::always(Fault::Throttle).every(3)]);
    let mut outcomes = Vec::new();
    for _ in 0..6 {
        outcomes.push(put_one(&sdk).await.is_ok());
    }
    assert_eq!(outcomes, [false, true, true, false, true, true]);
}

#[tokio::test]
async fn a_rule_hits_one_log_group_and_spares_the_others() {
    let fake = FakeCloudWatch::start();
    let sdk = sdk_with_stream(&fake).await;
    fake.set_script(vec![Rule::always(Fault::Throttle).in_log_group(GROUP)]);
    sdk.create_log_group()
        .log_group_name("other")
        .send()
        .await
        .unwrap();
    assert_eq!(code(&put_one(&sdk).await), "ThrottlingException");
}

#[tokio::test]
async fn a_rule_ends_with_its_time() {
    let fake = FakeCloudWatch::start();
    let sdk = sdk_with_stream(&fake).await;
    fake.set_script(vec![Rule::always(Fault::Throttle).lasting(Duration::ZERO)]);
    put_one(&sdk).await.unwrap();
    fake.set_script(vec![
        Rule::always(Fault::Throttle).lasting(Duration::from_secs(3600)),
    ]);
    assert_eq!(code(&put_one(&sdk).await), "ThrottlingException");
}

#[test]
fn a_script_is_read_from_json_and_unknown_keys_are_refused() {
    let text = r#"[
        {"operation": "PutLogEvents", "after_requests": 3, "requests": 2, "fault": {"kind": "throttle"}},
        {"after_seconds": 1.5, "seconds": 10, "fault": {"kind": "status", "status": 503, "body": "xml"}}
    ]"#;
    let rules: Vec<Rule> = serde_json::from_str(text).unwrap();
    assert_eq!(
        rules[0],
        Rule::always(Fault::Throttle)
            .on("PutLogEvents")
            .after(3)
            .times(2)
    );
    assert_eq!(
        rules[1].fault,
        Fault::Status {
            status: 503,
            body: StatusBody::Xml
        }
    );
    assert!(
        serde_json::from_str::<Rule>(r#"{"fault": {"kind": "throttle"}, "often": 1}"#).is_err()
    );
}

#[tokio::test]
async fn a_quota_takes_a_burst_and_then_so_many_a_second() {
    let fake = FakeCloudWatch::start();
    let sdk = sdk_with_stream(&fake).await;
    let quota = |requests_per_1000_seconds| Fault::Quota {
        requests_per_1000_seconds,
        burst: 3,
    };
    // Nothing comes back within the test.
    fake.set_script(vec![Rule::always(quota(0)).on("PutLogEvents")]);
    let mut outcomes = Vec::new();
    for _ in 0..5 {
        outcomes.push(put_one(&sdk).await.is_ok());
    }
    assert_eq!(outcomes, [true, true, true, false, false]);
    // What comes back is more than anybody can use.
    fake.set_script(vec![Rule::always(quota(1_000_000_000)).on("PutLogEvents")]);
    for _ in 0..5 {
        put_one(&sdk).await.unwrap();
    }
}

#[tokio::test]
async fn a_rule_hits_requests_that_contain_a_text() {
    let fake = FakeCloudWatch::start();
    let sdk = sdk_with_stream(&fake).await;
    fake.set_script(vec![Rule::always(Fault::Throttle).containing("poison")]);
    put_one(&sdk).await.unwrap();
    let poisoned = put(&sdk, vec![event(now_ms(), "some poison")]).await;
    assert_eq!(code(&poisoned), "ThrottlingException");
}

#[tokio::test]
async fn a_repeat_is_excused_by_the_answer_that_was_lost_and_by_nothing_else() {
    let fake = FakeCloudWatch::start();
    let sdk = sdk_with_stream(&fake).await;
    let now = now_ms();
    fake.set_script(vec![Rule::always(Fault::StoreThenDrop).times(1)]);
    let excused = || vec![event(now, "c0-0 one")];
    put(&sdk, excused()).await.unwrap_err();
    put(&sdk, excused()).await.unwrap();
    assert_eq!(fake.unexcused_repeats(), []);
    put(&sdk, excused()).await.unwrap();
    let repeats = fake.unexcused_repeats();
    assert_eq!((repeats.len(), repeats[0].request), (1, 3));
}
