//! Where records go whose containers several inputs read, several outputs take, or pods leave out
//! themselves: what Fluent Bit sends somewhere is sent there, and nothing goes elsewhere.

use super::*;

/// What a configuration in the classic format comes to.
fn migrated(text: &str) -> (Config, String) {
    let sections = classic::read(text, "f.conf", &|_: &str| Vec::new()).unwrap();
    let plan = plan::Plan::of(sections);
    (config(&plan), notes(&plan))
}

fn input(tag: &str, lines: &str) -> String {
    format!("[INPUT]\nName tail\nTag {tag}\n{lines}\n")
}

/// An output with a group of this name.
fn output(group: &str, lines: &str) -> String {
    format!("[OUTPUT]\nName cloudwatch_logs\nlog_group_name {group}\n{lines}\n")
}

const LOGS: &str = "Path /var/log/containers";

/// Group and stream of all destinations of a container, sorted.
fn ways_of(config: &Config, place: &str, annotations: &[(&str, &str)]) -> Vec<String> {
    let [namespace, pod, name] = place.split('/').collect::<Vec<_>>()[..] else {
        panic!("{place}: not NAMESPACE/POD/CONTAINER");
    };
    let mut container = Container {
        namespace: namespace.into(),
        pod: pod.into(),
        pod_uid: "u".into(),
        name: name.into(),
        facts: facts(&[
            ("k8s.namespace.name", namespace),
            ("k8s.pod.name", pod),
            ("k8s.container.name", name),
            ("container.id", "c0ffee"),
        ]),
    };
    for (key, value) in annotations {
        let key = format!("k8s.pod.annotation.fluentbit.io/{key}");
        container.facts.insert(key, (*value).to_owned());
    }
    ways(config, &container)
}

fn ways(config: &Config, container: &Container) -> Vec<String> {
    let table = config.resolve().unwrap().table;
    let Decision::Take(taken) = table.decide(container, PodState::Known) else {
        return Vec::new();
    };
    let all = std::iter::once(taken.destination).chain(taken.also);
    let mut all: Vec<_> = all
        .map(|to| table.names(to, &container.facts))
        .map(|names| format!("{} {}", names.group, names.stream))
        .collect();
    all.sort();
    all
}

fn groups(config: &Config, place: &str) -> Vec<String> {
    let ways = ways_of(config, place, &[]);
    let group = |way: &String| way.split(' ').next().unwrap_or_default().to_owned();
    ways.iter().map(group).collect()
}

#[test]
fn a_container_that_two_inputs_read_goes_to_the_outputs_of_both() {
    for order in [[0, 1], [1, 0]] {
        let inputs = [
            input("pay.*", &format!("{LOGS}/*_payments_*.log")),
            input("kube.*", &format!("{LOGS}/*.log")),
        ];
        let text = [
            inputs[order[0]].clone(),
            inputs[order[1]].clone(),
            output("pay", "Match pay.*"),
            output("all", "Match kube.*"),
        ];
        let (config, said) = migrated(&text.concat());
        assert_eq!(groups(&config, "payments/api-0/app"), ["all", "pay"]);
        assert_eq!(groups(&config, "shop/api-0/app"), ["all"]);
        assert_eq!(config.routes.len(), 2, "the broad one serves both: {said}");
        assert!(config.routes[0].also);
        assert!(!said.contains("not carried over"), "{said}");
    }
}

#[test]
fn what_one_input_leaves_out_another_may_still_read() {
    let text = [
        input(
            "pay.*",
            &format!(
                "{LOGS}/*_payments_*.log\nExclude_Path /var/log/containers/debug-*_payments_*.log, \
                 *_payments_proxy-*.log, *.gz"
            ),
        ),
        input("kube.*", &format!("{LOGS}/*.log")),
        output("pay", "Match pay.*"),
        output("all", "Match kube.*"),
    ];
    let (config, said) = migrated(&text.concat());
    assert_eq!(groups(&config, "payments/api-0/app"), ["all", "pay"]);
    assert_eq!(groups(&config, "payments/debug-0/app"), ["all"]);
    assert_eq!(groups(&config, "payments/api-0/proxy"), ["all"]);
    assert!(!said.contains("not carried over"), "{said}");
    assert!(said.contains("`Exclude_Path *.gz`: note"), "{said}");
}

#[test]
fn inputs_that_overlap_in_part_both_get_what_they_share() {
    let text = [
        input("api.*", &format!("{LOGS}/api-*_*.log")),
        input("pay.*", &format!("{LOGS}/*_payments_*.log")),
        output("api", "Match api.*"),
        output("pay", "Match pay.*"),
    ];
    let (config, said) = migrated(&text.concat());
    assert_eq!(groups(&config, "payments/api-0/app"), ["api", "pay"]);
    assert_eq!(groups(&config, "shop/api-0/app"), ["api"]);
    assert_eq!(groups(&config, "payments/db-0/app"), ["pay"]);
    assert!(groups(&config, "shop/db-0/app").is_empty());
    assert!(!said.contains("not carried over"), "{said}");
    let text = text.concat().replace("api-*_*.log", "*_*ments_*.log");
    let text = text.replace("*_payments_*.log", "*_pay*_*.log");
    let (_, said) = migrated(&text);
    assert!(
        said.contains("routes: `namespace: \"*ments\" / namespace: \"pay*\"`: not carried over"),
        "what cannot be told apart is said: {said}"
    );
}

#[test]
fn one_output_of_two_inputs_names_streams_after_each_tag() {
    let text = [
        input("api.*", &format!("{LOGS}/api-*.log")),
        input("kube.*", &format!("{LOGS}/*.log")),
        output("all", "Match *\nlog_stream_prefix x-"),
    ];
    let (config, _) = migrated(&text.concat());
    let stream = |tag: &str| format!("all x-{tag}.var.log.containers.api-0_pay_app-c0ffee.log");
    assert_eq!(
        ways_of(&config, "pay/api-0/app", &[]),
        [stream("api"), stream("kube")]
    );
    assert_eq!(ways_of(&config, "pay/db-0/app", &[]).len(), 1);
    let text = text.concat().replace("prefix", "name");
    let (config, said) = migrated(&text);
    assert_eq!(ways_of(&config, "pay/api-0/app", &[]), ["all x-"]);
    assert!(
        said.contains("several inputs read it for one output"),
        "{said}"
    );
}

#[test]
fn a_pattern_of_tags_takes_the_containers_that_it_names() {
    let text = [
        input("kube.*", &format!("{LOGS}/*.log")),
        output("all", "Match kube.*"),
        output("pay", "Match kube.*_payments_*"),
        output("api", "Match kube.var.log.containers.api-*"),
        output("none", "Match host.*"),
    ];
    let (config, said) = migrated(&text.concat());
    assert_eq!(groups(&config, "payments/api-0/app"), ["all", "api", "pay"]);
    assert_eq!(groups(&config, "payments/db-0/app"), ["all", "pay"]);
    assert_eq!(groups(&config, "shop/api-0/app"), ["all", "api"]);
    assert_eq!(groups(&config, "shop/db-0/app"), ["all"]);
    assert_eq!(said.matches("not carried over").count(), 1, "{said}");
    assert!(said.contains("`[OUTPUT] Match host.*`: not"), "{said}");
    let (_, said) = migrated(&text.concat().replace("*_payments_*", "*x*y*z*"));
    assert!(
        said.contains("cannot be told by pod, namespace or container"),
        "{said}"
    );
}

#[test]
fn a_regex_of_tags_is_carried_over_or_its_output_is_left_out() {
    let text = [
        input("a.*", &format!("{LOGS}/a-*.log")),
        input("b.*", &format!("{LOGS}/b-*.log")),
        input("c.*", &format!("{LOGS}/c-*.log")),
        output("c", "Match c.*"),
        output("ab", "Match_Regex (a|b).*"),
        output("odd", "Match_Regex ^[ab]\\.\\w+"),
    ];
    let (config, said) = migrated(&text.concat());
    assert_eq!(groups(&config, "pay/a-0/app"), ["ab"]);
    assert_eq!(groups(&config, "pay/b-0/app"), ["ab"]);
    assert_eq!(groups(&config, "pay/c-0/app"), ["c"]);
    assert!(!config.destinations.contains_key("odd"));
    assert_eq!(said.matches("not carried over").count(), 1, "{said}");
    assert!(
        said.contains("`[OUTPUT] Match_Regex ^[ab]\\.\\w+`: not"),
        "{said}"
    );
}

const KUBERNETES: &str = "[FILTER]\nName kubernetes\nMatch kube.*\nK8S-Logging.Exclude On\n";

#[test]
fn pods_leave_themselves_out_as_they_did_and_what_they_cannot_is_said() {
    let text = [
        input(
            "kube.*",
            &format!("{LOGS}/*_pay_app-*.log, /var/log/containers/*_shop_*.log"),
        ),
        KUBERNETES.into(),
        output("all", "Match kube.*"),
    ];
    let (config, said) = migrated(&text.concat());
    let goes = |place: &str, key: &str, value: &str| {
        let ways = ways_of(&config, place, &[(key, value)]);
        !ways.is_empty()
    };
    for value in ["true", "True", "on", "yes"] {
        assert!(!goes("pay/api-0/app", "exclude", value), "{value}");
        assert!(!goes("shop/api-0/web", "exclude", value), "{value}");
    }
    assert!(goes("pay/api-0/app", "exclude", "false"));
    assert!(!goes("pay/api-0/app", "exclude-app", "true"));
    assert!(goes("pay/api-0/app-2", "exclude-app", "true"));
    assert!(
        goes("shop/api-0/web", "exclude-web", "true"),
        "no `Path` names it"
    );
    assert!(goes("pay/api-0/app", "exclude_stderr", "true"));
    let lost = "f.conf:8: `fluentbit.io/exclude[_STREAM][-CONTAINER]`: not carried over";
    assert!(said.contains(lost), "{said}");
    assert!(!said.contains("as values"), "{said}");
}

#[test]
fn only_inputs_that_pass_the_filter_can_be_left() {
    let text = [
        input("kube.*", &format!("{LOGS}/*.log")),
        input("pay.*", &format!("{LOGS}/*_pay_*.log")),
        KUBERNETES.into(),
        output("all", "Match kube.*"),
        output("pay", "Match pay.*"),
    ];
    let (config, _) = migrated(&text.concat());
    let left = [("exclude", "true")];
    assert_eq!(groups(&config, "pay/api-0/app"), ["all", "pay"]);
    assert_eq!(ways_of(&config, "pay/api-0/app", &left).len(), 1);
    assert!(ways_of(&config, "pay/api-0/app", &left)[0].starts_with("pay "));
    assert!(ways_of(&config, "shop/api-0/app", &left).is_empty());
}

#[test]
fn files_that_no_output_takes_do_not_go_where_containers_go() {
    let text = [
        input("host.*", "Path /var/log/messages"),
        input("kube.*", &format!("{LOGS}/*.log")),
        output("all", "Match kube.*"),
    ];
    let (config, said) = migrated(&text.concat());
    let file = |path: &str| {
        let all = facts(&[("k8s.node.name", "node-1")]);
        crate::source::files::describe(&all, &format!("files:{path}"))
    };
    assert!(ways(&config, &file("/var/log/messages")).is_empty());
    assert_eq!(groups(&config, "pay/api-0/app"), ["all"]);
    assert!(
        said.contains("f.conf:1: `[INPUT] Tag host.*`: note"),
        "{said}"
    );
}
