//! Values of the Helm chart `aws-for-fluent-bit`, laid over its defaults as the chart's template does.
//! What no part of the configuration comes of is said: `elsewhere` knows where it goes.

use serde_json::Value;

use super::classic;
use super::elsewhere;
use super::section::{Note, Read, Section, scalar};

/// By these, and by these alone, a configuration comes of them.
pub const PARTS: [&str; 5] = ["cloudWatchLogs", "cloudWatch", "input", "filter", "service"];

type Keys = [(&'static str, &'static str, &'static str)];

/// The chart's keys, Fluent Bit's, and the chart's defaults.
const INPUT: [(&str, &str, &str); 10] = [
    ("tag", "Tag", "kube.*"),
    ("path", "Path", "/var/log/containers/*.log"),
    ("pathKey", "Path_Key", ""),
    ("db", "DB", "/var/log/flb_kube.db"),
    ("parser", "Parser", ""),
    ("dockerMode", "Docker_Mode", ""),
    ("multilineParser", "multiline.parser", "docker, cri"),
    ("memBufLimit", "Mem_Buf_Limit", "5MB"),
    ("skipLongLines", "Skip_Long_Lines", "On"),
    ("refreshInterval", "Refresh_Interval", "10"),
];
const FILTER: [(&str, &str, &str); 8] = [
    ("match", "Match", "kube.*"),
    (
        "kubeURL",
        "Kube_URL",
        "https://kubernetes.default.svc.cluster.local:443",
    ),
    ("mergeLog", "Merge_Log", "On"),
    ("mergeLogKey", "Merge_Log_Key", "data"),
    ("keepLog", "Keep_Log", "On"),
    ("k8sLoggingParser", "K8S-Logging.Parser", "On"),
    ("k8sLoggingExclude", "K8S-Logging.Exclude", "On"),
    ("bufferSize", "Buffer_Size", "32k"),
];
const OUTPUT: [(&str, &str, &str); 19] = [
    ("match", "Match", "*"),
    ("region", "region", "us-east-1"),
    (
        "logGroupName",
        "log_group_name",
        "/aws/eks/fluentbit-cloudwatch/logs",
    ),
    ("logGroupTemplate", "log_group_template", ""),
    ("logStreamName", "log_stream_name", ""),
    ("logStreamPrefix", "log_stream_prefix", "fluentbit-"),
    ("logStreamTemplate", "log_stream_template", ""),
    ("logKey", "log_key", ""),
    ("logFormat", "log_format", ""),
    ("roleArn", "role_arn", ""),
    ("autoCreateGroup", "auto_create_group", "true"),
    ("logRetentionDays", "log_retention_days", ""),
    ("endpoint", "endpoint", ""),
    ("externalId", "external_id", ""),
    ("metricNamespace", "metric_namespace", ""),
    ("metricDimensions", "metric_dimensions", ""),
    ("stsEndpoint", "sts_endpoint", ""),
    ("autoRetryRequests", "auto_retry_requests", ""),
    ("credentialsEndpoint", "credentials_endpoint", ""),
];
const SERVICE: [(&str, &str, &str); 1] = [("parsersFiles", "Parsers_File", "")];

/// Outputs of the chart that have no counterpart here.
const OTHER_OUTPUTS: [&str; 6] = [
    "firehose",
    "kinesis",
    "kinesis_streams",
    "elasticsearch",
    "s3",
    "opensearch",
];
const ADDITIONAL: [&str; 3] = ["additionalInputs", "additionalFilters", "additionalOutputs"];

/// A part of the values that becomes a section.
struct Part {
    key: &'static str,
    kind: &'static str,
    /// The plugin.
    name: &'static str,
    /// Whether the chart has it on.
    is_on: bool,
    keys: &'static Keys,
    /// The key of raw lines in it.
    extra: &'static str,
}

const SECTIONS: [Part; 5] = [
    part("service", "service", "", &SERVICE, "extraService"),
    part("input", "input", "tail", &INPUT, "extraInputs"),
    part("filter", "filter", "kubernetes", &FILTER, "extraFilters"),
    Part {
        is_on: false,
        ..part(
            "cloudWatch",
            "output",
            "cloudwatch",
            &OUTPUT,
            "extraOutputs",
        )
    },
    part(
        "cloudWatchLogs",
        "output",
        "cloudwatch_logs",
        &OUTPUT,
        "extraOutputs",
    ),
];

const fn part(
    key: &'static str,
    kind: &'static str,
    name: &'static str,
    keys: &'static Keys,
    extra: &'static str,
) -> Part {
    Part {
        key,
        kind,
        name,
        is_on: true,
        keys,
        extra,
    }
}

/// Values of the chart, as its template makes sections of them.
struct Chart<'a> {
    values: &'a Value,
    file: &'a str,
    read: Read,
}

pub fn read(values: &Value, file: &str) -> anyhow::Result<Read> {
    let read = Read::default();
    let mut chart = Chart { values, file, read };
    for part in &SECTIONS {
        chart.part(part)?;
    }
    for key in ADDITIONAL {
        chart.raw(key, values.get(key))?;
    }
    let parsers = chart.value("service", "extraParsers");
    chart.raw("service.extraParsers", parsers)?;
    for other in OTHER_OUTPUTS {
        if chart.is_on(other, false) {
            let at = format!("{file}: {other}");
            let mut section = Section::new("output", &at);
            section.push("Name", other, &at);
            chart.read.sections.push(section);
        }
    }
    for (key, value) in values.as_object().into_iter().flatten() {
        let mut known = PARTS.iter().chain(&OTHER_OUTPUTS).chain(&ADDITIONAL);
        if !known.any(|known| known == key) {
            chart.read.notes.extend(elsewhere::notes(file, key, value));
        }
    }
    chart.read.substitute(&elsewhere::environment(values));
    Ok(chart.read)
}

impl<'a> Chart<'a> {
    fn value(&self, part: &str, key: &str) -> Option<&'a Value> {
        self.values.get(part)?.get(key)
    }

    fn is_on(&self, part: &str, otherwise: bool) -> bool {
        let enabled = self.value(part, "enabled");
        enabled.and_then(Value::as_bool).unwrap_or(otherwise)
    }

    /// Sections of their own in the classic format.
    fn raw(&mut self, key: &str, value: Option<&Value>) -> anyhow::Result<()> {
        if let Some(text) = value.and_then(Value::as_str) {
            let at = format!("{}: {key}", self.file);
            let more = classic::read(text, &at, &|_: &str| Vec::new())?;
            self.read.extend(more);
        }
        Ok(())
    }

    /// One part of the values as a section.
    fn part(&mut self, part: &Part) -> anyhow::Result<()> {
        let at = format!("{}: {}", self.file, part.key);
        let extra = self.value(part.key, part.extra).and_then(Value::as_str);
        if !self.is_on(part.key, part.is_on) {
            if let Some(extra) = extra.filter(|e| !e.trim().is_empty()) {
                let why = "the part that it belongs to is off";
                let at = format!("{at}.{}", part.extra);
                self.read.notes.push(Note::lost(&at, extra.trim(), why));
            }
            return Ok(());
        }
        let mut section = Section::new(part.kind, &at);
        if !part.name.is_empty() {
            section.push("Name", part.name, &at);
        }
        for (key, to, default) in part.keys {
            let value = match self.value(part.key, key) {
                None => (*default).to_owned(),
                Some(given) => scalar(given).unwrap_or_else(|| match elsewhere::is_empty(given) {
                    true => String::new(),
                    false => given.to_string(),
                }),
            };
            // The chart's template leaves out what is empty, and of outputs what is false.
            let is_off = part.kind == "output" && value == "false";
            if !value.is_empty() && !is_off {
                section.push(to, &value, &format!("{at}.{key}"));
            }
        }
        // It may go on with sections of its own.
        let lines = format!("[{}]\n{}", part.kind, extra.unwrap_or_default());
        let at_extra = format!("{at}.{}", part.extra);
        let extras = classic::read(&lines, &at_extra, &|_: &str| Vec::new())?;
        let mut extras = extras.into_iter();
        let first = extras.next().map(|s| s.entries);
        section.entries.extend(first.into_iter().flatten());
        self.read.sections.push(section);
        self.read.sections.extend(extras);
        self.unknown(part, &at);
        Ok(())
    }

    /// Says which keys of a part nobody takes.
    fn unknown(&mut self, part: &Part, at: &str) {
        let keys = part.keys.iter().map(|(key, _, _)| *key);
        let known: Vec<&str> = keys
            .chain(["enabled", "extraParsers", part.extra])
            .collect();
        let given = self.values.get(part.key).and_then(Value::as_object);
        for (key, value) in given.into_iter().flatten() {
            if !known.contains(&key.as_str()) && !elsewhere::is_empty(value) {
                let what = format!("{key}: {}", elsewhere::short(value));
                let why = "the chart `aws-for-fluent-bit` has no such value";
                let at = format!("{at}.{key}");
                self.read.notes.push(Note::lost(&at, what, why));
            }
        }
    }
}
