//! The plain manifests: known fields, few rights, few privileges, configurations that load; and the IAM
//! policies beside them.

use clap::CommandFactory as _;
use logsieve::cli::Cli;
use logsieve::config::Config;
use serde_json::{Value, json};

use super::{assert_known, objects, of_kind, read};

const PARTS: [&str; 5] = ["namespace", "rbac", "policy", "daemonset", "network"];

fn base() -> Vec<Value> {
    let part = |part: &&str| objects(&read(&format!("kustomize/base/{part}.yaml")));
    PARTS.iter().flat_map(part).collect()
}

#[test]
fn every_field_of_the_manifests_is_one() {
    base().iter().for_each(assert_known);
}

#[test]
fn the_agent_asks_for_no_right_that_it_does_not_use() {
    let all = base();
    assert_eq!(
        of_kind(&all, "ClusterRole")["rules"],
        json!([
            { "apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"] },
            { "apiGroups": [""], "resources": ["events"], "verbs": ["create"] },
        ])
    );
    let own = of_kind(&all, "Role");
    assert_eq!(own["metadata"]["namespace"], "logsieve");
    assert_eq!(
        own["rules"],
        json!([
            { "apiGroups": [""], "resources": ["configmaps"], "verbs": ["list", "watch"] },
            { "apiGroups": [""], "resources": ["pods"], "verbs": ["patch"] },
        ])
    );
}

#[test]
fn the_agent_runs_without_capabilities_on_a_root_that_it_cannot_write() {
    let all = base();
    let pod = &of_kind(&all, "DaemonSet")["spec"]["template"]["spec"];
    assert_eq!(
        pod["securityContext"]["seccompProfile"]["type"],
        "RuntimeDefault"
    );
    assert_eq!(pod["securityContext"]["runAsUser"], 0);
    let container = &pod["containers"][0];
    let context = &container["securityContext"];
    assert_eq!(context["capabilities"], json!({ "drop": ["ALL"] }));
    assert_eq!(context["readOnlyRootFilesystem"], true);
    assert_eq!(context["allowPrivilegeEscalation"], false);
    for key in ["hostNetwork", "hostPID", "hostIPC"] {
        assert!(pod.get(key).is_none(), "{key}");
    }
    let mounts = container["volumeMounts"].as_array().expect("it has mounts");
    let writable = mounts.iter().filter(|m| m["readOnly"] != true);
    let writable: Vec<_> = writable.map(|m| m["mountPath"].clone()).collect();
    assert_eq!(writable, [json!("/var/lib/logsieve")]);
}

/// So that `logsieve check` needs no `--config` in the agent's pod.
#[test]
fn commands_in_the_agents_pod_find_its_configuration_by_themselves() {
    let all = base();
    let pod = &of_kind(&all, "DaemonSet")["spec"]["template"]["spec"];
    let args = &pod["containers"][0]["args"];
    let cli = Cli::command();
    for command in ["run", "check"] {
        let command = cli.find_subcommand(command).expect("it is a command");
        let config = command.get_arguments().find(|a| a.get_id() == "config");
        let default = &config.expect("it has one").get_default_values()[0];
        assert_eq!(*args, json!(["run", "--config", default.to_str()]));
    }
}

/// Whether a node with these labels, beside those of a stock one, gets a pod of the agent.
fn runs_on(pod: &Value, labels: &[(&str, &str)]) -> bool {
    let stock = [
        ("kubernetes.io/os", "linux"),
        ("kubernetes.io/arch", "amd64"),
    ];
    let of_node = |key: &Value| {
        let all = labels.iter().chain(&stock);
        all.clone()
            .find(|label| *key == label.0)
            .map(|label| label.1)
    };
    let place =
        "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
    let terms = pod.pointer(place).and_then(Value::as_array).expect("terms");
    terms.iter().any(|term| {
        let wanted = term["matchExpressions"].as_array().expect("expressions");
        wanted.iter().all(|one| {
            let values = one["values"].as_array().expect("values");
            let has = of_node(&one["key"]).is_some_and(|has| values.contains(&json!(has)));
            match one["operator"].as_str() {
                Some("In") => has,
                Some("NotIn") => !has,
                other => panic!("what is {other:?}? teach this test"),
            }
        })
    })
}

#[test]
fn no_node_gets_a_pod_that_cannot_run_there() {
    let all = base();
    let pod = &of_kind(&all, "DaemonSet")["spec"]["template"]["spec"];
    assert!(runs_on(pod, &[]));
    assert!(runs_on(pod, &[("kubernetes.io/arch", "arm64")]));
    assert!(runs_on(pod, &[("eks.amazonaws.com/compute-type", "auto")]));
    for label in [
        ("kubernetes.io/os", "windows"),
        ("kubernetes.io/arch", "s390x"),
        ("eks.amazonaws.com/compute-type", "fargate"),
    ] {
        assert!(!runs_on(pod, &[label]), "{label:?}");
    }
}

#[test]
fn credentials_can_be_had_on_nodes_of_ipv4_and_of_ipv6() {
    let all = base();
    let egress = of_kind(&all, "NetworkPolicy")["spec"]["egress"].to_string();
    // EC2's metadata and EKS Pod Identity, each by both.
    for address in [
        "169.254.169.254/32",
        "fd00:ec2::254/128",
        "169.254.170.23/32",
        "fd00:ec2::23/128",
    ] {
        assert!(egress.contains(address), "{address}");
    }
}

#[test]
fn a_stop_gets_longer_than_the_agent_takes() {
    let all = base();
    let pod = &of_kind(&all, "DaemonSet")["spec"]["template"]["spec"];
    let config = Config::parse(&read("kustomize/base/logsieve.yaml")).expect("it loads");
    let grace = pod["terminationGracePeriodSeconds"]
        .as_u64()
        .expect("it is a number");
    assert!(config.drain.as_secs() < grace);
}

#[test]
fn the_configurations_that_are_shipped_load() {
    for path in [
        "kustomize/base/logsieve.yaml",
        "kustomize/example/logsieve.yaml",
    ] {
        let config = Config::parse(&read(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
        config.resolve().unwrap_or_else(|e| panic!("{path}: {e}"));
    }
}

#[test]
fn the_iam_policy_allows_three_actions_on_the_clusters_groups() {
    let policy: Value = serde_json::from_str(&read("iam/policy.json")).expect("it is JSON");
    let statements = policy["Statement"].as_array().expect("it has statements");
    let mut actions: Vec<&str> = Vec::new();
    for statement in statements {
        let resource = statement["Resource"].as_str().unwrap_or_default();
        assert!(
            resource.contains("log-group:/aws/eks/CLUSTER/*"),
            "{resource}"
        );
        actions.extend(
            statement["Action"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str),
        );
    }
    actions.sort_unstable();
    assert_eq!(
        actions,
        [
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:PutLogEvents"
        ]
    );
}

#[test]
fn nobody_may_take_the_role_but_the_agents_service_account() {
    let all = base();
    let account = &of_kind(&all, "ServiceAccount")["metadata"];
    let text = |key: &str| account[key].as_str().expect("it is there");
    let (namespace, name) = (text("namespace"), text("name"));
    let asked = |trust: &str| {
        let policy: Value = serde_json::from_str(&read(trust)).expect("it is JSON");
        assert_eq!(policy["Statement"].as_array().map(Vec::len), Some(1));
        policy["Statement"][0]["Condition"]["StringEquals"].clone()
    };
    assert_eq!(
        asked("iam/trust-irsa.json"),
        json!({
            "OIDC_PROVIDER:sub": format!("system:serviceaccount:{namespace}:{name}"),
            "OIDC_PROVIDER:aud": "sts.amazonaws.com",
        })
    );
    assert_eq!(
        asked("iam/trust-pod-identity.json"),
        json!({
            "aws:RequestTag/kubernetes-namespace": namespace,
            "aws:RequestTag/kubernetes-service-account": name,
        })
    );
}

#[test]
fn the_overlay_builds_and_keeps_what_the_base_has() {
    let built = std::process::Command::new("kubectl")
        .arg("kustomize")
        .arg(super::deploy("kustomize/example"))
        .output();
    let Ok(built) = built else {
        eprintln!("there is no kubectl: the overlay is not built here");
        return;
    };
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    let all = objects(&String::from_utf8_lossy(&built.stdout));
    all.iter().for_each(assert_known);
    let pod = &of_kind(&all, "DaemonSet")["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    let environment = container["env"].as_array().expect("it has an environment");
    let value = |name: &str| environment.iter().find(|e| e["name"] == name).cloned();
    assert_eq!(
        value("AWS_REGION").expect("it is set")["value"],
        "eu-west-1"
    );
    assert!(value("NODE_NAME").is_some(), "the base's variables stay");
    let map = of_kind(&all, "ConfigMap");
    assert_eq!(
        map["metadata"]["name"], "logsieve",
        "the DaemonSet mounts it by this name"
    );
}
