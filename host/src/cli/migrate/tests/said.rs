//! What is said of all that is not carried over: each setting, each key of a chart's values, each
//! document, with where records go instead.

use super::*;

/// The notes of a configuration in the classic format, and its destinations by name.
fn told(text: &str) -> (Vec<String>, String) {
    let sections = classic::read(text, "f.conf", &|_: &str| Vec::new()).unwrap();
    let plan = plan::Plan::of(sections);
    let destinations = config(&plan).destinations.into_keys().collect();
    (destinations, notes(&plan))
}

fn of_yaml(text: &str) -> plan::Plan {
    plan::Plan::of(yaml::read(text, "f.yaml", &|_: &str| Vec::new()).unwrap())
}

fn assert_said(said: &str, expected: &[&str]) {
    for note in expected {
        assert!(said.contains(note), "{note}\n{said}");
    }
}

const INPUT: &str = "[INPUT]\nName tail\nTag a.*\nPath /var/log/containers/*.log\n";
const OUTPUT: &str = "[OUTPUT]\nName cloudwatch_logs\nMatch *\n";

#[test]
fn inputs_that_begin_in_other_places_are_told() {
    let more = "[INPUT]\nName tail\nTag b.*\nPath /var/log/containers/b-*.log\nRead_from_Head On\n";
    let text = |more: &str| format!("{INPUT}{more}{OUTPUT}log_group_name g\n");
    for more in [
        more.to_owned(),
        format!("{more}{INPUT}Read_from_Head Off\n"),
    ] {
        let sections = classic::read(&text(&more), "f.conf", &|_: &str| Vec::new()).unwrap();
        let plan = plan::Plan::of(sections);
        let start = config(&plan).source.container_log.start;
        assert_eq!(format!("{start:?}"), "Beginning");
        let lost = "f.conf:1: `Read_from_Head Off`: not carried over: the inputs differ";
        assert_said(&notes(&plan), &[lost]);
    }
    let (_, said) = told(&text(""));
    assert!(!said.contains("Read_from_Head"), "{said}");
}

#[test]
fn a_grace_that_the_chart_has_no_time_for_is_told() {
    let (_, said) = told(&format!(
        "[SERVICE]\nGrace 30\n{INPUT}{OUTPUT}log_group_name g\n"
    ));
    assert_said(
        &said,
        &[
            "f.conf:2: `Grace 30`: note: `drain` stays 25 s",
            "value to 35",
        ],
    );
    for variant in ["container-insights", "cloudwatch-observability-addon"] {
        let plan = plan(&format!("{variant}/fluent-bit.conf"));
        assert_eq!(config(&plan).drain.as_secs(), 25);
        assert_said(&notes(&plan), &["`Grace 30`: note"]);
    }
}

#[test]
fn a_level_that_would_hide_failed_requests_is_raised() {
    let plan = plan("container-insights/fluent-bit.conf");
    let level = config(&plan).telemetry.log.level;
    assert_eq!(level, crate::telemetry::logs::Level::Warn);
    assert_said(
        &notes(&plan),
        &["`Log_Level error`: note: `telemetry.log.level` is `warn`"],
    );
}

#[test]
fn a_group_that_cannot_be_named_is_told_with_where_records_go() {
    let to_default = "records go to `/logsieve/{k8s.namespace.name}` now";
    for (lines, name, expected) in [
        ("log_group_name ${GROUP}\n", "main", to_default),
        ("log_group_name /g-$(tag)\n", "main", to_default),
        (
            "log_group_template /eks/$tag\nlog_group_name /fallback\n",
            "fallback",
            "records go to `/fallback` now",
        ),
        (
            "log_group_template /eks/$tag\nlog_group_name /g/${GROUP}\n",
            "main",
            to_default,
        ),
        (
            "log_group_name g\nlog_stream_name ${X}\n",
            "g",
            "streams are called `a.var.log.containers.",
        ),
        (
            "log_group_name g\nlog_stream_template $x\nlog_stream_name s\n",
            "g",
            "streams are called `s` now",
        ),
    ] {
        let (destinations, said) = told(&format!("{INPUT}{OUTPUT}{lines}"));
        assert_eq!(destinations, [name], "{lines}");
        assert_said(&said, &[expected, "not carried over"]);
    }
}

#[test]
fn parsers_that_join_lines_are_told_but_for_those_of_the_runtimes() {
    let text = format!(
        "{INPUT}multiline.parser docker, cri, java, shop\n[FILTER]\nName multiline\nmultiline.parser go\n\
         {OUTPUT}log_group_name g\n"
    );
    let (_, said) = told(&text);
    assert_said(
        &said,
        &[
            "f.conf:5: `multiline.parser docker, cri`: note",
            "f.conf:5: `multiline.parser java`: not carried over: the ready filter `multiline` with \
             `traces: [java]`",
            "f.conf:5: `multiline.parser shop`: not carried over: the ready filter `multiline` with a `start`",
            "`[FILTER] multiline`: not carried over: the ready filter `multiline` with `traces: [go]`",
        ],
    );
}

#[test]
fn nothing_at_the_top_of_fluent_bits_yaml_is_passed_over() {
    let text = "
env: { GROUP: shop, LEVEL: debug }
includes: [more.yaml, gone.yaml]
parsers: [{ name: mine, format: json }]
multiline_parsers: [{ name: trace, type: regex }]
service: { log_level: '${LEVEL}' }
odd: [7]
pipeline:
  inputs: [{ name: tail, tag: 'a.*', path: '/var/log/containers/*.log' }]
";
    let more = "pipeline: { outputs: [{ name: cloudwatch_logs, match: '*', log_group_name: '/${GROUP}' }] }";
    let open = |name: &str| match name {
        "more.yaml" => vec![(name.to_owned(), more.to_owned())],
        _ => Vec::new(),
    };
    let plan = plan::Plan::of(yaml::read(text, "f.yaml", &open).unwrap());
    let config = config(&plan);
    assert!(config.destinations.contains_key("shop"), "{config:?}");
    assert_eq!(
        config.telemetry.log.level,
        crate::telemetry::logs::Level::Debug
    );
    assert_said(
        &notes(&plan),
        &[
            "f.yaml: includes: `gone.yaml`: not carried over",
            "f.yaml: parsers[0]: `[PARSER] mine`: not carried over",
            "f.yaml: multiline_parsers[0]: `[MULTILINE_PARSER] trace`: not carried over",
            "f.yaml: odd[0]: `7`: not carried over",
        ],
    );
}

#[test]
fn every_value_of_the_chart_is_taken_or_named() {
    let plan = of_yaml(
        "
service: { extraParsers: \"[PARSER]\\n  Name logfmt\\n  Format logfmt\\n\", odd: 1 }
filter: { keepLog: false }
cloudWatchLogs:
  logGroupName: /g/${TEAM}
  metricNamespace: Shop
  metricDimensions: a,b
  stsEndpoint: https://sts.example
  odd: { x: 1 }
serviceAccount: { create: true, annotations: { eks.amazonaws.com/role-arn: 'arn:aws:iam::1:role/logs' } }
env: [{ name: TEAM, value: shop }]
tolerations: [{ operator: Exists }]
hostNetwork: true
luaScripts: { a.lua: x }
affinity: {}
s3: { enabled: false, bucket: b }
",
    );
    let written = plan.yaml().unwrap();
    assert!(written.contains("log_group: /g/shop"), "{written}");
    assert!(written.contains("keep_log: false"), "{written}");
    let said = notes(&plan);
    assert_said(
        &said,
        &[
            "service.extraParsers:1: `[PARSER] logfmt`: not carried over",
            "service.odd: `odd: 1`: not carried over",
            "cloudWatchLogs.metricNamespace: `metric_namespace Shop`: not carried over",
            "cloudWatchLogs.metricDimensions: `metric_dimensions a,b`: not carried over",
            "cloudWatchLogs.stsEndpoint: `sts_endpoint https://sts.example`: note",
            "cloudWatchLogs.odd: `odd: {\"x\":1}`: not carried over",
            "the role of the agent's pods, which sends: it goes to the value `serviceAccount.annotations`",
            "env: `env: [{",
            "it goes to the value `tolerations`",
            "`hostNetwork: true`: not carried over",
            "`luaScripts: {\"a.lua\":\"x\"}`: not carried over",
        ],
    );
    assert!(!said.contains("affinity") && !said.contains("s3"), "{said}");
}

#[test]
fn the_charts_own_defaults_lose_only_what_its_filter_cannot() {
    let plan = plan("aws-for-fluent-bit-chart-0.2.0/values.yaml");
    let lost = plan.notes.iter().filter(|n| n.is_lost);
    let lost: Vec<String> = lost.map(ToString::to_string).collect();
    assert_eq!(lost.len(), 2, "{lost:#?}");
    assert!(lost[0].contains("K8S-Logging.Parser") || lost[1].contains("K8S-Logging.Parser"));
}

#[test]
fn all_documents_of_a_manifest_are_read() {
    let map = std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../tests/migrate/configs/container-insights/configmap.yaml"),
    )
    .unwrap();
    let alone = of_yaml(&map);
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: { name: logs }\n";
    let other = "kind: ConfigMap\nmetadata: { name: info }\ndata: { cluster.name: shop }\n";
    let plan = of_yaml(&format!("{namespace}---\n{map}\n---\n{other}"));
    assert_eq!(config(&plan), config(&alone));
    assert_said(
        &notes(&plan),
        &["`Namespace logs`: note", "`ConfigMap info`: note"],
    );
    let none = yaml::read(namespace, "f.yaml", &|_: &str| Vec::new()).unwrap_err();
    assert!(none.to_string().contains("nor a ConfigMap"), "{none}");
}

#[test]
fn a_configuration_of_which_nothing_is_left_still_has_its_reasons() {
    let sections = classic::read(
        "[INPUT]\nName systemd\n[OUTPUT]\nName cloudwatch_logs\nMatch *\n",
        "f.conf",
        &|_: &str| Vec::new(),
    );
    let plan = plan::Plan::of(sections.unwrap());
    let error = checked(&plan).unwrap_err();
    assert!(error.to_string().contains("no output is left"), "{error}");
    assert_said(
        &notes(&plan),
        &["`[INPUT] systemd`: not carried over", "none of the inputs"],
    );
}
