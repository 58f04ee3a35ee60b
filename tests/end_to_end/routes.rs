//! What a route says beside where records go: the format in which its destination sends them, and what
//! each container may take.

use serde_json::Value;
use support::agent::Agent;

use support::cloudwatch::{Fault, Rule};

use crate::node::{Node, a_while, cloudwatch, module, texts, wait_for_words};

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

/// It took the whole budget, and nobody's records went anywhere.
#[test]
fn a_destination_in_trouble_that_filters_choose_stops_those_who_send_there_and_nobody_else() {
    let mut node = Node::new();
    let main = cloudwatch(&node.fake.url(), "format: text");
    let audit = main.replace("/eks/", "/audit/");
    node.config.destinations = format!("{{ main: {main}, audit: {audit} }}");
    let module = module("guests/every_change");
    let module = module.display();
    node.config.filters =
        format!("{{ modules: {{ f: {{ module: {module}, routes: [audit] }} }} }}");
    node.config.routes =
        "[{ match: { pod: noisy }, filters: [f], destination: main }, { destination: main }]"
            .into();
    node.config.more = "budget: 4MiB".to_owned();
    let mut denied = Rule::always(Fault::Error {
        code: "AccessDeniedException".into(),
        message: "not this group".into(),
    });
    denied.log_group = Some("/audit/".into());
    node.fake.set_script(vec![denied]);
    let mut noisy = node.kubelet.start("web", "noisy", "app");
    let mut quiet = node.kubelet.start("web", "quiet", "app");
    let record = format!("route audit; {}", "z".repeat(8 * 1024));
    (0..1_000).for_each(|_| noisy.print(&record));
    let mut agent = node.start();
    wait_for_words(&mut agent, "not this group");
    for number in 1..5 {
        a_while();
        quiet.print(format!("still read {number}"));
        arrive(&node, &mut agent, number);
    }
    node.fake.set_script(vec![]);
    arrive(&node, &mut agent, 1_004);
    assert!(agent.drain().success());
}
