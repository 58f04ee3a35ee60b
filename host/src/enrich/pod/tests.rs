//! What becomes of a pod's object: facts by their names, bounded however much its authors write, and
//! the uid of its log path.

use serde_json::{Value, json};

use super::*;

fn keep(annotations: &str, matched: &[&str]) -> Keep {
    Keep {
        annotations: Globs::One(annotations.into()),
        matched: matched.iter().map(|m| (*m).to_owned()).collect(),
    }
}

fn pod(metadata: Value, keep: &Keep) -> Pod {
    let mut object = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "api-0", "namespace": "payments", "uid": "u-1" },
        "spec": {
            "containers": [{ "name": "app", "image": "registry:5000/pay/api:1.2@sha256:ab" }],
            "initContainers": [{ "name": "init", "image": "busybox" }],
        },
        "status": { "phase": "Running", "containerStatuses": [] },
    });
    let into = object["metadata"].as_object_mut().unwrap();
    into.extend(metadata.as_object().unwrap().clone());
    Pod::of(&serde_json::from_value(object).unwrap(), keep).unwrap()
}

fn facts(pod: &Pod, container: &str) -> Facts {
    let mut facts = Facts::new();
    pod.add_facts(container, &mut facts);
    facts
}

#[test]
fn facts_have_their_opentelemetry_names() {
    let pod = pod(
        json!({
            "labels": { "app": "api", "pod-template-hash": "7d9" },
            "annotations": { "team/contact": "pay@example.org" },
            "ownerReferences": [{ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "api-7d9",
                                  "uid": "r", "controller": true }],
        }),
        &keep("*", &[]),
    );
    let facts = facts(&pod, "app");
    for (name, value) in [
        ("k8s.pod.uid", "u-1"),
        ("k8s.pod.label.app", "api"),
        ("k8s.pod.annotation.team/contact", "pay@example.org"),
        ("k8s.replicaset.name", "api-7d9"),
        ("k8s.deployment.name", "api"),
        ("container.image.name", "registry:5000/pay/api"),
        ("container.image.tags", "1.2"),
    ] {
        assert_eq!(facts.get(name).map(String::as_str), Some(value), "{name}");
    }
}

#[test]
fn an_annotation_for_a_container_that_the_pod_does_not_have_is_found() {
    let stray = |annotation: &str| {
        let pod = pod(
            json!({ "annotations": { annotation: "redact" } }),
            &keep("", &[]),
        );
        facts(&pod, "app").remove(STRAY_ANNOTATION)
    };
    for right in [
        "logsieve.dev/filters",
        "app.logsieve.dev/filters",
        "init.logsieve.dev/filters",
        "notlogsieve.dev/filters",
    ] {
        assert_eq!(stray(right), None);
    }
    for wrong in ["apq.logsieve.dev/filters", "a.app.logsieve.dev/filters"] {
        assert_eq!(stray(wrong).as_deref(), Some(wrong));
    }
}

#[test]
fn a_pod_that_was_started_tells_its_address_and_what_it_runs() {
    let object = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "api-0", "namespace": "payments", "uid": "u-1" },
        "spec": { "containers": [{ "name": "app", "image": "api" }, { "name": "next", "image": "next:2" }] },
        "status": {
            "podIP": "10.0.3.7",
            "containerStatuses": [
                { "name": "app", "image": "docker.io/library/api:latest", "imageID": "docker.io/library/api@sha256:ab" },
                { "name": "next", "image": "", "imageID": "" },
            ],
        },
    });
    let pod = Pod::of(&serde_json::from_value(object).unwrap(), &keep("", &[])).unwrap();
    let app = facts(&pod, "app");
    assert_eq!(app["k8s.pod.ip"], "10.0.3.7");
    assert_eq!(app["container.image.name"], "docker.io/library/api");
    assert_eq!(app["container.image.tags"], "latest");
    assert_eq!(app["container.image.id"], "docker.io/library/api@sha256:ab");
    let next = facts(&pod, "next");
    assert_eq!(next["container.image.name"], "next");
    assert!(!next.contains_key("container.image.id"));
}

#[test]
fn a_job_of_a_cron_job_names_both() {
    let owner = |name: &str| {
        let owner = json!({ "apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": "j",
                            "controller": true });
        pod(json!({ "ownerReferences": [owner] }), &keep("*", &[]))
    };
    let cron = facts(&owner("backup-29384756"), "app");
    assert_eq!(cron["k8s.cronjob.name"], "backup");
    assert_eq!(cron["k8s.job.name"], "backup-29384756");
    assert!(!facts(&owner("backup-once"), "app").contains_key("k8s.cronjob.name"));
}

#[test]
fn a_static_pod_is_known_by_the_hash_in_its_log_path() {
    let annotations = json!({ CONFIG_HASH: "c0ffee", CONFIG_MIRROR: "c0ffee" });
    let mirror = pod(json!({ "annotations": annotations }), &keep("", &[]));
    assert_eq!(
        (mirror.folder.as_str(), mirror.uid.as_str()),
        ("payments_api-0_c0ffee", "u-1")
    );
    let no_mirror = pod(
        json!({ "annotations": { CONFIG_HASH: "c0ffee" } }),
        &keep("", &[]),
    );
    assert_eq!(no_mirror.folder, "payments_api-0_u-1");
}

#[test]
fn long_annotations_become_facts_only_where_something_depends_on_them() {
    let long = "x".repeat(VALUE_BYTES_MAX + 1);
    let annotations = json!({
        "long": long, "matched": long, "logsieve.dev/filters": long,
        "app.logsieve.dev/filters": long, LAST_APPLIED: "{}", "short": "y",
    });
    let pod = pod(
        json!({ "annotations": annotations }),
        &keep("*", &["matched"]),
    );
    let facts = facts(&pod, "app");
    let has = |name: &str| facts.contains_key(&format!("k8s.pod.annotation.{name}"));
    for (name, kept) in [
        ("long", false),
        ("matched", true),
        ("logsieve.dev/filters", true),
        ("app.logsieve.dev/filters", true),
        (LAST_APPLIED, false),
        ("short", true),
    ] {
        assert_eq!(has(name), kept, "{name}");
    }
}

#[test]
fn what_is_kept_of_one_pod_is_bounded() {
    let many: BTreeMap<String, String> = (0..1000)
        .map(|n| (format!("note-{n:04}"), "x".repeat(VALUE_BYTES_MAX)))
        .collect();
    let pod = pod(json!({ "annotations": many }), &keep("*", &[]));
    let facts = facts(&pod, "app");
    let bytes: usize = facts.iter().map(|(k, v)| k.len() + v.len()).sum();
    assert!(bytes < 2 * FACTS_BYTES_MAX, "{bytes}");
}
