//! The chart, rendered by helm: the same as the plain manifests by default, known fields with everything
//! on, and no value that is misspelt. Where there is no helm these tests say so and pass.

use std::collections::BTreeSet;
use std::process::{Command, Output};

use logsieve::config::Config;
use serde_json::{Value, json};

use super::{assert_known, deploy, objects, of_kind, read};

/// What helm says to these words and values; none where there is no helm.
fn helm(words: &[&str], values: &[&str]) -> Option<Output> {
    let helm = std::env::var_os("HELM").unwrap_or_else(|| "helm".into());
    let mut command = Command::new(helm);
    command.args(words).arg(deploy("chart"));
    command.args(["--namespace", "logsieve", "--kube-version", "1.33.0"]);
    for value in values {
        match value.strip_prefix("json:") {
            Some(json) => command.args(["--set-json", json]),
            None => command.args(["--set", value]),
        };
    }
    match command.output() {
        Ok(output) => Some(output),
        Err(_) => {
            eprintln!("there is no helm: the chart is not rendered here");
            None
        }
    }
}

fn rendered(values: &[&str]) -> Option<Vec<Value>> {
    let mut all = vec!["region=eu-central-1", "cluster=my-cluster"];
    all.extend(values);
    let output = helm(&["template", "logsieve"], &all)?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    Some(objects(&String::from_utf8_lossy(&output.stdout)))
}

#[test]
fn the_chart_installs_what_the_manifests_do() {
    let Some(chart) = rendered(&[]) else { return };
    for (part, kinds) in [
        ("daemonset", &["DaemonSet"][..]),
        ("network", &["NetworkPolicy"]),
        (
            "rbac",
            &["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"],
        ),
        (
            "policy",
            &[
                "ValidatingAdmissionPolicy",
                "ValidatingAdmissionPolicyBinding",
            ],
        ),
    ] {
        let base = objects(&read(&format!("kustomize/base/{part}.yaml")));
        for kind in kinds {
            let (chart, base) = (of_kind(&chart, kind), of_kind(&base, kind));
            for key in ["spec", "rules", "roleRef", "subjects"] {
                let mut made = chart[key].clone();
                if let Some(labels) = made.pointer_mut("/template/metadata/labels") {
                    let labels = labels.as_object_mut().expect("labels");
                    labels.remove("helm.sh/chart");
                    labels.remove("app.kubernetes.io/managed-by");
                }
                assert_eq!(made, base[key], "{kind}: run deploy/kustomize/render.sh");
            }
        }
    }
}

#[test]
fn every_field_of_the_chart_is_one_with_everything_on() {
    let values = [
        "teams[0].name=payments,teams[0].namespaces[0]=pay-*,teams[0].filters[0]=redact",
        "config.filters.modules.redact.on_error=block",
        "config.annotations.allow[0].namespace=other",
        "filterImages[0].name=big,filterImages[0].reference=registry.example/big:1",
        "nonRoot.enabled=true,podMonitor.enabled=true,prometheusRule.enabled=true,dockerContainersPath=/var/lib/docker/containers",
        "nodeFolders[0]=/opt/app/log,config.source.files.app.include[0]=/opt/app/log/*.log",
        "config.enrich.pods.namespace_labels=true",
        "serviceAccount.annotations.role=x,podAnnotations.a=b,podLabels.c=d",
        "networkPolicy.metricsFrom[0].podSelector.matchLabels.app=prometheus",
    ];
    let Some(all) = rendered(&values) else { return };
    all.iter().for_each(assert_known);
    let role = of_kind(&all, "ClusterRole").to_string();
    assert!(
        role.contains("namespaces"),
        "namespaces are watched: {role}"
    );
    let config = of_kind(&all, "ConfigMap")["data"]["logsieve.yaml"].clone();
    let config = Config::parse(config.as_str().unwrap_or_default()).expect("it loads");
    config.resolve().expect("its parts fit each other");
    assert_eq!(config.enrich.cluster.as_deref(), Some("my-cluster"));
    let allow = &config.annotations.allow;
    assert_eq!(allow.len(), 2, "the operator's own comes first: {allow:?}");
    let filters = allow[1].filters.as_ref().expect("the team's filters");
    assert_eq!(filters.each().collect::<Vec<_>>(), ["payments/*", "redact"]);
    assert!(config.filters.teams.contains_key("payments"));
    let watched = config.enrich.pods.filter_config_maps.as_ref();
    let watched: Vec<_> = watched.expect("it is told them").each().collect();
    assert_eq!(watched, ["logsieve", "logsieve-filters-payments"]);
    let own = config.routes.first().expect("it has routes");
    assert!(own.exclude, "the agent does not follow its own log");
    let folders = &config.filters.directories;
    assert!(
        folders.iter().any(|f| f.ends_with("payments")),
        "{folders:?}"
    );
}

#[test]
fn region_and_cluster_are_all_that_has_to_be_set() {
    let Some(all) = rendered(&[]) else { return };
    all.iter().for_each(assert_known);
    let Some(output) = helm(&["lint"], &["region=r", "cluster=c"]) else {
        return;
    };
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

#[test]
fn the_kubelet_source_asks_for_its_own_right_and_no_other() {
    let Some(all) = rendered(&["config.enrich.pods.source=kubelet"]) else {
        return;
    };
    all.iter().for_each(assert_known);
    let rules = of_kind(&all, "ClusterRole")["rules"].clone();
    assert_eq!(
        rules,
        json!([
            { "apiGroups": [""], "resources": ["nodes/pods"], "verbs": ["get"] },
            { "apiGroups": [""], "resources": ["events"], "verbs": ["create"] },
        ])
    );
    let container = of_kind(&all, "DaemonSet")["spec"]["template"]["spec"]["containers"][0].clone();
    let environment = container["env"].as_array().expect("it has variables");
    let ip = environment.iter().find(|e| e["name"] == "NODE_IP");
    let field = ip.and_then(|e| e.pointer("/valueFrom/fieldRef/fieldPath"));
    assert_eq!(field, Some(&json!("status.hostIP")));
    let egress = of_kind(&all, "NetworkPolicy")["spec"]["egress"].to_string();
    assert!(egress.contains("10250"), "{egress}");
}

/// Misspelt, of a wrong kind, or what cannot be: each alone, among values that are right.
const WRONG: [&str; 27] = [
    "regoin=x",
    "region=",
    "cluster=",
    "config.routs=x",
    "config.lanes=0",
    "config.routes=x",
    "config.budget.bytes=1",
    "config.drain=soon",
    "config=null",
    "teams=null",
    "teams[0].nam=x",
    "teams[0].name=Payments",
    "teams[0].name=a,teams[0].namespaces=x",
    "teams[0].configMaps[0]=x",
    "filterImages[0].name=x",
    "image.digest=sha256:abc",
    "image.pullPolicy=Sometimes",
    "serviceAccount.annotations=x",
    "nonRoot.enabled=perhaps",
    "stateHostPath=relative",
    "nodeFolders[0]=opt/log",
    "terminationGracePeriodSeconds=1",
    "networkPolicy.metricsFrom=x",
    "podMonitor.intervall=30s",
    "prometheusRule.label=x",
    "fastFilters=sometimes",
    "tolerations=x",
];

#[test]
fn values_that_are_wrong_are_refused() {
    for wrong in WRONG {
        let Some(output) = helm(&["template", "logsieve"], &["region=r", "cluster=c", wrong])
        else {
            return;
        };
        assert!(!output.status.success(), "`{wrong}` was taken");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            said.contains("values don't meet the specifications"),
            "`{wrong}`: {said}"
        );
    }
}

/// What the pod would not start or end well with, or would do without a word, and words of the way out.
const BREAKS_THE_POD: [(&str, &str); 13] = [
    ("config.drain=1m", "make it 65"),
    ("config.drain=29s 500ms 600ms", "make it 36"),
    ("terminationGracePeriodSeconds=25", "make it 30"),
    ("config.telemetry.listen=null", "`[::]:9880`"),
    ("config.telemetry.listen=[::]:9990", "`[::]:9880`"),
    ("config.telemetry.listen=127.0.0.1:9880", "`[::]:9880`"),
    ("config.state=/var/lib/other", "`stateHostPath`"),
    ("config.routes=null", "leave it out"),
    ("config.enrich.pods.source=off", "`fastFilters: false`"),
    // As YAML reads `off`.
    ("config.enrich.pods.source=false", "`fastFilters: false`"),
    (
        "fastFilters=false,config.enrich.pods.source=off,teams[0].name=a,teams[0].namespaces[0]=a",
        "or choose `auto`",
    ),
    (
        "fastFilters=false,config.enrich.pods.source=off,config.annotations.allow[0].namespace=a",
        "or choose `auto`",
    ),
    (
        "fastFilters=false,config.enrich.pods.source=off,config.routes[0].match.labels.a=b",
        "or choose `auto`",
    ),
];

#[test]
fn values_that_break_the_pod_are_refused_with_the_way_out() {
    for (wrong, way_out) in BREAKS_THE_POD {
        let values = ["region=r", "cluster=c", wrong];
        let Some(output) = helm(&["template", "logsieve"], &values) else {
            return;
        };
        assert!(!output.status.success(), "`{wrong}` was taken");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(way_out), "`{wrong}`: {said}");
    }
}

#[test]
fn values_at_the_edge_of_what_breaks_the_pod_are_taken() {
    for right in [
        "config.drain=1m 30s,terminationGracePeriodSeconds=91",
        "config.drain=500ms,terminationGracePeriodSeconds=5",
        "config.telemetry.listen=[::]:9880",
        "config.telemetry.listen=0.0.0.0:9880",
        "config.telemetry.log.level=warn",
        "config.state=/var/lib/logsieve,stateHostPath=/mnt/logsieve",
        "config.enrich.pods=null",
    ] {
        let Some(all) = rendered(&[right]) else {
            return;
        };
        all.iter().for_each(assert_known);
    }
}

#[test]
fn an_agent_that_asks_nothing_of_the_api_server_has_no_right_there() {
    for off in ["off", "false"] {
        let off = format!("fastFilters=false,config.enrich.pods.source={off}");
        let Some(all) = rendered(&[&off]) else { return };
        all.iter().for_each(assert_known);
        let kinds = all.iter().filter_map(|o| o["kind"].as_str());
        let kinds: BTreeSet<&str> = kinds.collect();
        let expected = ["ConfigMap", "DaemonSet", "NetworkPolicy", "ServiceAccount"];
        assert_eq!(kinds, BTreeSet::from(expected));
        let config = of_kind(&all, "ConfigMap")["data"]["logsieve.yaml"].clone();
        let config = Config::parse(config.as_str().unwrap_or_default()).expect("it loads");
        config.resolve().expect("its parts fit each other");
        assert!(!config.enrich.pods.is_on(true));
    }
}

#[test]
fn without_uid_0_no_container_of_the_pod_needs_it_where_the_folder_is_made_beforehand() {
    let pod = |more: &str| {
        let all = rendered(&["nonRoot.enabled=true", more])?;
        Some(of_kind(&all, "DaemonSet")["spec"]["template"]["spec"].clone())
    };
    let Some(with) = pod("ownLog=false") else {
        return;
    };
    assert_eq!(with["initContainers"][0]["securityContext"]["runAsUser"], 0);
    let without = pod("nonRoot.initImage=").expect("there is helm");
    assert_eq!(without.get("initContainers"), None);
    for pod in [with, without] {
        assert_eq!(pod["securityContext"]["runAsUser"], 65532);
        let context = &pod["containers"][0]["securityContext"];
        assert_eq!(context["runAsNonRoot"], true);
    }
}

#[test]
fn without_fast_filters_the_agent_may_write_nothing_but_events() {
    let Some(all) = rendered(&["fastFilters=false,teams[0].name=pay"]) else {
        return;
    };
    let kinds: Vec<&str> = all.iter().filter_map(|o| o["kind"].as_str()).collect();
    for kind in ["Role", "RoleBinding", "ValidatingAdmissionPolicy"] {
        assert!(!kinds.contains(&kind), "{kind}");
    }
    let config = of_kind(&all, "ConfigMap")["data"]["logsieve.yaml"].clone();
    assert!(
        !config.to_string().contains("filter_config_maps"),
        "{config}"
    );
}

/// What the agent mounts with these values at this path; none where there is no helm.
fn mounts(values: &[&str], path: &str) -> Option<Vec<Value>> {
    let all = rendered(values)?;
    all.iter().for_each(assert_known);
    let pod = &of_kind(&all, "DaemonSet")["spec"]["template"]["spec"];
    let mounts = pod["containers"][0]["volumeMounts"].as_array()?;
    let at_path = mounts.iter().filter(|m| m["mountPath"] == path);
    Some(at_path.cloned().collect())
}

#[test]
fn the_journal_is_mounted_read_only_and_only_where_it_is_read() {
    let path = "/run/log/journal";
    let Some(without) = mounts(&[], path) else {
        return;
    };
    assert_eq!(without, Vec::<Value>::new());
    // As it is by default (`journal: {}`), and otherwise.
    for values in [
        "json:config.source.journal={}",
        "config.source.journal.start=1h",
    ] {
        let with = mounts(&[values], path);
        let mount = json!({ "name": "journal", "mountPath": path, "readOnly": true });
        assert_eq!(with, Some(vec![mount]), "{values}");
    }
}

#[test]
fn folders_of_the_node_are_mounted_read_only_under_their_own_paths() {
    let path = "/opt/app/log";
    let Some(without) = mounts(&[], path) else {
        return;
    };
    assert_eq!(without, Vec::<Value>::new());
    let with = mounts(&["nodeFolders[0]=/opt/app/log"], path);
    let mount = json!({ "name": "node-0", "mountPath": path, "readOnly": true });
    assert_eq!(with, Some(vec![mount]));
}

#[test]
fn an_image_of_filters_has_not_the_name_of_a_team() {
    let both = "teams[0].name=a,filterImages[0].name=a,filterImages[0].reference=r";
    let values = ["region=r", "cluster=c", both];
    let Some(output) = helm(&["template", "logsieve"], &values) else {
        return;
    };
    assert!(!output.status.success(), "two volumes at one path");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("`a` is a team's name"), "{said}");
}
