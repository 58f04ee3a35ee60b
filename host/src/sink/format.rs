//! How a route has its records written, where it wants another format than its destination's: names that
//! all sinks share, of which each knows some.

use serde::Deserialize;

use super::cloudwatch::Preset;
use super::cloudwatch::format::{self as cloudwatch, FluentBit};
use super::{Destination, stdout};

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// A JSON object around the record's text.
    #[default]
    Json,
    /// The record's text alone.
    Text,
    FluentBit(FluentBit),
    /// As these presets of CloudWatch write it.
    AwsForFluentBit,
    ContainerInsights,
    CloudwatchObservability,
}

impl Format {
    fn for_cloudwatch(&self) -> cloudwatch::Format {
        match self {
            Self::Json => cloudwatch::Format::Json,
            Self::Text => cloudwatch::Format::Text,
            Self::FluentBit(keys) => cloudwatch::Format::FluentBit(keys.clone()),
            Self::AwsForFluentBit => Preset::AwsForFluentBit.format(),
            Self::ContainerInsights => Preset::ContainerInsights.format(),
            Self::CloudwatchObservability => Preset::CloudwatchObservability.format(),
        }
    }
}

impl Destination {
    /// The same with another format; none if it knows no such.
    #[must_use]
    pub fn written_as(&self, format: &Format) -> Option<Self> {
        match self {
            Self::Cloudwatch(config) => {
                let mut config = config.clone();
                config.format = Some(format.for_cloudwatch());
                Some(Self::Cloudwatch(config))
            }
            Self::Stdout(_) => {
                let format = match format {
                    Format::Json => stdout::Format::Json,
                    Format::Text => stdout::Format::Text,
                    _ => return None,
                };
                Some(Self::Stdout(stdout::Config { format }))
            }
            Self::Null(null) => Some(Self::Null(null.clone())),
        }
    }
}
