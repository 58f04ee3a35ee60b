//! Checks what CloudWatch Logs lets things be called, and the values it takes beside names.
//!
//! The patterns are those of the service's model: a log group is made of letters, digits and
//! `.-_/#`, a log stream of anything but `:` and `*`; both have 1 to 512 characters.

use std::collections::BTreeMap;

use super::error::AwsError;
use super::limits::{KMS_KEY_LENGTH_MAX, NAME_LENGTH_MAX, RETENTION_DAYS, TAGS_MAX};

/// Checks the name of a log group, as the request's member `logGroupName`.
pub fn log_group(name: Option<String>) -> Result<String, AwsError> {
    let name = length(name, "logGroupName")?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._/#-".contains(c);
    if !name.chars().all(allowed) {
        return Err(pattern(&name, "logGroupName", r"[\.\-_/#A-Za-z0-9]+"));
    }
    Ok(name)
}

/// Checks the name of a log group that is to be created.
pub fn new_log_group(name: Option<String>) -> Result<String, AwsError> {
    let name = log_group(name)?;
    if name.starts_with("aws/") {
        return Err(AwsError::invalid_parameter(
            "Log groups starting with AWS/ are reserved for AWS.",
        ));
    }
    Ok(name)
}

/// Checks the name of a log stream, as the request's member `logStreamName`.
pub fn log_stream(name: Option<String>) -> Result<String, AwsError> {
    let name = length(name, "logStreamName")?;
    if name.contains([':', '*']) {
        return Err(pattern(&name, "logStreamName", "[^:*]*"));
    }
    Ok(name)
}

/// Checks a retention in days.
pub fn retention_days(days: Option<i64>) -> Result<i64, AwsError> {
    let days = days.ok_or_else(|| AwsError::missing("retentionInDays"))?;
    if !RETENTION_DAYS.contains(&days) {
        let rule = format!("Member must satisfy enum value set: {RETENTION_DAYS:?}");
        return Err(AwsError::constraint(
            &format!("'{days}'"),
            "retentionInDays",
            &rule,
        ));
    }
    Ok(days)
}

/// Checks the key of a new log group: the service wants its ARN, where other services take its id.
pub fn kms_key(key: Option<String>) -> Result<Option<String>, AwsError> {
    let Some(key) = key else { return Ok(None) };
    if key.len() > KMS_KEY_LENGTH_MAX {
        let rule = format!("Member must have length less than or equal to {KMS_KEY_LENGTH_MAX}");
        return Err(AwsError::constraint(&format!("'{key}'"), "kmsKeyId", &rule));
    }
    let parts: Vec<&str> = key.splitn(6, ':').collect();
    match parts[..] {
        ["arn", _, "kms", _, _, resource] if resource.starts_with("key/") => Ok(Some(key)),
        _ => Err(AwsError::invalid_parameter(
            "The specified KMS key Id could not be found.",
        )),
    }
}

/// Checks tags: at most 50, keys of 1 to 128 characters, values of at most 256.
pub fn tags(tags: &BTreeMap<String, String>) -> Result<(), AwsError> {
    if tags.len() > TAGS_MAX {
        let rule = format!("Member must have length less than or equal to {TAGS_MAX}");
        return Err(AwsError::constraint("'{...}'", "tags", &rule));
    }
    for (key, value) in tags {
        if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
            let rule = "Member must have length less than or equal to 128 (key) or 256 (value)";
            return Err(AwsError::constraint(&format!("'{key}'"), "tags", rule));
        }
    }
    Ok(())
}

fn length(name: Option<String>, member: &str) -> Result<String, AwsError> {
    let name = name.ok_or_else(|| AwsError::missing(member))?;
    let length = name.encode_utf16().count();
    let rule = match length {
        0 => "Member must have length greater than or equal to 1".to_owned(),
        1..=NAME_LENGTH_MAX => return Ok(name),
        _ => format!("Member must have length less than or equal to {NAME_LENGTH_MAX}"),
    };
    Err(AwsError::constraint(&format!("'{name}'"), member, &rule))
}

fn pattern(name: &str, member: &str, pattern: &str) -> AwsError {
    let rule = format!("Member must satisfy regular expression pattern: {pattern}");
    AwsError::constraint(&format!("'{name}'"), member, &rule)
}
