//! Facts of pods, from an API server's watch to log streams, routes and chains: what changes at once,
//! what waits, and what an API server on a bad day cannot spoil.

use std::fs;

use serde_json::json;
use support::kubernetes::pod;

use crate::cluster::{CARD, Cluster, EVERYTHING, NODE, SELF_SERVICE, labelled};
use crate::node::{CREDENTIALS, Node, a_while, until};

#[test]
fn records_carry_what_the_api_tells_of_their_pod() {
    let mut cluster = Cluster::new(EVERYTHING, "");
    cluster.pod("p1", "api", json!({}));
    cluster
        .api
        .put("pods", pod("other-node", "team-a", "elsewhere", "u"));
    let _container = cluster.container("p1", "first");
    cluster.start();
    cluster.until_stream_has("api/api", &["first"]);
}

#[test]
fn a_changed_label_reaches_new_records() {
    let mut cluster = Cluster::new(EVERYTHING, "");
    cluster.pod("p1", "api", json!({}));
    let mut container = cluster.container("p1", "first");
    cluster.start();
    cluster.until_stream_has("api/api", &["first"]);
    cluster.pod("p1", "web", json!({}));
    until("a record goes by the new label", || {
        container.print("later");
        !cluster.stream("api/web").is_empty()
    });
}

#[test]
fn a_container_waits_for_its_pods_facts_and_then_goes_by_its_path() {
    let mut cluster = Cluster::new(EVERYTHING, "");
    let _known_late = cluster.container("late", "late");
    let _never_known = cluster.container("never", "never");
    cluster.start();
    cluster.pod("late", "api", json!({}));
    cluster.until_stream_has("api/api", &["late"]);
    cluster.until_stream_has("none/none", &["never"]);
}

#[test]
fn where_annotations_may_add_filters_nothing_leaves_before_the_pod_is_known() {
    let mut cluster = Cluster::new(EVERYTHING, SELF_SERVICE);
    let _container = cluster.container("p1", CARD);
    cluster.start();
    // Longer than containers wait elsewhere.
    std::thread::sleep(std::time::Duration::from_secs(4));
    cluster.nothing_arrived();
    cluster.pod("p1", "api", json!({ "logsieve.dev/filters": "redact" }));
    until("the record arrives", || {
        !cluster.stream("api/api").is_empty()
    });
    let texts = cluster.stream("api/api");
    assert!(!texts[0].contains("4111111111111111"), "{texts:?}");
}

#[test]
fn an_annotation_turns_a_filter_on_and_off_for_new_records() {
    let mut cluster = Cluster::new(EVERYTHING, SELF_SERVICE);
    cluster.pod("p1", "api", json!({}));
    let mut container = cluster.container("p1", CARD);
    cluster.start();
    cluster.until_stream_has("api/api", &[CARD]);
    let mut last_is = |cluster: &Cluster, plain: bool| {
        until("a record shows it", || {
            container.print(CARD);
            let texts = cluster.stream("api/api");
            texts.last().is_some_and(|text| (text == CARD) == plain)
        });
    };
    cluster.pod("p1", "api", json!({ "app.logsieve.dev/filters": "redact" }));
    last_is(&cluster, false);
    cluster.pod("p1", "api", json!({}));
    last_is(&cluster, true);
}

#[test]
fn a_wrong_annotation_becomes_an_event_and_its_container_waits() {
    let mut cluster = Cluster::new(EVERYTHING, SELF_SERVICE);
    cluster.pod("p1", "api", json!({ "logsieve.dev/filters": "redcat" }));
    let _container = cluster.container("p1", CARD);
    cluster.start();
    until("an Event is written", || {
        !cluster.api.all("events").is_empty()
    });
    cluster.nothing_arrived();
    let events = cluster.api.all("events");
    assert_eq!(events[0]["involvedObject"]["name"], "p1");
    assert_eq!(events[0]["involvedObject"]["uid"], "p1");
    let message = events[0]["message"].as_str().unwrap_or_default();
    assert!(
        message.contains("`redcat`") && message.contains("`redact`"),
        "{message}"
    );
    cluster.pod("p1", "api", json!({ "logsieve.dev/filters": "redact" }));
    until("the record arrives", || {
        !cluster.stream("api/api").is_empty()
    });
    assert!(
        !cluster.stream("api/api")[0].contains("4111"),
        "it was redacted"
    );
    assert_eq!(cluster.api.all("events").len(), 1, "the same is told once");
}

#[test]
fn an_annotation_chooses_another_destination() {
    let mut cluster = Cluster::new(EVERYTHING, SELF_SERVICE);
    cluster.pod("p1", "api", json!({ "logsieve.dev/route": "audit" }));
    let _container = cluster.container("p1", "first");
    cluster.start();
    let audit = ("/audit/team-a".to_owned(), "api/api".to_owned());
    until("it arrives there", || {
        cluster.node.fake.stream_names() == [audit.clone()]
    });
}

#[test]
fn what_a_label_excludes_is_passed_over_until_the_label_changes() {
    let routes = "[{ match: { labels: { app: quiet } }, exclude: true }, { destination: main }]";
    let mut cluster = Cluster::new(routes, "");
    cluster.pod("p1", "quiet", json!({}));
    cluster.pod("p2", "api", json!({}));
    let mut container = cluster.container("p1", "not for us");
    let _other = cluster.container("p2", "for us");
    cluster.start();
    cluster.until_stream_has("api/api", &["for us"]);
    container.print("nor this");
    a_while();
    cluster.pod("p1", "loud", json!({}));
    until("new records arrive", || {
        container.print("now");
        !cluster.stream("api/loud").is_empty()
    });
    a_while();
    let texts = cluster.stream("api/loud");
    assert!(texts.iter().all(|t| t == "now"), "{texts:?}");
}

#[test]
fn an_also_route_sends_what_the_chain_lets_through_to_a_second_destination() {
    let routes = "[{ match: { labels: { app: api } }, also: true, destination: audit },
                   { filters: [redact], destination: main }]";
    let mut cluster = Cluster::new(routes, "");
    cluster.pod("p1", "api", json!({}));
    let _container = cluster.container("p1", CARD);
    cluster.start();
    let arrived = || cluster.node.fake.events();
    until("it arrives at both", || arrived().len() == 2);
    for event in arrived() {
        assert!(
            !event.message.contains("4111111111111111"),
            "{}",
            event.message
        );
    }
}

#[test]
fn a_static_pod_is_known_by_its_configurations_hash() {
    let mut cluster = Cluster::new(EVERYTHING, "");
    let hash = json!({ "kubernetes.io/config.hash": "p1", "kubernetes.io/config.mirror": "p1" });
    let mut mirror = labelled("p1", "static", hash);
    mirror["metadata"]["uid"] = json!("another");
    cluster.api.put("pods", mirror);
    let _container = cluster.container("p1", "first");
    cluster.start();
    cluster.until_stream_has("api/static", &["first"]);
}

#[test]
fn labels_of_namespaces_choose_routes() {
    let routes = "[{ match: { namespace_labels: { team: pay } }, destination: main }]";
    let mut cluster = Cluster::new(routes, "");
    cluster.pod("p1", "api", json!({}));
    let _container = cluster.container("p1", "first");
    cluster.start();
    cluster.nothing_arrived();
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace",
                            "metadata": { "name": "team-a", "labels": { "team": "pay" } } });
    cluster.api.put("namespaces", namespace);
    cluster.until_stream_has("api/api", &["first"]);
}

#[test]
fn facts_of_a_deleted_pod_last_until_its_files_are_read() {
    let mut cluster = Cluster::new(EVERYTHING, "");
    cluster.pod("p1", "api", json!({}));
    cluster.pod("p2", "other", json!({}));
    let mut container = cluster.container("p1", "first");
    cluster.start();
    cluster.until_stream_has("api/api", &["first"]);
    cluster.api.delete("pods", "team-a", "p1");
    // What comes later on the same watch has been heard: so has the deletion.
    let _marker = cluster.container("p2", "marker");
    cluster.until_stream_has("api/other", &["marker"]);
    container.print("last words");
    cluster.until_stream_has("api/api", &["first", "last words"]);
}

#[test]
fn an_api_server_on_a_bad_day_costs_no_record_and_no_fact() {
    let mut cluster = Cluster::new(EVERYTHING, SELF_SERVICE);
    cluster.api.set_away(true);
    let redacted = json!({ "logsieve.dev/filters": "redact" });
    let mut containers = vec![cluster.container("p0", CARD)];
    cluster.start();
    cluster.nothing_arrived();
    for number in 0..5 {
        let name = format!("p{number}");
        match number {
            0 => cluster.api.set_away(false),
            1 => cluster.api.cut_streams(),
            2 => {
                cluster.api.forget_history();
            }
            3 => {
                cluster.api.fail_next(&[429, 500, 429]);
                cluster.api.cut_streams();
            }
            _ => {
                cluster.api.set_token("another-token");
                cluster.api.cut_streams();
                a_while();
                fs::write(cluster.token_file(), "another-token").expect("the token is ours");
            }
        }
        cluster.pod(&name, &name, redacted.clone());
        containers.push(cluster.container(&format!("p{}", number + 1), CARD));
        let stream = format!("api/{name}");
        until(&format!("{stream} has its record"), || {
            cluster.stream(&stream).len() == 1
        });
    }
    for event in cluster.node.fake.events() {
        assert!(
            !event.message.contains("4111111111111111"),
            "{}",
            event.message
        );
    }
    let used: Vec<_> = cluster.api.used().into_iter().collect();
    let pods = |verb: &str| (verb.to_owned(), "pods".to_owned());
    assert_eq!(
        used,
        [pods("list"), pods("watch")],
        "it needs no other rights"
    );
}

#[test]
fn routes_by_path_need_no_api_server() {
    let mut cluster = Cluster::new(EVERYTHING, "");
    cluster.api.set_away(true);
    let _container = cluster.container("p1", "first");
    cluster.start();
    cluster.until_stream_has("none/none", &["first"]);
}

#[test]
fn a_hundred_pods_a_second_all_get_their_facts() {
    const PODS: usize = 300;
    let mut cluster = Cluster::new(EVERYTHING, SELF_SERVICE);
    cluster.start();
    let redacted = json!({ "logsieve.dev/filters": "redact" });
    let mut containers = Vec::new();
    for number in 0..PODS {
        let name = format!("p{number}");
        // Half of them are in the API before their files appear, the others after.
        if number % 2 == 0 {
            cluster.pod(&name, "churn", redacted.clone());
        }
        containers.push(cluster.container(&name, CARD));
        if number % 2 == 1 {
            cluster.pod(&name, "churn", redacted.clone());
        }
        if number >= 50 && number % 3 == 0 {
            // Changes under load: the annotation is the same, and something else is not.
            let mut again = labelled(&format!("p{}", number - 50), "churn", redacted.clone());
            again["metadata"]["annotations"]["touched"] = json!(number.to_string());
            cluster.api.put("pods", again);
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    until("all have arrived", || {
        cluster.stream("api/churn").len() == PODS
    });
    let texts = cluster.stream("api/churn");
    assert!(
        texts.iter().all(|t| !t.contains("4111111111111111")),
        "all were redacted"
    );
}

#[test]
fn routes_that_depend_on_pods_are_refused_where_nobody_tells_of_them() {
    let mut node = Node::new();
    node.config.routes = "[{ match: { labels: { app: api } }, destination: main }]".to_owned();
    let mut agent = node.start();
    assert_eq!(agent.wait_for_exit().code(), Some(1));
    let said = agent.stderr();
    assert!(said.contains("`enrich.pods` is off"), "{said}");
}

#[test]
fn a_changed_filter_config_map_makes_the_agent_touch_its_own_pod() {
    let mut cluster = Cluster::new(EVERYTHING, "");
    let more = &mut cluster.node.config.more;
    *more = more.replace(
        "wait: 3s",
        "wait: 3s, filter_config_maps: 'logsieve-filters-*'",
    );
    let map = |name: &str, module: &str| {
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "binaryData": { "f.wasm": module },
                "metadata": { "name": name, "namespace": "logsieve" } })
    };
    cluster
        .api
        .put("pods", pod(NODE, "logsieve", "agent-0", "u"));
    cluster
        .api
        .put("configmaps", map("logsieve-filters-pay", "b25l"));
    cluster.api.put("configmaps", map("other", "b25l"));
    let own = [("POD_NAMESPACE", "logsieve"), ("POD_NAME", "agent-0")];
    let variables: Vec<_> = CREDENTIALS.into_iter().chain(own).collect();
    cluster.start_with(&variables);
    until("ConfigMaps are watched", || {
        cluster
            .api
            .used()
            .contains(&("watch".to_owned(), "configmaps".to_owned()))
    });
    let seen = || {
        let own = cluster
            .api
            .get("pods", "logsieve", "agent-0")
            .unwrap_or_default();
        own["metadata"]["annotations"]["logsieve-filters-seen"].clone()
    };
    cluster.api.put("configmaps", map("other", "dHdv"));
    a_while();
    assert!(
        seen().is_null(),
        "what is there at the start, or of others, is no change"
    );
    cluster
        .api
        .put("configmaps", map("logsieve-filters-pay", "dHdv"));
    until("the pod is touched", || {
        seen()
            .as_str()
            .is_some_and(|s| s.starts_with("logsieve-filters-pay@"))
    });
}
