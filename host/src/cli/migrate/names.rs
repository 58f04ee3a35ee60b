//! Names as Fluent Bit writes them, as logsieve writes them: record accessors
//! (`$kubernetes['pod_name']`), environment variables, tags, and paths of log files as matches.

use serde_json::{Map, Value, json};

use crate::source::files::Pattern;

/// Fields of Fluent Bit's `kubernetes` object, as facts.
const FIELDS: [(&str, &str); 7] = [
    ("namespace_name", "k8s.namespace.name"),
    ("pod_name", "k8s.pod.name"),
    ("pod_id", "k8s.pod.uid"),
    ("container_name", "k8s.container.name"),
    ("docker_id", "container.id"),
    ("host", "k8s.node.name"),
    ("container_image", "container.image.name"),
];
/// Variables that the DaemonSets of AWS set, as facts.
const VARIABLES: [(&str, &str); 4] = [
    ("CLUSTER_NAME", "k8s.cluster.name"),
    ("HOST_NAME", "k8s.node.name"),
    ("NODE_NAME", "k8s.node.name"),
    ("HOSTNAME", "k8s.node.name"),
];
const LOGS: &str = "/var/log/containers/";

/// A level of Fluent Bit's own log as one of the agent's, which never keeps its errors to itself.
pub fn log_level(level: &str) -> Option<&'static str> {
    match level.to_lowercase().as_str() {
        "off" | "error" => Some("error"),
        "warn" | "warning" => Some("warn"),
        "info" => Some("info"),
        "debug" | "trace" => Some("debug"),
        _ => None,
    }
}

/// A name with accessors and variables as a template; an error names what has no counterpart.
pub fn template(text: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['$', '{', '}']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let brace = rest.starts_with('{') || rest.starts_with('}');
        if brace {
            out.push_str(&rest[..1].repeat(2));
            rest = &rest[1..];
            continue;
        }
        let (fact, after) = accessor(rest).ok_or_else(|| rest.to_owned())?;
        out.push_str(&format!("{{{fact}}}"));
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// Reads `${NAME}`, `$kubernetes['a']['b']` or `$(kubernetes['a'])` at the start of a text.
fn accessor(text: &str) -> Option<(String, &str)> {
    if let Some(rest) = text.strip_prefix("${") {
        let (name, rest) = rest.split_once('}')?;
        let known = VARIABLES.iter().find(|(variable, _)| *variable == name)?;
        return Some((known.1.to_owned(), rest));
    }
    let in_parentheses = text.starts_with("$(");
    let text = text.strip_prefix(if in_parentheses { "$(" } else { "$" })?;
    let mut rest = text.strip_prefix("kubernetes")?;
    let mut keys = Vec::new();
    while let Some(inner) = rest.strip_prefix("['") {
        let (key, after) = inner.split_once("']")?;
        keys.push(key);
        rest = after;
    }
    if in_parentheses {
        rest = rest.strip_prefix(')')?;
    }
    let fact = match keys[..] {
        [field] => FIELDS.iter().find(|(name, _)| *name == field)?.1.to_owned(),
        ["labels", label] => format!("k8s.pod.label.{label}"),
        ["annotations", annotation] => format!("k8s.pod.annotation.{annotation}"),
        _ => return None,
    };
    Some((fact, rest))
}

/// The tag of a container's log file, as Fluent Bit makes it from an input's `Tag`.
pub fn tag(input: &str) -> String {
    let file = "var.log.containers.{k8s.pod.name}_{k8s.namespace.name}_{k8s.container.name}-{container.id}.log";
    input.replace('*', file)
}

/// The tag of a plain file; of several, each has its name in it.
pub fn plain_tag(input: &str, paths: &[String]) -> String {
    let path = match paths {
        [one] if !one.contains(['*', '?']) => one.trim_start_matches('/').replace('/', "."),
        _ => "{log.file.name}".to_owned(),
    };
    input.replace('*', &path)
}

/// Whether it is a path that plain files are found by.
pub fn is_plain(pattern: &str) -> bool {
    !pattern.starts_with(LOGS) && pattern.parse::<Pattern>().is_ok()
}

/// Whether a `Match` takes an input's records.
pub fn takes(pattern: &str, tag: &str) -> bool {
    crate::record::Globs::One(pattern.to_owned()).matches(tag)
}

/// A `Path` below `/var/log/containers` as a match; `None`: not there, or not that simple.
pub fn path(pattern: &str) -> Option<Map<String, Value>> {
    let name = pattern.trim().strip_prefix(LOGS)?;
    let name = name.strip_suffix(".log").unwrap_or(name);
    let mut matching = Map::new();
    let mut add = |key: &str, glob: &str| {
        if glob != "*" && !glob.is_empty() {
            matching.insert(key.to_owned(), json!(glob));
        }
    };
    let parts: Vec<&str> = name.split('_').collect();
    match parts[..] {
        [pod] => add("pod", pod),
        [pod, namespace] => {
            add("pod", pod);
            add("namespace", namespace.trim_end_matches('*'));
        }
        [pod, namespace, container] => {
            add("pod", pod);
            add("namespace", namespace);
            let end = container.strip_suffix("-*").unwrap_or(container);
            add("container", end);
        }
        _ => return None,
    }
    Some(matching)
}
