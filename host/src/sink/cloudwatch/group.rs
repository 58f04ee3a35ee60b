//! Whether log groups are created, and what they are given then. Groups that exist are left as they are:
//! whoever made them decided.

use std::collections::BTreeMap;

use aws_sdk_cloudwatchlogs::operation::create_log_group::builders::CreateLogGroupFluentBuilder;
use aws_sdk_cloudwatchlogs::types::LogGroupClass;
use serde::Deserialize;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Create groups that are missing; else their records wait until somebody else has.
    pub log_groups: bool,
    /// Days that events are kept, one of [`RETENTION_DAYS`]; none: for ever.
    pub retention_days: Option<i32>,
    pub log_group_class: Class,
    /// The ARN of a key that events are encrypted with.
    pub kms_key: Option<String>,
    pub tags: BTreeMap<String, String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            log_groups: true,
            retention_days: None,
            log_group_class: Class::Standard,
            kms_key: None,
            tags: BTreeMap::new(),
        }
    }
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
/// The name and the value of a tag (CreateLogGroup), characters.
const TAG_CHARS_MAX: usize = 128;
const TAG_VALUE_CHARS_MAX: usize = 256;

/// What is wrong with a [`Config`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("`retention_days` is {days}, and the service takes {RETENTION_DAYS:?}")]
    Retention { days: i32 },
    #[error("there are {count} `tags`, and the service takes {TAGS_MAX}")]
    Tags { count: usize },
    #[error(
        "the tag `{key}` is one that the service does not take: names have 1 to {TAG_CHARS_MAX} characters \
         and do not begin `aws:`, values have up to {TAG_VALUE_CHARS_MAX}"
    )]
    Tag { key: String },
    #[error(
        "`kms_key` is `{key}`, and the service takes ARNs: `arn:aws:kms:REGION:ACCOUNT:key/ID`"
    )]
    Key { key: String },
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
        if let Some((key, _)) = self.tags.iter().find(|(key, value)| !is_tag(key, value)) {
            return Err(Error::Tag { key: key.clone() });
        }
        match &self.kms_key {
            Some(key) if !is_arn_of_key(key) => Err(Error::Key { key: key.clone() }),
            _ => Ok(()),
        }
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

fn is_tag(key: &str, value: &str) -> bool {
    (1..=TAG_CHARS_MAX).contains(&key.chars().count())
        && !key.starts_with("aws:")
        && value.chars().count() <= TAG_VALUE_CHARS_MAX
}

/// `arn:PARTITION:kms:REGION:ACCOUNT:key/ID`.
fn is_arn_of_key(key: &str) -> bool {
    let mut parts = key.splitn(6, ':');
    parts.next() == Some("arn")
        && parts.nth(1) == Some("kms")
        && parts.nth(2).is_some_and(|key| key.starts_with("key/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_tag(key: &str, value: &str) -> Config {
        Config {
            tags: BTreeMap::from([(key.to_owned(), value.to_owned())]),
            ..Config::default()
        }
    }

    #[test]
    fn a_tag_that_the_service_does_not_take_is_refused() {
        let (long, longer) = ("k".repeat(128), "v".repeat(256));
        assert_eq!(with_tag(&long, &longer).check(), Ok(()));
        for (key, value) in [
            ("", ""),
            ("aws:x", ""),
            (&*format!("{long}k"), ""),
            ("k", &format!("{longer}v")),
        ] {
            let key = key.to_owned();
            assert_eq!(with_tag(&key, value).check(), Err(Error::Tag { key }));
        }
    }

    #[test]
    fn a_key_is_named_by_its_arn() {
        let with = |key: &str| Config {
            kms_key: Some(key.to_owned()),
            ..Config::default()
        };
        let arn = "arn:aws-cn:kms:cn-north-1:123456789012:key/0f";
        assert_eq!(with(arn).check(), Ok(()));
        for key in [
            "0f",
            "alias/logs",
            "arn:aws:s3:::bucket",
            "arn:aws:kms:r:1:alias/a",
        ] {
            assert_eq!(with(key).check(), Err(Error::Key { key: key.into() }));
        }
    }

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
