//! The public default configurations of Fluent Bit on EKS (`tests/migrate/configs`, with their sources
//! and licences), and what each becomes: where every container's records go, and what is said of
//! the rest.

mod said;
mod ways;

use std::path::Path;

use super::*;
use crate::record::{Container, Facts};
use crate::route::{Decision, PodState};
use crate::sink::Destination;
use crate::sink::cloudwatch::{self, Preset, group};

fn plan(path: &str) -> plan::Plan {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/migrate/configs");
    plan::Plan::of(read(&configs.join(path)).unwrap())
}

fn config(plan: &plan::Plan) -> Config {
    let yaml = plan.yaml().unwrap();
    let config = Config::parse(&yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    config
        .resolve()
        .unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    config
}

fn facts(pairs: &[(&str, &str)]) -> Facts {
    pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

/// Group and stream of a container, or why it has none.
fn way(
    config: &Config,
    namespace: &str,
    pod: &str,
    annotation: &str,
) -> Result<(String, String), Box<Decision>> {
    let container = Container {
        namespace: namespace.into(),
        pod: pod.into(),
        pod_uid: "u".into(),
        name: "app".into(),
        facts: facts(&[
            ("k8s.namespace.name", namespace),
            ("k8s.pod.name", pod),
            ("k8s.container.name", "app"),
            ("k8s.cluster.name", "shop"),
            ("k8s.node.name", "node-1"),
            ("container.id", "c0ffee"),
            ("k8s.pod.annotation.fluentbit.io/exclude", annotation),
        ]),
    };
    let table = config.resolve().unwrap().table;
    match table.decide(&container, PodState::Known) {
        Decision::Take(taken) => {
            let names = table.names(taken.destination, &container.facts);
            Ok((names.group, names.stream))
        }
        other => Err(Box::new(other)),
    }
}

fn notes(plan: &plan::Plan) -> String {
    plan.notes.iter().map(|n| format!("{n}\n")).collect()
}

#[test]
fn the_charts_defaults_go_to_the_same_groups_and_streams() {
    let conf = plan("aws-for-fluent-bit-chart-0.2.0/fluent-bit.conf");
    let values = plan("aws-for-fluent-bit-chart-0.2.0/values.yaml");
    let map = plan("aws-for-fluent-bit-chart-0.2.0/configmap.yaml");
    assert_eq!(
        config(&conf),
        config(&values),
        "the file and the values say the same"
    );
    assert_eq!(
        config(&conf),
        config(&map),
        "the file and its ConfigMap say the same"
    );
    let config = config(&conf);
    let stream = "fluentbit-kube.var.log.containers.api-0_pay_app-c0ffee.log";
    let group = "/aws/eks/fluentbit-cloudwatch/logs";
    let expected = Ok((group.to_owned(), stream.to_owned()));
    assert_eq!(way(&config, "pay", "api-0", "false"), expected);
    assert_eq!(
        way(&config, "pay", "api-0", "true"),
        Err(Box::new(Decision::Skip))
    );
}

#[test]
fn the_charts_templates_become_templates() {
    let plan = plan("aws-for-fluent-bit-chart-0.2.0-templates/fluent-bit.conf");
    let group = "/aws/eks/fluentbit-cloudwatch/workload/pay".to_owned();
    let expected = Ok((group, "api-0.app".to_owned()));
    assert_eq!(way(&config(&plan), "pay", "api-0", ""), expected);
}

#[test]
fn the_workshops_configuration_is_carried_over() {
    let plan = plan("eks-workshop/fluent-bit.conf");
    let (group, _) = way(&config(&plan), "ui", "ui-1", "").unwrap();
    assert!(
        group.starts_with("/aws/eks/eks-workshop/aws-fluentbit-logs-"),
        "{group}"
    );
}

#[test]
fn container_insights_sends_each_pod_where_it_went() {
    for variant in ["container-insights", "cloudwatch-observability-addon"] {
        let plan = plan(&format!("{variant}/fluent-bit.conf"));
        let config = config(&plan);
        let group = |pod: &str| way(&config, "kube-system", pod, "").map(|(group, _)| group);
        let application = Ok("/aws/containerinsights/shop/application".to_owned());
        assert_eq!(group("api-0"), application, "{variant}");
        assert_eq!(group("fluent-bit-x"), application, "{variant}");
        let dataplane = Ok("/aws/containerinsights/shop/dataplane".to_owned());
        assert_eq!(group("aws-node-x"), dataplane, "{variant}");
        let (_, stream) = way(&config, "pay", "api-0", "").unwrap();
        assert_eq!(
            stream,
            "node-1-application.var.log.containers.api-0_pay_app-c0ffee.log"
        );
    }
}

#[test]
fn what_has_no_counterpart_is_said_with_its_place() {
    let notes = notes(&plan("container-insights/fluent-bit.conf"));
    for said in [
        "dataplane-log.conf:1: `[INPUT] systemd`: not carried over: the journal is read by `source.journal`; see deploy/node-logs.example.yaml",
        "application-log.conf:44: `K8S-Logging.Parser On`: not carried over",
        "host-log.conf:50: `[OUTPUT] Match host.*`: not carried over",
        "fluent-bit.conf:2: `Flush 5`: note",
    ] {
        assert!(notes.contains(said), "{said}\n{notes}");
    }
    assert!(
        !notes.contains("auto_create_group"),
        "what is carried over needs no word:\n{notes}"
    );
}

#[test]
fn every_setting_is_carried_over_or_named() {
    let text = "[INPUT]\n Name tail\n Tag a.*\n Path /var/log/containers/*.log\n Odd_Key 7\n\
                [OUTPUT]\n Name cloudwatch_logs\n Match *\n log_group_name g\n Odd_Too yes\n";
    let sections = classic::read(text, "f.conf", &|_: &str| Vec::new()).unwrap();
    let notes = notes(&plan::Plan::of(sections));
    assert!(
        notes.contains("f.conf:5: `Odd_Key 7`: not carried over"),
        "{notes}"
    );
    assert!(
        notes.contains("f.conf:10: `Odd_Too yes`: not carried over"),
        "{notes}"
    );
}

/// What `[SERVICE]` of these lines comes to.
fn service(lines: &str) -> (Config, String) {
    let text = format!(
        "[SERVICE]\n{lines}[INPUT]\n Name tail\n Tag a.*\n Path /var/log/containers/*.log\n Parser docker\n \
         Docker_Mode On\n[OUTPUT]\n Name cloudwatch_logs\n Match *\n log_group_name /a/${{CLUSTER_NAME}}\n"
    );
    let sections = classic::read(&text, "f.conf", &|_: &str| Vec::new()).unwrap();
    let plan = plan::Plan::of(sections);
    (config(&plan), notes(&plan))
}

#[test]
fn whatever_a_service_says_comes_to_a_configuration_that_works() {
    use crate::telemetry::logs::Level;
    for (level, grace, expected) in [
        ("off", "29", Level::Warn),
        ("Error", "5", Level::Warn),
        ("warning", "5", Level::Warn),
        ("info", "5", Level::Info),
        ("TRACE", "5", Level::Debug),
        ("${LEVEL}", "${GRACE}", Level::Info),
    ] {
        let (config, notes) = service(&format!(" Log_Level {level}\n Grace {grace}\n"));
        assert_eq!(config.telemetry.log.level, expected, "{level}");
        let is_other = ["off", "Error", "${LEVEL}"].contains(&level);
        assert_eq!(notes.contains("f.conf:2"), is_other, "{notes}");
        assert_eq!(notes.contains("f.conf:3"), grace.contains('$'), "{notes}");
        assert!(!notes.contains("not carried over"), "{notes}");
        assert!(notes.contains("`enrich.cluster`"), "{notes}");
    }
}

/// The one destination of a configuration with these further lines in its `[OUTPUT]`, and the notes.
fn output(lines: &str) -> (cloudwatch::Config, String) {
    let text = format!(
        "[INPUT]\nName tail\nTag a.*\nPath /var/log/containers/*.log\n\
         [OUTPUT]\nName cloudwatch_logs\nMatch *\nlog_group_name g\n{lines}"
    );
    let sections = classic::read(&text, "f.conf", &|_: &str| Vec::new()).unwrap();
    let plan = plan::Plan::of(sections);
    let mut destinations = config(&plan).destinations.into_values();
    match destinations.next() {
        Some(Destination::Cloudwatch(found)) => (*found, notes(&plan)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn role_and_gifts_of_new_groups_are_carried_over() {
    let (to, said) = output(
        "auto_create_group On\nlog_retention_days 30\nlog_group_class INFREQUENT_ACCESS\n\
         new_log_group_tags team=shop, cost=some words\n\
         role_arn arn:aws:iam::123456789012:role/logs\nexternal_id secret\nlog_format json/emf\n",
    );
    let role = to.role.clone().unwrap();
    assert_eq!(role.arn, "arn:aws:iam::123456789012:role/logs");
    assert_eq!(role.external_id.as_deref(), Some("secret"));
    let tags = [("team", "shop"), ("cost", "some words")];
    let expected = group::Config {
        log_groups: true,
        retention_days: Some(30),
        log_group_class: group::Class::InfrequentAccess,
        kms_key: None,
        tags: tags.map(|(k, v)| (k.into(), v.into())).into(),
    };
    assert_eq!(to.create, expected);
    assert!(to.emf);
    for key in ["log_retention_days", "role_arn", "tags", "log_format"] {
        assert!(
            !said.contains(key),
            "what is carried over needs no word:\n{said}"
        );
    }
}

#[test]
fn groups_are_created_only_where_fluent_bit_did() {
    assert!(!output("").0.create.log_groups, "its default is not to");
    assert!(!output("auto_create_group false\n").0.create.log_groups);
    let (to, _) = output("auto_create_group true\nlog_retention_days 0\n");
    assert_eq!(to.create, group::Config::default(), "0 is for ever");
}

#[test]
fn an_output_says_what_of_it_stays_behind() {
    let (to, said) = output(
        "log_retention_days some\nnew_log_group_tags team\nlog_format xml\n\
         sts_endpoint https://sts.example\nprofile logs\n",
    );
    assert!(to.create.tags.is_empty() && to.create.retention_days.is_none() && !to.emf);
    for note in [
        "`log_retention_days some`: not carried over",
        "`new_log_group_tags team`: not carried over",
        "`log_format xml`: not carried over",
        "`sts_endpoint https://sts.example`: note: the environment of the agent's pod says it",
        "`profile logs`: note: the environment of the agent's pod says it",
    ] {
        assert!(said.contains(note), "{note}\n{said}");
    }
}

#[test]
fn fluent_bits_own_yaml_says_the_same_as_its_classic_format() {
    let yaml = "pipeline:\n  inputs:\n    - { name: tail, tag: 'a.*', path: '/var/log/containers/*.log' }\n  \
                outputs:\n    - { name: cloudwatch_logs, match: 'a.*', log_group_name: g, region: r }\n";
    let classic = "[INPUT]\nName tail\nTag a.*\nPath /var/log/containers/*.log\n\
                   [OUTPUT]\nName cloudwatch_logs\nMatch a.*\nlog_group_name g\nregion r\n";
    let from_yaml = plan::Plan::of(yaml::read(yaml, "f.yaml", &|_: &str| Vec::new()).unwrap());
    let sections = classic::read(classic, "f.conf", &|_: &str| Vec::new()).unwrap();
    assert_eq!(config(&from_yaml), config(&plan::Plan::of(sections)));
}

#[test]
fn accessors_become_templates_or_are_named() {
    let fine = names::template("/a/$kubernetes['labels']['app']/${CLUSTER_NAME}").unwrap();
    assert_eq!(fine, "/a/{k8s.pod.label.app}/{k8s.cluster.name}");
    assert_eq!(
        names::template("$(kubernetes['pod_name'])").unwrap(),
        "{k8s.pod.name}"
    );
    assert_eq!(names::template("a-$other['x']").unwrap_err(), "$other['x']");
    assert_eq!(names::template("{x}").unwrap(), "{{x}}");
}

/// The presets are held to recordings of Fluent Bit; what is migrated is held to the presets.
#[test]
fn what_is_migrated_sends_what_the_recorded_presets_send() {
    for (path, preset) in [
        ("aws-for-fluent-bit-chart-0.2.0", Preset::AwsForFluentBit),
        ("container-insights", Preset::ContainerInsights),
        (
            "cloudwatch-observability-addon",
            Preset::CloudwatchObservability,
        ),
    ] {
        let config = config(&plan(&format!("{path}/fluent-bit.conf")));
        let same_group = |d: &&Destination| match d {
            Destination::Cloudwatch(c) => c.log_group() == preset.log_group(),
            _ => false,
        };
        let found = config.destinations.values().find(same_group);
        let Some(Destination::Cloudwatch(found)) = found else {
            panic!("{path}: no destination has the preset's group");
        };
        assert_eq!(found.log_stream(), preset.log_stream(), "{path}");
        assert_eq!(found.format(), preset.format(), "{path}");
        assert_eq!(found.entity(), preset.entity(), "{path}");
    }
}

/// What AWS' own documentation has for hosts with log files, and a `tail` of them beside container logs.
#[test]
fn plain_files_go_where_they_went() {
    let text = "
[INPUT]
    Name tail
    Tag host.messages
    Path /var/log/messages, /var/log/syslog
    Parser syslog
    Read_from_Head Off
[INPUT]
    Name tail
    Tag dataplane.*
    Path /var/log/aws-routed-eni/*.log
    Exclude_Path /var/log/aws-routed-eni/ebpf*
    Read_from_Head On
[INPUT]
    Name tail
    Tag application.*
    Path /var/log/containers/*.log
[OUTPUT]
    Name cloudwatch_logs
    Match host.*
    region eu-central-1
    log_group_name /aws/containerinsights/${CLUSTER_NAME}/host
    log_stream_prefix ${HOST_NAME}.
[OUTPUT]
    Name cloudwatch_logs
    Match *
    region eu-central-1
    log_group_name /all
    log_stream_prefix x-
";
    let sections = classic::read(text, "fluent-bit.conf", &|_| unreachable!()).unwrap();
    let plan = plan::Plan::of(sections);
    let config = config(&plan);
    assert_eq!(config.source.files.len(), 2);
    let ways = |path: &str| {
        let mut facts = facts(&[("k8s.cluster.name", "shop"), ("k8s.node.name", "node-1")]);
        let container = crate::source::files::describe(&facts, &format!("files:{path}"));
        facts.clone_from(&container.facts);
        let table = config.resolve().unwrap().table;
        let Decision::Take(taken) = table.decide(&container, PodState::Known) else {
            panic!("{path} goes nowhere");
        };
        let mut all: Vec<_> = std::iter::once(taken.destination)
            .chain(taken.also)
            .map(|to| table.names(to, &facts))
            .map(|names| format!("{} {}", names.group, names.stream))
            .collect();
        all.sort();
        all
    };
    assert_eq!(
        ways("/var/log/messages"),
        [
            "/all x-host.messages",
            "/aws/containerinsights/shop/host node-1.host.messages"
        ]
    );
    assert_eq!(ways("/var/log/aws-routed-eni/ipamd.log").len(), 1);
    assert_eq!(way(&config, "pay", "api-0", "").unwrap().0, "/all");
    let said = notes(&plan);
    assert!(said.contains("`Parser syslog`: not carried over"), "{said}");
}
