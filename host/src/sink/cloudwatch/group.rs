//! What log groups are given when the agent creates them. Groups that exist are left as they are:
//! whoever made them decided.

use std::collections::BTreeMap;

use aws_sdk_cloudwatchlogs::operation::create_log_group::builders::CreateLogGroupFluentBuilder;
use aws_sdk_cloudwatchlogs::types::LogGroupClass;
use serde::Deserialize;

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Days that events are kept, one of [`RETENTION_DAYS`]; none: for ever.
    pub retention_days: Option<i32>,
    pub log_group_class: Class,
    /// The ARN of a key that events are encrypted with.
    pub kms_key: Option<String>,
    pub tags: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    #[default]
    Standard,
    /// Half the price, and fewer features; it cannot be changed later.
    InfrequentAccess,
}

/// Retentions that the service takes (PutRetentionPolicy), days.
pub const RETENTION_DAYS: [i32; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];
/// Tags of a group (CreateLogGroup).
pub const TAGS_MAX: usize = 50;

/// What is wrong with a [`Config`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("`retention_days` is {days}, and the service takes {RETENTION_DAYS:?}")]
    Retention { days: i32 },
    #[error("there are {count} `tags`, and the service takes {TAGS_MAX}")]
    Tags { count: usize },
}

impl Config {
    /// # Errors
    /// When the service would refuse it.
    pub fn check(&self) -> Result<(), Error> {
        if let Some(days) = self.retention_days
            && !RETENTION_DAYS.contains(&days)
        {
            return Err(Error::Retention { days });
        }
        let count = self.tags.len();
        if count > TAGS_MAX {
            return Err(Error::Tags { count });
        }
        Ok(())
    }

    /// Puts all but the retention, which is a call of its own, into a call that creates a group.
    #[must_use]
    pub fn put_into(&self, call: CreateLogGroupFluentBuilder) -> CreateLogGroupFluentBuilder {
        let call = call.set_kms_key_id(self.kms_key.clone());
        let call = match self.log_group_class {
            Class::Standard => call,
            Class::InfrequentAccess => call.log_group_class(LogGroupClass::InfrequentAccess),
        };
        let tags = self.tags.iter();
        tags.fold(call, |call, (key, value)| call.tags(key, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retention_that_the_service_does_not_take_is_refused() {
        let with = |days| Config {
            retention_days: Some(days),
            ..Config::default()
        };
        assert_eq!(with(30).check(), Ok(()));
        assert_eq!(with(8).check(), Err(Error::Retention { days: 8 }));
    }
}
