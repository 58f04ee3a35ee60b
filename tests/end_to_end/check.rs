//! `logsieve check`: what would happen, or what is wrong and where.
//!
//! It needs no credentials and sends nothing.

use support::kubelet::Stream;

use crate::node::Node;

#[test]
fn check_says_where_each_container_would_go() {
    let mut node = Node::new();
    node.config.routes = "[{ match: { namespace: web }, destination: main }]".to_owned();
    for (namespace, pod) in [("web", "shop-1"), ("search", "index-1")] {
        node.kubelet
            .start(namespace, pod, "app")
            .print_numbered(Stream::Stdout, "a record");
    }
    let finished = node.run("check");
    assert!(finished.status.success(), "{}", finished.stderr);
    let said = finished.stdout;
    assert!(said.contains("/eks/web / shop-1/app"), "{said}");
    let unread = said
        .lines()
        .find(|line| line.contains("index-1"))
        .unwrap_or_default();
    assert!(unread.contains("not read"), "{said}");
    assert!(node.fake.requests().is_empty(), "check sent something");
    assert!(!node.state().exists(), "check wrote state");
}

#[test]
fn a_wrong_configuration_fails_the_check_with_exit_code_1() {
    let mut node = Node::new();
    node.config.routes = "[{ destination: nowhere }]".to_owned();
    let finished = node.run("check");
    assert_eq!(finished.status.code(), Some(1));
    let said = finished.stderr;
    assert!(
        said.contains("`nowhere`") && said.contains("`main`"),
        "{said}"
    );
}

#[test]
fn a_route_that_nothing_reaches_is_told() {
    let mut node = Node::new();
    node.config.routes =
        "[{ destination: main }, { match: { namespace: web }, destination: main }]".to_owned();
    let finished = node.run("check");
    assert!(finished.status.success(), "{}", finished.stderr);
    let said = finished.stdout;
    let told = "route 2 takes nothing: route 1 before it takes everything";
    assert!(said.contains(told), "{said}");
}

/// As `run` refuses it.
#[test]
fn a_route_by_labels_without_pods_fails_the_check() {
    let mut node = Node::new();
    node.config.routes = "[{ match: { labels: { app: a } }, destination: main }]".to_owned();
    node.config.more = "enrich: { pods: { source: off } }".to_owned();
    let finished = node.run("check");
    assert_eq!(finished.status.code(), Some(1), "{}", finished.stdout);
    let said = finished.stderr;
    assert!(said.contains("`enrich.pods.source` is off"), "{said}");
    assert!(said.contains("line "), "{said}");
}
