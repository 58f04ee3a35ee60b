//! The alerts: Prometheus rules to the last field, over metrics that there are, each with a word on what
//! to do.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;
use serde_json::Value;

use super::{deploy, read};

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Rules {
    groups: Vec<Group>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Group {
    name: String,
    rules: Vec<Alert>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Alert {
    alert: String,
    expr: String,
    #[serde(default, rename = "for")]
    holds_for: Option<String>,
    labels: Labels,
    annotations: Annotations,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Labels {
    severity: Severity,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Severity {
    Critical,
    Warning,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Annotations {
    summary: String,
    description: String,
}

fn alerts() -> Rules {
    serde_saphyr::from_str(&read("chart/alerts.yaml")).expect("rules of Prometheus")
}

/// Fails unless the chart's object holds the rules of the file.
pub fn assert_known(object: &Value) {
    assert_eq!(object["apiVersion"], "monitoring.coreos.com/v1");
    let rules: Rules = serde_json::from_value(object["spec"].clone()).expect("rules");
    assert_eq!(rules, alerts());
}

#[test]
fn every_alert_looks_at_metrics_that_there_are() {
    let group = &alerts().groups[0];
    let mut names = BTreeSet::new();
    for alert in &group.rules {
        assert!(names.insert(&alert.alert), "{} is there twice", alert.alert);
        let used = used(&alert.expr);
        assert!(!used.is_empty(), "{}", alert.alert);
        for name in used {
            assert!(is_there(name), "{}: {name}", alert.alert);
        }
    }
}

/// Whether `/metrics` has it.
fn is_there(name: &str) -> bool {
    let ends = ["_total", "_count"];
    let documented = ends.iter().find_map(|end| name.strip_suffix(end));
    let row = format!("| `{}` |", documented.unwrap_or(name));
    read("METRICS.md").contains(&row)
}

#[test]
fn documents_name_no_metric_that_there_is_not() {
    let filters = std::fs::read_dir(deploy("../filters")).expect("there are filters");
    let filters = filters.map(|entry| entry.expect("it is one").path());
    let mut documents: Vec<_> = filters.map(|folder| folder.join("README.md")).collect();
    documents.extend(["README.md", "../README.md", "../filters/README.md"].map(deploy));
    let mut seen = 0;
    for document in documents {
        // `common` has none.
        let Ok(text) = std::fs::read_to_string(&document) else {
            continue;
        };
        // The crate that filters are written with.
        for name in used(&text).into_iter().filter(|n| *n != "logsieve_filter") {
            assert!(is_there(name), "{}: {name}", document.display());
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen}");
}

/// The metrics of an expression.
fn used(expr: &str) -> BTreeSet<&str> {
    let words = expr.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("logsieve_")).collect()
}

/// The beginning of a series is no increase; what goes on is seen by the next one.
#[test]
fn what_is_counted_once_is_told_though_its_series_begins_with_it() {
    let group = &alerts().groups[0];
    let once = |a: &&Alert| a.expr.contains("increase(") && a.holds_for.is_none();
    let mut seen = 0;
    for alert in group.rules.iter().filter(once) {
        for name in used(&alert.expr) {
            let new = format!("unless {name} offset 15m");
            assert!(alert.expr.contains(&new), "{}: {name}", alert.alert);
            seen += 1;
        }
    }
    assert!(seen > 5, "{seen}");
}

/// Runs Prometheus' own tool, where it is on the path or named by the variable PROMTOOL.
fn promtool(words: &[&str], file: &Path) {
    let promtool = std::env::var_os("PROMTOOL").unwrap_or_else(|| "promtool".into());
    let Ok(output) = Command::new(promtool).args(words).arg(file).output() else {
        eprintln!("there is no promtool: the alerts are checked by our own means alone");
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
}

#[test]
fn prometheus_own_tool_takes_the_alerts() {
    promtool(
        &["check", "rules", "--lint-fatal"],
        &deploy("chart/alerts.yaml"),
    );
}

#[test]
fn alerts_fire_for_an_agent_that_is_not_well_and_for_no_other() {
    let folder = tempfile::tempdir().expect("a folder of our own");
    let rules = deploy("chart/alerts.yaml")
        .canonicalize()
        .expect("it is in the tree");
    let cases = include_str!("alerts.test.yaml").replace("RULES", &rules.display().to_string());
    let file = folder.path().join("alerts.test.yaml");
    std::fs::write(&file, cases).expect("the folder is ours");
    promtool(&["test", "rules"], &file);
}
