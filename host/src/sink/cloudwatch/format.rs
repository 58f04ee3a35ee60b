//! How a record becomes a message, and the ready-made destinations: group, stream and format of
//! installations that logsieve can take the place of, so that what queries and alarms read stays
//! where it is and looks as it did.
//!
//! A preset gives what the destination does not say itself; recordings of Fluent Bit hold the
//! presets to their word (`tests/presets`).

use serde::Deserialize;

use super::entity;

/// How a record is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// A JSON object with the record's text under `log`, its time, stream and Kubernetes facts.
    #[default]
    Json,
    /// The record's text alone.
    Text,
    /// What Fluent Bit's `tail`, `kubernetes` and `cloudwatch_logs` make of it.
    FluentBit(FluentBit),
}

/// The keys of Fluent Bit's `kubernetes` filter that show in a message, with its own defaults.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FluentBit {
    /// Embed records that are JSON objects.
    pub merge_log: bool,
    /// Under this name; none: among the fields of the message itself.
    pub merge_log_key: Option<String>,
    /// Cut newlines off the ends of embedded strings.
    pub merge_log_trim: bool,
    /// Send the text of what is embedded as well.
    pub keep_log: bool,
    pub labels: bool,
    pub annotations: bool,
}

impl Default for FluentBit {
    fn default() -> Self {
        Self {
            merge_log: false,
            merge_log_key: None,
            merge_log_trim: true,
            keep_log: true,
            labels: true,
            annotations: true,
        }
    }
}

/// An installation whose place this destination takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// The Helm chart `aws-for-fluent-bit` with `cloudWatchLogs` on.
    AwsForFluentBit,
    /// Container Insights' Fluent Bit: application logs.
    ContainerInsights,
    /// The EKS add-on `amazon-cloudwatch-observability`: application logs, with their entity.
    CloudwatchObservability,
}

/// A container's log file below `/var/log/containers`, as Fluent Bit makes tags of it.
macro_rules! tag {
    ($prefix:literal) => {
        concat!(
            $prefix,
            "var.log.containers.{k8s.pod.name}_{k8s.namespace.name}_{k8s.container.name}-{container.id}.log"
        )
    };
}

impl Preset {
    #[must_use]
    pub fn log_group(self) -> &'static str {
        match self {
            Self::AwsForFluentBit => "/aws/eks/fluentbit-cloudwatch/logs",
            Self::ContainerInsights | Self::CloudwatchObservability => {
                "/aws/containerinsights/{k8s.cluster.name}/application"
            }
        }
    }

    #[must_use]
    pub fn log_stream(self) -> &'static str {
        match self {
            Self::AwsForFluentBit => tag!("fluentbit-kube."),
            Self::ContainerInsights | Self::CloudwatchObservability => {
                tag!("{k8s.node.name}-application.")
            }
        }
    }

    #[must_use]
    pub fn format(self) -> Format {
        Format::FluentBit(match self {
            Self::AwsForFluentBit => FluentBit {
                merge_log: true,
                merge_log_key: Some("data".into()),
                ..FluentBit::default()
            },
            Self::ContainerInsights | Self::CloudwatchObservability => FluentBit {
                merge_log: true,
                merge_log_key: Some("log_processed".into()),
                labels: false,
                annotations: false,
                ..FluentBit::default()
            },
        })
    }

    #[must_use]
    pub fn entity(self) -> Option<entity::Config> {
        match self {
            Self::AwsForFluentBit | Self::ContainerInsights => None,
            Self::CloudwatchObservability => Some(entity::Config::of_eks_workload()),
        }
    }
}
