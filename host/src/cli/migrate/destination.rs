//! One `[OUTPUT]` as a destination: names, format, and what else CloudWatch's output knows. The format
//! is that of the `kubernetes` filter which its records passed.

use serde_json::{Map, Value, json};

use super::names;
use super::section::{Entry, Note, Section, is_true};

/// Where records go for which no group is named.
const DEFAULT_GROUP: &str = "/logsieve/{k8s.namespace.name}";

/// What the `kubernetes` filter that an output's records passed makes of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kubernetes {
    pub at: String,
    pub format: Value,
    /// Pods may leave themselves out by `fluentbit.io/exclude`.
    pub exclude: bool,
}

impl Kubernetes {
    pub fn of(filter: &mut Section, notes: &mut Vec<Note>) -> Self {
        let merge = filter.is_on("Merge_Log", false);
        let mut format = Map::new();
        format.insert("merge_log".into(), json!(merge));
        if let Some(key) = filter.text("Merge_Log_Key") {
            format.insert("merge_log_key".into(), json!(key));
        }
        for (key, to, default) in [
            ("Merge_Log_Trim", "merge_log_trim", true),
            ("Keep_Log", "keep_log", true),
            ("Labels", "labels", true),
            ("Annotations", "annotations", true),
        ] {
            let on = filter.is_on(key, default);
            if on != default {
                format.insert(to.into(), json!(on));
            }
        }
        if let Some(parser) = filter.take("K8S-Logging.Parser")
            && is_true(&parser.value)
        {
            let why = "no parser runs by `fluentbit.io/parser`; let a filter do it, which pods choose \
                       by `logsieve.dev/filters`";
            notes.push(Note::lost(&parser.at, "K8S-Logging.Parser On", why));
        }
        let exclude = filter.take("K8S-Logging.Exclude");
        let exclude = exclude.filter(|e| is_true(&e.value));
        if let Some(entry) = &exclude {
            notes.extend(excluded(&entry.at));
        }
        Self {
            at: filter.at.clone(),
            format: json!({ "fluent_bit": format }),
            exclude: exclude.is_some(),
        }
    }
}

/// `fluentbit.io/exclude[_STREAM][-CONTAINER]`: what goes on to work, since it is the operator's word,
/// and what cannot.
fn excluded(at: &str) -> [Note; 2] {
    let kept = "`fluentbit.io/exclude: \"true\"` works on for whole pods, and `fluentbit.io/exclude-NAME` for \
                containers that a `Path` names; a container now waits until its pod is known";
    let lost = "routes take whole containers, and annotations of names that they know: `exclude_stdout` and \
                `exclude_stderr`, and `exclude-NAME` of any other container, do nothing. Under \
                `annotations.allow` with `exclude: true`, `NAME.logsieve.dev/exclude: \"true\"` leaves a \
                container out";
    [
        Note::fine(at, "K8S-Logging.Exclude On", kept),
        Note::lost(at, "fluentbit.io/exclude[_STREAM][-CONTAINER]", lost),
    ]
}

/// The destination, or none where this output has no counterpart.
pub fn destination(
    output: &mut Section,
    input_tag: &str,
    kubernetes: Option<&Kubernetes>,
    notes: &mut Vec<Note>,
) -> Option<Value> {
    let name = output.text("Name").unwrap_or_default().to_lowercase();
    if name == "stdout" {
        return Some(json!({ "stdout": { "format": "json" } }));
    }
    if name != "cloudwatch_logs" && name != "cloudwatch" {
        return None;
    }
    let mut to = Map::new();
    if let Some(region) = output.take("region") {
        if region.value.contains('$') {
            let why = "the environment of the agent's pod says it: AWS_REGION";
            notes.push(Note::fine(
                &region.at,
                format!("region {}", region.value),
                why,
            ));
        } else {
            to.insert("region".into(), json!(region.value));
        }
    }
    if let Some(endpoint) = output.text("endpoint") {
        let address = if endpoint.contains("://") {
            endpoint
        } else {
            format!("https://{endpoint}")
        };
        to.insert("endpoint".into(), json!(address));
    }
    if let Some(group) = group(output, notes) {
        to.insert("log_group".into(), json!(group));
    }
    to.insert("log_stream".into(), json!(stream(output, input_tag, notes)));
    to.insert("format".into(), format(output, kubernetes, notes));
    if output.is_on("add_entity", false) {
        // Its group, stream and format stand above, and win.
        to.insert("preset".into(), json!("cloudwatch_observability"));
    }
    if let Some(role) = role(output) {
        to.insert("role".into(), role);
    }
    if let Some(format) = output.take("log_format") {
        if format.value == "json/emf" {
            to.insert("emf".into(), json!(true));
        } else {
            notes.push(Note::lost(
                &format.at,
                format.line(),
                "only `json/emf` is known",
            ));
        }
    }
    let create = created(output, notes);
    if !create.is_empty() {
        to.insert("create".into(), create.into());
    }
    Some(json!({ "cloudwatch": to }))
}

/// The role that is assumed to send.
fn role(output: &mut Section) -> Option<Value> {
    let external_id = output.text("external_id");
    let arn = output.text("role_arn")?;
    let mut role = Map::new();
    role.insert("arn".into(), json!(arn));
    if let Some(id) = external_id {
        role.insert("external_id".into(), json!(id));
    }
    Some(role.into())
}

/// Whether missing groups are created, and what new ones are given.
fn created(output: &mut Section, notes: &mut Vec<Note>) -> Map<String, Value> {
    let mut create = Map::new();
    if !output.is_on("auto_create_group", false) {
        create.insert("log_groups".into(), json!(false));
    }
    if let Some(days) = output.take("log_retention_days") {
        match days.value.parse::<u32>() {
            // Of Fluent Bit's: events never expire.
            Ok(0) => {}
            Ok(days) => drop(create.insert("retention_days".into(), json!(days))),
            Err(_) => notes.push(Note::lost(&days.at, days.line(), "it is no number of days")),
        }
    }
    if let Some(class) = output.text("log_group_class") {
        create.insert("log_group_class".into(), json!(class.to_lowercase()));
    }
    if let Some(tags) = output.take("new_log_group_tags") {
        let pairs = tags.value.split(',').map(|pair| pair.split_once('='));
        match pairs.collect::<Option<Vec<_>>>() {
            Some(pairs) => {
                let tag = |(key, value): (&str, &str)| (key.trim().to_owned(), json!(value.trim()));
                let tags: Map<String, Value> = pairs.into_iter().map(tag).collect();
                create.insert("tags".into(), tags.into());
            }
            None => notes.push(Note::lost(
                &tags.at,
                tags.line(),
                "it is no list of `key=value`",
            )),
        }
    }
    create
}

fn format(output: &mut Section, kubernetes: Option<&Kubernetes>, notes: &mut Vec<Note>) -> Value {
    if let Some(key) = output.take("log_key") {
        if key.value == "log" {
            return json!("text");
        }
        let why = "only the whole message or `log` alone can be sent; let a filter choose";
        notes.push(Note::lost(&key.at, key.line(), why));
    }
    match kubernetes {
        Some(kubernetes) => kubernetes.format.clone(),
        None => {
            let why = "without a `kubernetes` filter Fluent Bit sends no facts of the pod; here they come \
                       along";
            notes.push(Note::fine(&output.at, "[OUTPUT]", why));
            json!("json")
        }
    }
}

/// A template wins over a name, which stands in where the template's fields are missing, and for a
/// template that has no counterpart.
fn group(output: &mut Section, notes: &mut Vec<Note>) -> Option<String> {
    let name = output.take("log_group_name");
    let name_line = name.as_ref().map(|n| (n.at.clone(), n.line()));
    let mut candidates: Vec<_> = output.take("log_group_template").into_iter().collect();
    candidates.extend(name);
    let mut failed: Vec<(Entry, String)> = Vec::new();
    let mut chosen = None;
    for candidate in candidates {
        match names::template(&candidate.value) {
            Ok(template) => {
                chosen = Some((candidate, template));
                break;
            }
            Err(what) => failed.push((candidate, what)),
        }
    }
    let now = chosen.as_ref().map_or(DEFAULT_GROUP, |(_, group)| group);
    for (entry, what) in failed {
        let why = format!("`{what}` is no fact of a container; records go to `{now}` now");
        notes.push(Note::lost(&entry.at, entry.line(), why));
    }
    let (entry, group) = chosen?;
    if let Some((at, line)) = name_line.filter(|(at, _)| *at != entry.at) {
        let why = format!(
            "stands in for fields that are missing; here they become `unknown`: `{}`",
            entry.value
        );
        notes.push(Note::fine(&at, line, why));
    }
    Some(group)
}

fn stream(output: &mut Section, tag: &str, notes: &mut Vec<Note>) -> String {
    let prefix = output.take("log_stream_prefix");
    let given = output.take("log_stream_template");
    let given = [given, output.take("log_stream_name")];
    let mut failed = Vec::new();
    for entry in given.into_iter().flatten() {
        match names::template(&entry.value) {
            Ok(template) if failed.is_empty() => return template,
            Ok(template) => {
                say_unnamed(failed, &template, notes);
                return template;
            }
            Err(what) => failed.push((entry, what)),
        }
    }
    let before = prefix.map(|prefix| (names::template(&prefix.value), prefix));
    let before = match before {
        Some((Ok(template), _)) => template,
        Some((Err(what), prefix)) => {
            failed.push((prefix, what));
            String::new()
        }
        None => String::new(),
    };
    let stream = format!("{before}{tag}");
    say_unnamed(failed, &stream, notes);
    stream
}

fn say_unnamed(failed: Vec<(Entry, String)>, stream: &str, notes: &mut Vec<Note>) {
    for (entry, what) in failed {
        let why = format!("`{what}` is no fact of a container; streams are called `{stream}` now");
        notes.push(Note::lost(&entry.at, entry.line(), why));
    }
}
