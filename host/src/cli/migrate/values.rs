//! What comes as YAML: Fluent Bit's own YAML format, a ConfigMap that holds configurations, and values
//! of the Helm chart `aws-for-fluent-bit`, laid over its defaults as the chart's template does.

use anyhow::{Context as _, bail};
use serde_json::{Map, Value};

use super::classic;
use super::section::Section;

pub fn read(text: &str, file: &str) -> anyhow::Result<Vec<Section>> {
    let value: Value = serde_saphyr::from_str(text)
        .map_err(|e| anyhow::Error::msg(e.to_string()))
        .with_context(|| format!("`{file}` is no YAML"))?;
    if value.get("pipeline").is_some() {
        return Ok(pipeline(&value, file));
    }
    if value.get("kind").and_then(Value::as_str) == Some("ConfigMap") {
        return config_map(&value, file);
    }
    if ["cloudWatchLogs", "cloudWatch", "input", "filter", "service"]
        .iter()
        .any(|key| value.get(key).is_some())
    {
        return chart(&value, file);
    }
    bail!("`{file}` is neither Fluent Bit's YAML nor values of the chart `aws-for-fluent-bit`")
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(all) => {
            let all: Option<Vec<_>> = all.iter().map(scalar).collect();
            all.map(|all| all.join(", "))
        }
        Value::Null | Value::Object(_) => None,
    }
}

/// `service:` and `pipeline: { inputs, filters, outputs }`.
fn pipeline(value: &Value, file: &str) -> Vec<Section> {
    let mut sections = Vec::new();
    let mut add = |kind: &str, at: String, entries: &Map<String, Value>| {
        let mut section = Section::new(kind, &at);
        for (key, value) in entries {
            let at = format!("{at}.{key}");
            match scalar(value) {
                Some(value) => section.push(key, &value, &at),
                None => section.push(key, &value.to_string(), &at),
            }
        }
        sections.push(section);
    };
    if let Some(service) = value.get("service").and_then(Value::as_object) {
        add("service", format!("{file}: service"), service);
    }
    for (name, kind) in [
        ("inputs", "input"),
        ("filters", "filter"),
        ("outputs", "output"),
    ] {
        let all = value["pipeline"].get(name).and_then(Value::as_array);
        for (number, one) in all.into_iter().flatten().enumerate() {
            if let Some(one) = one.as_object() {
                add(kind, format!("{file}: pipeline.{name}[{number}]"), one);
            }
        }
    }
    sections
}

/// The entries of a ConfigMap, beginning with `fluent-bit.conf`, which includes the others.
fn config_map(value: &Value, file: &str) -> anyhow::Result<Vec<Section>> {
    let data = value.get("data").and_then(Value::as_object);
    let text = |name: &str| data?.get(name)?.as_str();
    if let Some(main) = text("fluent-bit.conf") {
        let open = |pattern: &str| {
            let globs = crate::record::Globs::One(pattern.to_owned());
            let all = data
                .into_iter()
                .flatten()
                .filter(|(name, _)| globs.matches(name));
            let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
            all.map(|(name, value)| (name.clone(), text(value)))
                .collect()
        };
        return classic::read(main, "fluent-bit.conf", &open);
    }
    if let Some(main) = text("fluent-bit.yaml") {
        return read(main, "fluent-bit.yaml");
    }
    bail!("`{file}` holds neither `fluent-bit.conf` nor `fluent-bit.yaml`")
}

/// The chart's keys, Fluent Bit's, and the chart's defaults.
const INPUT: [(&str, &str, &str); 7] = [
    ("tag", "Tag", "kube.*"),
    ("path", "Path", "/var/log/containers/*.log"),
    ("db", "DB", "/var/log/flb_kube.db"),
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
const OUTPUT: [(&str, &str, &str); 14] = [
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
];

/// Outputs of the chart that have no counterpart here.
const OTHER_OUTPUTS: [&str; 6] = [
    "firehose",
    "kinesis",
    "kinesis_streams",
    "elasticsearch",
    "s3",
    "opensearch",
];

/// Values of the chart, as its template makes sections of them.
struct Chart<'a> {
    values: &'a Value,
    file: &'a str,
    sections: Vec<Section>,
}

fn chart(values: &Value, file: &str) -> anyhow::Result<Vec<Section>> {
    let mut chart = Chart {
        values,
        file,
        sections: Vec::new(),
    };
    chart.part("service", "service", "", &[], "extraService")?;
    if chart.is_on("input", true) {
        chart.part("input", "input", "tail", &INPUT, "extraInputs")?;
    }
    if chart.is_on("filter", true) {
        chart.part("filter", "filter", "kubernetes", &FILTER, "extraFilters")?;
    }
    for (part, name, otherwise) in [
        ("cloudWatch", "cloudwatch", false),
        ("cloudWatchLogs", "cloudwatch_logs", true),
    ] {
        if chart.is_on(part, otherwise) {
            chart.part(part, "output", name, &OUTPUT, "extraOutputs")?;
        }
    }
    for key in ["additionalInputs", "additionalFilters", "additionalOutputs"] {
        if let Some(text) = values.get(key).and_then(Value::as_str) {
            let more = classic::read(text, &format!("{file}: {key}"), &|_: &str| Vec::new())?;
            chart.sections.extend(more);
        }
    }
    for other in OTHER_OUTPUTS {
        if chart.is_on(other, false) {
            let mut section = Section::new("output", &format!("{file}: {other}"));
            section.push("Name", other, &format!("{file}: {other}"));
            chart.sections.push(section);
        }
    }
    Ok(chart.sections)
}

impl Chart<'_> {
    fn value(&self, part: &str, key: &str) -> Option<&Value> {
        self.values.get(part)?.get(key)
    }

    fn is_on(&self, part: &str, otherwise: bool) -> bool {
        let enabled = self.value(part, "enabled");
        enabled.and_then(Value::as_bool).unwrap_or(otherwise)
    }

    /// One part of the values as a section; `extra` is the key of raw lines in it.
    fn part(
        &mut self,
        part: &str,
        kind: &str,
        name: &str,
        keys: &[(&str, &str, &str)],
        extra: &str,
    ) -> anyhow::Result<()> {
        let at = format!("{}: {part}", self.file);
        let mut section = Section::new(kind, &at);
        if !name.is_empty() {
            section.push("Name", name, &at);
        }
        for (key, to, default) in keys {
            let given = self.value(part, key).and_then(scalar);
            let value = given.unwrap_or_else(|| (*default).to_owned());
            // The chart's template leaves out what is empty or false.
            if !value.is_empty() && value != "false" {
                section.push(to, &value, &format!("{at}.{key}"));
            }
        }
        let raw = self.value(part, extra).and_then(Value::as_str);
        let lines = format!("[{kind}]\n{}", raw.unwrap_or_default());
        let extras = classic::read(&lines, &format!("{at}.{extra}"), &|_: &str| Vec::new())?;
        section
            .entries
            .extend(extras.into_iter().flat_map(|s| s.entries));
        self.sections.push(section);
        Ok(())
    }
}
