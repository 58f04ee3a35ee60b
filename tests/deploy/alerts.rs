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
    let documented = read("METRICS.md");
    let metrics: BTreeSet<_> = documented
        .lines()
        .filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0))
        .collect();
    let group = &alerts().groups[0];
    let mut names = BTreeSet::new();
    for alert in &group.rules {
        assert!(names.insert(&alert.alert), "{} is there twice", alert.alert);
        let words = alert
            .expr
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let used: Vec<_> = words.filter(|word| word.starts_with("logsieve_")).collect();
        assert!(!used.is_empty(), "{}", alert.alert);
        for name in used {
            let documented = name.strip_suffix("_total").unwrap_or(name);
            assert!(metrics.contains(documented), "{}: {name}", alert.alert);
        }
    }
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
