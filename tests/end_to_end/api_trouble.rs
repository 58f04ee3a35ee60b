//! What an API server can do to its clients, each trouble by itself: slow, away, cut off in the midst of a
//! line, forgetful (410 inside a stream that began with 200), throttling, with another token. Whatever
//! it is: no record is lost, none leaves unfiltered, and the next pod is known in the end.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use support::kubelet::Container;
use support::kubernetes::pod;

use crate::cluster::{CARD, Cluster, EVERYTHING, SELF_SERVICE, labelled};
use crate::node::{a_while, until};

fn redacted() -> Value {
    json!({ "logsieve.dev/filters": "redact" })
}

/// A cluster whose agent knows one pod, and has sent its record.
fn running() -> (Cluster, Container) {
    let mut cluster = Cluster::new(EVERYTHING, SELF_SERVICE);
    cluster.pod("p0", "p0", redacted());
    let container = cluster.container("p0", CARD);
    cluster.start();
    arrives(&cluster, "p0", 1);
    (cluster, container)
}

/// So many records of a pod have arrived, and none was ever in the clear.
fn arrives(cluster: &Cluster, pod: &str, count: usize) {
    let stream = format!("api/{pod}");
    until(&format!("{stream} has {count} records"), || {
        cluster.stream(&stream).len() == count
    });
    for event in cluster.node.fake.events() {
        assert!(
            !event.message.contains("4111111111111111"),
            "{}",
            event.message
        );
    }
}

/// After the trouble: a new pod is known, and the old one still is.
fn recovers(cluster: &Cluster, old: &mut Container) {
    cluster.pod("p1", "p1", redacted());
    let _new = cluster.container("p1", CARD);
    arrives(cluster, "p1", 1);
    old.print(CARD);
    arrives(cluster, "p0", 2);
}

#[test]
fn a_server_that_cuts_streams_in_their_midst_is_watched_again() {
    let (cluster, mut old) = running();
    for _ in 0..3 {
        cluster.api.cut_streams();
    }
    recovers(&cluster, &mut old);
}

#[test]
fn a_server_that_has_forgotten_the_past_is_listed_again() {
    let (cluster, mut old) = running();
    let (lists, _) = cluster.api.lists_and_watches();
    cluster.api.forget_history();
    recovers(&cluster, &mut old);
    assert!(
        cluster.api.lists_and_watches().0 > lists,
        "it was told 410 in the stream"
    );
}

#[test]
fn a_pod_that_was_deleted_while_history_was_forgotten_does_not_come_back_as_another() {
    let (cluster, _old) = running();
    cluster.api.set_away(true);
    cluster.api.delete("pods", "team-a", "p0");
    cluster.api.forget_history();
    // The same name, another pod, and other wishes.
    let mut again = labelled("p0", "again", json!({}));
    again["metadata"]["uid"] = json!("another");
    cluster.api.put("pods", again);
    cluster.api.set_away(false);
    let mut new = cluster
        .node
        .kubelet
        .start_in("team-a", "p0", "another", "app");
    new.print("plain");
    cluster.until_stream_has("api/again", &["plain"]);
}

#[test]
fn a_server_that_throttles_is_left_alone_for_a_while_and_asked_again() {
    let (cluster, mut old) = running();
    cluster.api.fail_next(&[429, 429, 503, 500]);
    cluster.api.cut_streams();
    recovers(&cluster, &mut old);
}

#[test]
fn a_slow_server_is_waited_for_and_nothing_leaves_meanwhile() {
    let (cluster, mut old) = running();
    cluster.api.set_slow(Duration::from_secs(2));
    cluster.api.cut_streams();
    cluster.pod("p1", "p1", redacted());
    let _new = cluster.container("p1", CARD);
    old.print(CARD);
    // What is known stays known.
    arrives(&cluster, "p0", 2);
    arrives(&cluster, "p1", 1);
}

#[test]
fn a_server_that_goes_away_and_comes_back_is_found_again() {
    let (cluster, mut old) = running();
    cluster.api.set_away(true);
    old.print(CARD);
    arrives(&cluster, "p0", 2);
    let _waits = cluster.container("p1", CARD);
    a_while();
    assert_eq!(
        cluster.node.fake.event_count(),
        2,
        "nobody knows what p1 wants"
    );
    cluster.api.set_away(false);
    cluster.pod("p1", "p1", redacted());
    arrives(&cluster, "p1", 1);
}

#[test]
fn a_token_that_was_rotated_is_read_again() {
    let (cluster, mut old) = running();
    cluster.api.set_token("another-token");
    cluster.api.cut_streams();
    a_while();
    fs::write(cluster.token_file(), "another-token").expect("the token is ours");
    recovers(&cluster, &mut old);
}

/// The node's own pods change rarely, the cluster's all the time: without bookmarks each cut would
/// come back to a version that is long forgotten, and all nodes would list at once.
#[test]
fn bookmarks_spare_the_server_a_list_when_a_quiet_stream_is_cut() {
    let (cluster, mut old) = running();
    let (lists, watches) = cluster.api.lists_and_watches();
    for number in 0..50 {
        let name = format!("elsewhere-{number}");
        cluster
            .api
            .put("pods", pod("node-2", "team-b", &name, &name));
    }
    until("a bookmark tells the agent how far it is", || {
        cluster.api.bookmarked() == cluster.api.version()
    });
    cluster.api.compact();
    cluster.api.cut_streams();
    recovers(&cluster, &mut old);
    let (lists_after, watches_after) = cluster.api.lists_and_watches();
    assert_eq!(lists_after, lists, "it goes on from the bookmark");
    assert!(watches_after > watches);
}

#[test]
fn annotations_that_change_under_load_lose_and_double_nothing() {
    const PODS: usize = 8;
    const ROUNDS: usize = 20;
    const RECORDS: usize = 5;
    let mut cluster = Cluster::new(EVERYTHING, SELF_SERVICE);
    let name = |number: usize| format!("p{number}");
    let mut containers: Vec<Container> = Vec::new();
    for number in 0..PODS {
        cluster.pod(&name(number), &name(number), json!({}));
        containers.push(cluster.container(&name(number), "n0"));
    }
    cluster.start();
    for round in 0..ROUNDS {
        for (number, container) in containers.iter_mut().enumerate() {
            let on = (round + number) % 2 == 0;
            let wish = if on { redacted() } else { json!({}) };
            cluster.pod(&name(number), &name(number), wish);
            for record in 0..RECORDS {
                container.print(format!("n{}", round * RECORDS + record + 1));
            }
        }
    }
    let expected: Vec<String> = (0..=ROUNDS * RECORDS).map(|n| format!("n{n}")).collect();
    for number in 0..PODS {
        let stream = format!("api/{}", name(number));
        until(&format!("{stream} is whole"), || {
            cluster.stream(&stream).len() >= expected.len()
        });
        assert_eq!(cluster.stream(&stream), expected, "in order, each once");
    }
    // The last word counts.
    for (number, container) in containers.iter_mut().enumerate() {
        cluster.pod(&name(number), &name(number), redacted());
        let stream = format!("api/{}", name(number));
        until("the filter is on", || {
            container.print(CARD);
            let last = cluster.stream(&stream).pop().unwrap_or_default();
            last.starts_with("card") && !last.contains("4111111111111111")
        });
    }
}
