//! Names of container logs, `POD_NAMESPACE_CONTAINER-ID.log`, as matches. A `*` of Fluent Bit's may stand
//! for several parts at once, so that one name may come to several matches.
//!
//! Neither pods nor namespaces nor containers have a `_` in their names, and ids have no `-`.

use super::glob;
use super::matching::Matching;
use crate::source::files::Pattern;

const LOGS: &str = "/var/log/containers/";
/// What every such name looks like.
pub const ANY: &str = "*_*_*-*.log";

/// A `Path` below `/var/log/containers`; `None`: not there, or not that simple.
pub fn path(pattern: &str) -> Option<Vec<Matching>> {
    matches(pattern.trim().strip_prefix(LOGS)?)
}

/// Whether it is a path that plain files are found by.
pub fn is_plain(pattern: &str) -> bool {
    !pattern.starts_with(LOGS) && pattern.parse::<Pattern>().is_ok()
}

/// Whether some container's log may have a path like this.
pub fn may_be_container(pattern: &str) -> bool {
    glob::intersects(pattern, &format!("{LOGS}{ANY}"))
}

/// A pattern of names of container logs; `None` where matches cannot say it.
pub fn matches(name: &str) -> Option<Vec<Matching>> {
    if name.contains(['[', ']', '{', '}', '/']) {
        return None;
    }
    let name = name.strip_suffix(".log").unwrap_or(name);
    let parts: Vec<&str> = name.split('_').collect();
    let all = Matching::all_containers;
    match parts[..] {
        [one] => one_part(one),
        [first, second] => two_parts(first, second),
        [pod, namespace, name] => {
            let placed = all().with("pod", &[pod]).with("namespace", &[namespace]);
            Some(vec![container_of(placed, name)?])
        }
        _ => None,
    }
}

/// One of the two stands for two parts: the second for namespace and container, or the first for pod and
/// namespace.
fn two_parts(first: &str, second: &str) -> Option<Vec<Matching>> {
    let in_pod = Matching::all_containers().with("pod", &[first]);
    if second == "*" {
        return Some(vec![in_pod]);
    }
    let mut found = Vec::new();
    if open(second).is_some() {
        found.push(in_pod.clone().with("namespace", &[second]));
    } else if let Some(end) = second.strip_prefix('*') {
        open(end)?;
        found.push(in_pod.clone().with("namespace", &[second]));
        found.push(in_pod.with("container", &[second]));
        return Some(found);
    } else if second.contains('*') {
        return None;
    }
    if open(first).is_some() {
        found.push(container_of(in_pod, second)?);
    } else if first.contains('*') {
        return None;
    }
    (!found.is_empty()).then_some(found)
}

/// A name without `_`: its star stands for everything behind, or before and behind.
fn one_part(one: &str) -> Option<Vec<Matching>> {
    let all = Matching::all_containers;
    if one == "*" {
        return Some(vec![all()]);
    }
    if open(one).is_some() {
        return Some(vec![all().with("pod", &[one])]);
    }
    open(one.strip_prefix('*')?)?;
    let anywhere = |key: &'static str| all().with(key, &[one]);
    Some(["pod", "namespace", "container"].map(anywhere).into())
}

/// The pattern itself, if its one star is its end.
fn open(pattern: &str) -> Option<&str> {
    let start = pattern.strip_suffix('*')?;
    (glob::is_exact(start)).then_some(pattern)
}

fn container_of(matching: Matching, pattern: &str) -> Option<Matching> {
    let names = container(pattern)?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Some(matching.with("container", &names))
}

/// `CONTAINER-ID` as patterns of containers.
fn container(pattern: &str) -> Option<Vec<String>> {
    match pattern.strip_suffix("-*") {
        // Its star may stand for more than the id.
        Some(name) if !name.is_empty() && !name.ends_with('*') => {
            Some(vec![name.to_owned(), pattern.to_owned()])
        }
        Some("") => None,
        Some(name) => Some(vec![name.to_owned()]),
        None if pattern.ends_with('*') => Some(vec![pattern.to_owned()]),
        // An id of its own, or nothing that is there.
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(pattern: &str) -> Option<Vec<String>> {
        let all = path(pattern)?;
        Some(all.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn names_of_container_logs_become_matches() {
        for (name, expected) in [
            ("*.log", vec!["source: \"container\""]),
            ("fluent-bit*", vec!["pod: \"fluent-bit*\""]),
            ("*_payments_*.log", vec!["namespace: \"payments\""]),
            (
                "api-*_pay_app-*.log",
                vec!["container: [\"app\",\"app-*\"], namespace: \"pay\", pod: \"api-*\""],
            ),
            ("*_dev*", vec!["namespace: \"dev*\"", "container: \"dev*\""]),
            ("api-0_dev*", vec!["namespace: \"dev*\", pod: \"api-0\""]),
            ("api-*_*", vec!["pod: \"api-*\""]),
            (
                "*istio*.log",
                vec![
                    "pod: \"*istio*\"",
                    "namespace: \"*istio*\"",
                    "container: \"*istio*\"",
                ],
            ),
        ] {
            let pattern = format!("/var/log/containers/{name}");
            let expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
            assert_eq!(said(&pattern), Some(expected), "{name}");
        }
        for name in [
            "[ab]*.log",
            "a_b_c_d*",
            "api-0_pay_app-c0ffee.log",
            "a*b*",
            "*_app",
        ] {
            assert_eq!(said(&format!("/var/log/containers/{name}")), None, "{name}");
        }
    }
}
