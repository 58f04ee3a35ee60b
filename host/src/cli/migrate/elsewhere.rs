//! Values of the chart `aws-for-fluent-bit` that are about its pods, not about logs: which value of
//! logsieve's chart is the same, or why none is.

use std::collections::BTreeMap;

use serde_json::Value;

use super::section::Note;

/// Values with a value of their own in logsieve's chart, and its name.
const SAME: [(&str, &str); 9] = [
    ("imagePullSecrets", "imagePullSecrets"),
    ("resources", "resources"),
    ("priorityClassName", "priorityClassName"),
    ("updateStrategy", "updateStrategy"),
    ("nodeSelector", "nodeSelector"),
    ("tolerations", "tolerations"),
    ("affinity", "affinity"),
    ("annotations", "podAnnotations"),
    ("env", "env"),
];
/// Values that need none.
const OWN: [(&str, &str); 13] = [
    ("global", "it is installed into a namespace of its own"),
    ("image", "logsieve's chart has its own image"),
    ("nameOverride", "logsieve's chart names its own objects"),
    ("fullnameOverride", "logsieve's chart names its own objects"),
    (
        "podSecurityContext",
        "logsieve's chart has its own; see `nonRoot`",
    ),
    (
        "containerSecurityContext",
        "logsieve's chart has its own; see `nonRoot`",
    ),
    ("rbac", "logsieve's chart has its own rights"),
    ("dnsPolicy", "logsieve's pods have the cluster's"),
    (
        "volumes",
        "/var/log is mounted anyway; see the values `nodeFolders` and `dockerContainersPath`",
    ),
    (
        "volumeMounts",
        "/var/log is mounted anyway; see the values `nodeFolders` and `dockerContainersPath`",
    ),
    ("livenessProbe", "logsieve's chart has its own probes"),
    ("readinessProbe", "logsieve's chart has its own probes"),
    ("serviceMonitor", "see the value `podMonitor`"),
];

/// What of a value of this name is to be said.
pub fn notes(file: &str, key: &str, value: &Value) -> Vec<Note> {
    let at = format!("{file}: {key}");
    let is_off = value.get("enabled") == Some(&Value::Bool(false));
    if is_empty(value) || is_off {
        return Vec::new();
    }
    if key == "serviceAccount" {
        return service_account(&at, value);
    }
    let what = format!("{key}: {}", short(value));
    let find = |all: &[(&str, &'static str)]| {
        let found = all.iter().find(|(name, _)| *name == key);
        found.map(|(_, why)| *why)
    };
    let note = if let Some(same) = find(&SAME) {
        let why = format!("it goes to the value `{same}` of logsieve's chart");
        Note::fine(&at, what, why)
    } else if let Some(why) = find(&OWN) {
        Note::fine(&at, what, why)
    } else {
        Note::lost(&at, what, "logsieve's chart has no such value")
    };
    vec![note]
}

fn service_account(at: &str, value: &Value) -> Vec<Note> {
    let mut notes = Vec::new();
    for (key, value) in value.as_object().into_iter().flatten() {
        let at = format!("{at}.{key}");
        match (key.as_str(), value) {
            (_, value) if is_empty(value) => {}
            ("annotations", Value::Object(all)) => {
                let is_role = |name: &String| name == "eks.amazonaws.com/role-arn";
                for (name, value) in all {
                    let whose = match is_role(name) {
                        true => "the role of the agent's pods, which sends: it",
                        false => "it",
                    };
                    let why = format!(
                        "{whose} goes to the value `serviceAccount.annotations` of logsieve's chart"
                    );
                    let what = format!("{name}: {}", short(value));
                    notes.push(Note::fine(&at, what, why));
                }
            }
            // As it is by default.
            ("create", Value::Bool(true)) => {}
            ("create" | "name", value) => {
                let why =
                    format!("it goes to the value `serviceAccount.{key}` of logsieve's chart");
                notes.push(Note::fine(&at, format!("{key}: {}", short(value)), why));
            }
            (_, value) => {
                let why = "logsieve's chart has no such value";
                notes.push(Note::lost(&at, format!("{key}: {}", short(value)), why));
            }
        }
    }
    notes
}

/// Variables of the pods whose values are written out.
pub fn environment(values: &Value) -> BTreeMap<String, String> {
    let all = values.get("env").and_then(Value::as_array);
    let known = |one: &Value| {
        let text = |key: &str| Some(one.get(key)?.as_str()?.to_owned());
        Some((text("name")?, text("value")?))
    };
    all.into_iter().flatten().filter_map(known).collect()
}

/// Whether a value says nothing, or that something is off.
pub fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(all) => all.is_empty(),
        Value::Object(all) => all.values().all(is_empty),
        Value::Bool(true) | Value::Number(_) => false,
    }
}

/// A value on one line that can be read.
pub fn short(value: &Value) -> String {
    /// Letters of it, at most.
    const LETTERS_MAX: usize = 80;
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match text.char_indices().nth(LETTERS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
