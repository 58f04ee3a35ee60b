//! The lab of `deploy/README.md`, as far as it can be typed without AWS and a cluster: what it tells helm
//! renders, step on step, and gives what the lab says; what it tells sed leaves no placeholder; Terraform
//! reads its files. Where there is no helm or no Terraform, a test says so and passes.

use std::fs;
use std::process::Command;

use logsieve::config::Config;

use super::{assert_known, deploy, objects, of_kind, read};

/// Its command lines, continued ones joined.
fn commands() -> Vec<String> {
    let text = read("README.md").replace("\\\n", " ");
    let typed = text.lines().filter_map(|line| line.strip_prefix("    "));
    typed.map(|line| line.trim().to_owned()).collect()
}

/// The file that it tells people to write.
fn values() -> String {
    let text = read("README.md");
    let (_, rest) = text
        .split_once("cat > values.yaml <<'YAML'\n")
        .expect("it is told");
    let (values, _) = rest.split_once("    YAML\n").expect("it ends");
    values
        .lines()
        .map(|line| format!("{}\n", &line[4..]))
        .collect()
}

/// What all its calls of helm together say of the chart.
fn told_to_helm(commands: &[String]) -> String {
    let is_one = |c: &&String| c.starts_with("helm install ") || c.starts_with("helm upgrade ");
    let all: Vec<&String> = commands.iter().filter(is_one).collect();
    assert_eq!(all.len(), 3, "{all:?}");
    let told = all.into_iter().map(|command| {
        let (_, told) = command.split_once(" deploy/chart ").expect("the chart");
        told.replace("--create-namespace", "")
            .replace("--reuse-values", "")
    });
    told.collect::<Vec<_>>().join(" ")
}

#[test]
fn what_the_lab_tells_helm_gives_a_team_its_redaction() {
    let folder = tempfile::tempdir().expect("a folder of our own");
    fs::write(folder.path().join("values.yaml"), values()).expect("it is ours");
    let helm = std::env::var("HELM").unwrap_or_else(|_| "helm".into());
    let told = told_to_helm(&commands());
    let chart = deploy("chart").canonicalize().expect("it is in the tree");
    let line = format!(
        "{helm} template logsieve {} --kube-version 1.33.0 {told}",
        chart.display()
    );
    let mut shell = Command::new("sh");
    shell.args(["-c", &line]).current_dir(folder.path());
    shell.envs([
        ("CLUSTER", "lab"),
        ("AWS_REGION", "eu-west-1"),
        ("REGISTRY", "r"),
    ]);
    let output = shell.output().expect("there is a shell");
    if output.status.code() == Some(127) {
        eprintln!("there is no helm: the lab is not tried here");
        return;
    }
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {said}");
    let all = objects(&String::from_utf8_lossy(&output.stdout));
    all.iter().for_each(assert_known);
    let pod = &of_kind(&all, "DaemonSet")["spec"]["template"]["spec"];
    assert_eq!(pod["containers"][0]["image"], "r/logsieve:0.1.0");
    let config = of_kind(&all, "ConfigMap")["data"]["logsieve.yaml"].clone();
    let config = Config::parse(config.as_str().unwrap_or_default()).expect("it loads");
    config.resolve().expect("its parts fit each other");
    assert_eq!(config.enrich.cluster.as_deref(), Some("lab"));
    let settings = &config.filters.modules["redact"].settings;
    assert_eq!(settings["card_keeps_last_four"], true);
    let allow = config.annotations.allow.last().expect("the team's");
    let filters = allow.filters.as_ref().expect("the team's filters");
    assert_eq!(filters.each().collect::<Vec<_>>(), ["team-a/*", "redact"]);
}

#[test]
fn what_the_lab_tells_sed_leaves_no_placeholder() {
    let commands = commands();
    let mut tried = 0;
    for command in commands.iter().filter(|c| c.starts_with("sed ")) {
        // The files are the repository's; what is written goes to nobody.
        let (command, _) = command.split_once(" > ").expect("it is written to a file");
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).current_dir(deploy(".."));
        shell.envs([
            ("ACCOUNT", "1"),
            ("CLUSTER", "lab"),
            ("PROVIDER", "oidc/id/1"),
        ]);
        let output = shell.output().expect("there is a shell");
        let made = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str::<serde_json::Value>(&made).expect("it is JSON");
        for placeholder in ["ACCOUNT", "CLUSTER", "OIDC_PROVIDER"] {
            assert!(!made.contains(placeholder), "{command}: {made}");
        }
        tried += 1;
    }
    assert_eq!(tried, 2);
}

#[test]
fn every_role_that_the_lab_makes_is_given_its_rights() {
    let commands = commands();
    let at = |start: &str| -> Vec<usize> {
        let all = commands.iter().enumerate();
        all.filter(|(_, command)| command.starts_with(start))
            .map(|(at, _)| at)
            .collect()
    };
    let (made, given) = (at("aws iam create-role "), at("aws iam put-role-policy "));
    let next: Vec<usize> = made.iter().map(|at| at + 1).collect();
    assert_eq!((given, made.len()), (next, 2), "{commands:?}");
}

#[test]
fn the_command_is_on_the_path_before_the_lab_calls_it() {
    let commands = commands();
    let first = |start: &str| {
        let at = commands.iter().position(|c| c.starts_with(start));
        at.unwrap_or_else(|| panic!("`{start}` is not told"))
    };
    let build = first("cargo build --release && export PATH=$PWD/target/release:$PATH");
    assert!(build < first("logsieve "));
}

/// Its syntax and its form: for more it needs the providers, which come from its registry.
#[test]
fn terraform_reads_what_is_there_for_it() {
    let mut terraform = Command::new("terraform");
    terraform.args(["fmt", "-check", "-diff", "-no-color"]);
    let Ok(output) = terraform.arg(deploy("terraform")).output() else {
        eprintln!("there is no terraform: its files are not read here");
        return;
    };
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&said)
    );
}
