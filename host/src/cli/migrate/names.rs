//! Names as Fluent Bit writes them, as logsieve writes them: record accessors
//! (`$kubernetes['pod_name']`), environment variables, and tags.

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
/// A level of Fluent Bit's own log as one of the agent's, which tells of failed requests at `warn`.
pub fn log_level(level: &str) -> Option<&'static str> {
    match level.to_lowercase().as_str() {
        "off" | "error" => Some("warn"),
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

/// A name that is not taken: the word, or the word with a number.
pub fn free(word: &str, is_taken: &dyn Fn(&str) -> bool) -> String {
    let mut name = word.to_owned();
    let mut number = 2;
    while is_taken(&name) {
        name = format!("{word}-{number}");
        number += 1;
    }
    name
}
