//! The operations of CloudWatch Logs that an agent calls, over the store.
//!
//! Each takes the request's JSON and gives the answer's. Members that the service does not know
//! are ignored, as it does; those that it must have, or that break a constraint, are refused.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::error::AwsError;
use super::names;
use super::put::{self, WireEvent};
use super::requests::RequestSummary;
use super::store::{LogGroup, Store};

/// What `X-Amz-Target` holds before the operation's name.
pub const TARGET_PREFIX: &str = "Logs_20140328.";

/// The keys by which an entity may be told; the last is not in the API's documentation, and sent by
/// Amazon's own add-on.
const ENTITY_KEYS: [&str; 6] = [
    "Type",
    "ResourceType",
    "Identifier",
    "Name",
    "Environment",
    "AwsAccountId",
];

/// Runs an operation. What it learns of the request goes into `summary`; no answer is an empty
/// body.
pub fn run(
    store: &mut Store,
    operation: &str,
    body: &[u8],
    now_ms: i64,
    summary: &mut RequestSummary,
) -> Result<Option<Value>, AwsError> {
    match operation {
        "PutLogEvents" => put_log_events(store, parse(body)?, now_ms, summary).map(Some),
        "CreateLogGroup" => create_log_group(store, parse(body)?).map(|()| None),
        "CreateLogStream" => create_log_stream(store, parse(body)?).map(|()| None),
        "PutRetentionPolicy" => put_retention_policy(store, parse(body)?).map(|()| None),
        "TagResource" => tag_resource(store, parse(body)?).map(|()| None),
        _ => Err(AwsError::unknown_operation()),
    }
}

/// The log group that a request names, without judging the request.
pub fn log_group_of(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Group {
        log_group_name: String,
    }
    serde_json::from_slice::<Group>(body)
        .ok()
        .map(|group| group.log_group_name)
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, AwsError> {
    serde_json::from_slice(body).map_err(|error| AwsError::serialization(error.to_string()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PutLogEvents {
    log_group_name: Option<String>,
    log_stream_name: Option<String>,
    log_events: Option<Vec<WireEvent>>,
    entity: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entity {
    #[serde(default)]
    key_attributes: BTreeMap<String, String>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

fn put_log_events(
    store: &mut Store,
    request: PutLogEvents,
    now_ms: i64,
    summary: &mut RequestSummary,
) -> Result<Value, AwsError> {
    let group = names::log_group(request.log_group_name)?;
    let stream = names::log_stream(request.log_stream_name)?;
    let wire = request
        .log_events
        .ok_or_else(|| AwsError::missing("logEvents"))?;
    summary.log_stream = Some(stream.clone());
    summary.entity = request.entity.clone();
    summary.events = wire.len();
    summary.message_bytes = wire
        .iter()
        .filter_map(|event| event.message.as_ref())
        .map(String::len)
        .sum();
    summary.first_ms = wire.first().and_then(|event| event.timestamp);
    summary.last_ms = wire.last().and_then(|event| event.timestamp);

    let mut events = put::check(wire)?;
    store.check_stream(&group, &stream)?;
    let judgement = put::judge(&events, now_ms, store.group(&group)?.retention_days)?;
    events.truncate(judgement.valid.end);
    events.drain(..judgement.valid.start);
    summary.stored = events.len();
    store.put(&group, &stream, events, summary.number)?;

    // The token is not used for anything any more, and still sent.
    let mut answer = json!({ "nextSequenceToken": format!("{:056}", summary.number) });
    if let Some(rejected) = judgement.rejected {
        answer["rejectedLogEventsInfo"] = json!(rejected);
        summary.rejected = Some(rejected);
    }
    let entity: Option<Entity> = request
        .entity
        .map(serde_json::from_value)
        .transpose()
        .map_err(|error| AwsError::serialization(error.to_string()))?;
    if let Some(error) = entity.as_ref().and_then(entity_error) {
        answer["rejectedEntityInfo"] = json!({ "errorType": error });
    }
    Ok(answer)
}

/// Why an entity is not taken; the events are stored all the same.
fn entity_error(entity: &Entity) -> Option<&'static str> {
    let keys = &entity.key_attributes;
    if !keys.keys().all(|key| ENTITY_KEYS.contains(&key.as_str())) {
        return Some("InvalidKeyAttributes");
    }
    if !keys.contains_key("Type") {
        return Some("MissingRequiredFields");
    }
    (entity.attributes.len() > 10).then_some("InvalidAttributes")
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateLogGroup {
    log_group_name: Option<String>,
    log_group_class: Option<String>,
    kms_key_id: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

fn create_log_group(store: &mut Store, request: CreateLogGroup) -> Result<(), AwsError> {
    let name = names::new_log_group(request.log_group_name)?;
    names::tags(&request.tags)?;
    let class = request.log_group_class;
    if let Some(class) = &class
        && !["STANDARD", "INFREQUENT_ACCESS", "DELIVERY"].contains(&class.as_str())
    {
        let rule = "Member must satisfy enum value set: [STANDARD, INFREQUENT_ACCESS, DELIVERY]";
        return Err(AwsError::constraint(
            &format!("'{class}'"),
            "logGroupClass",
            rule,
        ));
    }
    let kms_key = names::kms_key(request.kms_key_id)?;
    store.create_group(name, LogGroup::new(class, kms_key, request.tags))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateLogStream {
    log_group_name: Option<String>,
    log_stream_name: Option<String>,
}

fn create_log_stream(store: &mut Store, request: CreateLogStream) -> Result<(), AwsError> {
    let group = names::log_group(request.log_group_name)?;
    let stream = names::log_stream(request.log_stream_name)?;
    store.create_stream(&group, stream)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PutRetentionPolicy {
    log_group_name: Option<String>,
    retention_in_days: Option<i64>,
}

fn put_retention_policy(store: &mut Store, request: PutRetentionPolicy) -> Result<(), AwsError> {
    let group = names::log_group(request.log_group_name)?;
    let days = names::retention_days(request.retention_in_days)?;
    store.group_mut(&group)?.retention_days = Some(days);
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TagResource {
    resource_arn: Option<String>,
    tags: Option<BTreeMap<String, String>>,
}

fn tag_resource(store: &mut Store, request: TagResource) -> Result<(), AwsError> {
    let arn = request
        .resource_arn
        .ok_or_else(|| AwsError::missing("resourceArn"))?;
    let tags = request.tags.ok_or_else(|| AwsError::missing("tags"))?;
    names::tags(&tags)?;
    let (_, group) = arn.split_once(":log-group:").ok_or_else(|| {
        AwsError::invalid_parameter(format!("`{arn}` is not the ARN of a log group"))
    })?;
    store
        .group_mut(group.trim_end_matches(":*"))?
        .tags
        .extend(tags);
    Ok(())
}
