//! Log groups and log streams: what they may be called, when they exist, how long they keep.
//!
//! Each name and value is tried on both sides of what is allowed.

use std::collections::HashMap;

use support::cloudwatch::FakeCloudWatch;

use crate::client::{GROUP, STREAM, code, event, message, now_ms, put, sdk, sdk_with_stream};

#[tokio::test]
async fn a_log_group_name_has_1_to_512_characters_of_its_alphabet() {
    let fake = FakeCloudWatch::start();
    let sdk = sdk(&fake);
    let longest = "g".repeat(512);
    for good in ["a", "/eks/pay_ments.v-2#1", &longest] {
        sdk.create_log_group()
            .log_group_name(good)
            .send()
            .await
            .unwrap();
    }
    let too_long = "g".repeat(513);
    for bad in ["", "a b", "a:b", "grün", "aws/mine", &too_long] {
        let result = sdk.create_log_group().log_group_name(bad).send().await;
        assert_eq!(code(&result), "InvalidParameterException", "`{bad}`");
    }
}

#[tokio::test]
async fn a_log_stream_name_has_1_to_512_characters_and_no_colon_or_star() {
    let fake = FakeCloudWatch::start();
    let sdk = sdk_with_stream(&fake).await;
    let create = |name: &str| {
        sdk.create_log_stream()
            .log_group_name(GROUP)
            .log_stream_name(name)
            .send()
    };
    let longest = "ü".repeat(512);
    for good in ["a", "pod/container [x] ü", &longest] {
        create(good).await.unwrap();
    }
    let too_long = "s".repeat(513);
    for bad in ["", "a:b", "a*", &too_long] {
        let result = create(bad).await;
        assert_eq!(code(&result), "InvalidParameterException", "`{bad}`");
    }
}

#[tokio::test]
async fn what_exists_is_not_created_again() {
    let fake = FakeCloudWatch::start();
    let sdk = sdk_with_stream(&fake).await;
    let group = sdk.create_log_group().log_group_name(GROUP).send().await;
    assert_eq!(code(&group), "ResourceAlreadyExistsException");
    let stream = sdk
        .create_log_stream()
        .log_group_name(GROUP)
        .log_stream_name(STREAM)
        .send()
        .await;
    assert_eq!(code(&stream), "ResourceAlreadyExistsException");
}

#[tokio::test]
async fn a_missing_log_group_is_not_found() {
    let fake = FakeCloudWatch::start();
    let sdk = sdk(&fake);
    let put = put(&sdk, vec![event(now_ms(), "a record")]).await;
    assert_eq!(code(&put), "ResourceNotFoundException");
    assert_eq!(message(&put), "The specified log group does not exist.");
    let stream = sdk
        .create_log_stream()
        .log_group_name(GROUP)
        .log_stream_name(STREAM)
        .send()
        .await;
    assert_eq!(code(&stream), "ResourceNotFoundException");
    let retention = sdk
        .put_retention_policy()
        .log_group_name(GROUP)
        .retention_in_days(7)
        .send()
        .await;
    assert_eq!(code(&retention), "ResourceNotFoundException");
}

#[tokio::test]
async fn a_missing_log_stream_is_not_found() {
    let fake = FakeCloudWatch::start();
    let sdk = sdk(&fake);
    sdk.create_log_group()
        .log_group_name(GROUP)
        .send()
        .await
        .unwrap();
    let put = put(&sdk, vec![event(now_ms(), "a record")]).await;
    assert_eq!(code(&put), "ResourceNotFoundException");
    assert_eq!(message(&put), "The specified log stream does not exist.");
}

#[tokio::test]
async fn only_the_retentions_of_the_service_are_taken() {
    let fake = FakeCloudWatch::start();
    let sdk = sdk_with_stream(&fake).await;
    for days in [1, 14, 2192, 3653] {
        sdk.put_retention_policy()
            .log_group_name(GROUP)
            .retention_in_days(days)
            .send()
            .await
            .unwrap();
        assert_eq!(
            fake.log_group(GROUP).unwrap().retention_days,
            Some(i64::from(days))
        );
    }
    for days in [-1, 0, 2, 8, 3654] {
        let result = sdk
            .put_retention_policy()
            .log_group_name(GROUP)
            .retention_in_days(days)
            .send()
            .await;
        assert_eq!(code(&result), "InvalidParameterException", "{days} days");
    }
    assert_eq!(fake.log_group(GROUP).unwrap().retention_days, Some(3653));
}

#[tokio::test]
async fn a_log_group_has_at_most_50_tags() {
    let fake = FakeCloudWatch::start();
    let sdk = sdk(&fake);
    let tags = |count: usize| -> HashMap<String, String> {
        (0..count)
            .map(|n| (format!("tag-{n}"), "value".to_owned()))
            .collect()
    };
    let create = |name: &str, count| {
        sdk.create_log_group()
            .log_group_name(name)
            .set_tags(Some(tags(count)))
            .send()
    };
    create("fifty", 50).await.unwrap();
    assert_eq!(fake.log_group("fifty").unwrap().tags.len(), 50);
    assert_eq!(code(&create("more", 51).await), "InvalidParameterException");
}

#[tokio::test]
async fn a_log_group_is_tagged_by_its_arn() {
    let fake = FakeCloudWatch::start();
    let sdk = sdk_with_stream(&fake).await;
    let tag = |name: &str| {
        let arn = format!("arn:aws:logs:eu-central-1:123456789012:log-group:{name}");
        sdk.tag_resource()
            .resource_arn(arn)
            .tags("team", "payments")
            .send()
    };
    tag(GROUP).await.unwrap();
    assert_eq!(fake.log_group(GROUP).unwrap().tags["team"], "payments");
    assert_eq!(code(&tag("missing").await), "ResourceNotFoundException");
}
