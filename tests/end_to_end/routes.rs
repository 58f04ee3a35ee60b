//! What a route says beside where records go: the format in which its destination sends them, and what
//! each container may take.

use serde_json::Value;
use support::agent::Agent;

use crate::node::{Node, texts, wait_for_words};

const ROUTES: &str = "[
    { match: { pod: plain }, format: text },
    { match: { pod: fluent }, format: container_insights },
    { match: { pod: short }, format: text, limits: { record_bytes_max: 16KiB } },
    {}]";

/// One destination, which writes JSON.
fn node(routes: &str) -> Node {
    let mut node = Node::new();
    let destinations = &mut node.config.destinations;
    *destinations = destinations.replace("format: text", "format: json");
    node.config.routes = routes.to_owned();
    node
}

fn arrive(node: &Node, agent: &mut Agent, count: usize) {
    agent.wait_until(&format!("{count} records arrive"), |_| {
        node.fake.event_count() >= count
    });
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("`{text}`: {e}"))
}

#[test]
fn each_route_has_its_records_written_in_its_own_format() {
    let node = node(ROUTES);
    let mut containers = Vec::new();
    for pod in ["plain", "fluent", "other", "short"] {
        let mut container = node.kubelet.start("web", pod, "app");
        container.print(r#"{"paid":12}"#);
        containers.push(container);
    }
    let mut agent = node.start();
    arrive(&node, &mut agent, 4);
    let of = |pod: &str| texts(&node, "/eks/web", &format!("{pod}/app")).remove(0);
    assert_eq!(of("plain"), r#"{"paid":12}"#);
    assert_eq!(of("short"), r#"{"paid":12}"#);
    assert_eq!(json(&of("other"))["log"], r#"{"paid":12}"#);
    assert_eq!(json(&of("fluent"))["log_processed"]["paid"], 12);
    assert!(agent.drain().success());
}

#[test]
fn a_route_bounds_how_long_its_records_get() {
    let node = node(ROUTES);
    let text = "z".repeat(40 * 1024);
    let mut containers = Vec::new();
    for pod in ["plain", "short"] {
        let mut container = node.kubelet.start("web", pod, "app");
        container.print(&text);
        containers.push(container);
    }
    let mut agent = node.start();
    arrive(&node, &mut agent, 4);
    let of = |pod: &str| texts(&node, "/eks/web", &format!("{pod}/app"));
    assert_eq!(of("plain"), std::slice::from_ref(&text));
    let parts = of("short");
    assert_eq!(parts.len(), 3, "pieces of 16 KiB are not joined");
    let texts = parts.iter().map(|part| part.matches('z').count());
    assert_eq!(texts.sum::<usize>(), text.len());
    assert!(agent.drain().success());
}

#[test]
fn a_routes_format_changes_in_the_running_agent() {
    let mut node = node("[{ format: text }]");
    let mut container = node.kubelet.start("web", "shop-1", "app");
    let mut agent = node.start();
    container.print("one");
    arrive(&node, &mut agent, 1);
    node.config.routes = "[{}]".to_owned();
    node.write_config();
    wait_for_words(&mut agent, "the new configuration is in force");
    container.print("two");
    arrive(&node, &mut agent, 2);
    let arrived = texts(&node, "/eks/web", "shop-1/app");
    assert_eq!(arrived[0], "one");
    assert_eq!(json(&arrived[1])["log"], "two");
    assert!(agent.drain().success());
}

#[test]
fn a_route_that_does_not_fit_is_refused_with_its_line() {
    let node = node("\n  - { filters: [mask] }");
    let finished = node.run("check");
    assert_eq!(finished.status.code(), Some(1));
    let said = finished.stderr;
    assert!(said.contains("line 6, column "), "{said}");
    assert!(said.contains("route 1: `mask` is no filter"), "{said}");
}
