//! What a destination's keys come to at the service: what new log groups are given, the entity of each
//! request, compression, the header for embedded metrics, and what the metrics say of it.

use serde_json::json;
use support::agent::Agent;
use support::cloudwatch::{FakeCloudWatch, Fault, Options, Rule};
use support::kubelet::{Container, Stream};

use crate::node::{Node, a_while, cloudwatch, metrics, until, wait_for_words, with_metrics};

const KEY: &str = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// A node that sends text with these further keys.
fn node(more: &str) -> Node {
    let mut node = Node::new();
    let destination = cloudwatch(&node.fake.url(), &format!("format: text, {more}"));
    node.config.destinations = format!("{{ main: {destination} }}");
    node
}

/// Writes records of one container, and waits for them at the service.
fn deliver(node: &Node) {
    let mut app = node.kubelet.start("web", "shop-1", "app");
    (0..20).for_each(|_| drop(app.print_numbered(Stream::Stdout, "some words")));
    let mut agent = node.start();
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
}

#[test]
fn new_log_groups_are_given_what_the_destination_says() {
    let node = node(&format!(
        "create: {{ retention_days: 30, log_group_class: infrequent_access, kms_key: '{KEY}', \
         tags: {{ team: shop }} }}"
    ));
    deliver(&node);
    let group = node.fake.log_group("/eks/web").expect("the group");
    assert_eq!(group.kms_key.as_deref(), Some(KEY));
    assert_eq!(group.retention_days, Some(30));
    assert_eq!(group.class.as_deref(), Some("INFREQUENT_ACCESS"));
    assert_eq!(group.tags.get("team").map(String::as_str), Some("shop"));
}

#[test]
fn a_retention_that_is_refused_for_now_is_set_in_the_end() {
    let node = node("create: { retention_days: 7 }");
    node.fake.set_script(vec![
        Rule::always(Fault::Throttle)
            .on("PutRetentionPolicy")
            .times(2),
    ]);
    deliver(&node);
    let set = || {
        node.fake
            .log_group("/eks/web")
            .and_then(|g| g.retention_days)
    };
    assert_eq!(set(), Some(7));
}

/// A key that is disabled, or that the service may not use: nothing is sent in the clear meanwhile.
#[test]
fn a_key_that_the_service_refuses_is_said_and_waited_for() {
    let node = node(&format!("create: {{ kms_key: '{KEY}' }}"));
    let refused = Fault::Error {
        code: "InvalidParameterException".into(),
        message: "The specified KMS key Id could not be found.".into(),
    };
    let rule = Rule::always(refused).on("CreateLogGroup").times(2);
    node.fake.set_script(vec![rule]);
    let mut app = node.kubelet.start("web", "shop-1", "app");
    (0..20).for_each(|_| drop(app.print_numbered(Stream::Stdout, "some words")));
    let mut agent = node.start();
    wait_for_words(&mut agent, "cannot be created");
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
    let group = node.fake.log_group("/eks/web").expect("the group");
    assert_eq!(group.kms_key.as_deref(), Some(KEY));
}

#[test]
fn a_log_group_that_exists_is_left_as_it_is() {
    let node = node("create: { retention_days: 30, tags: { team: shop } }");
    node.fake.create_stream("/eks/web", "of somebody else");
    deliver(&node);
    let group = node.fake.log_group("/eks/web").expect("the group");
    assert_eq!((group.retention_days, group.tags.len()), (None, 0));
}

/// Its records wait for whoever is to create it.
#[test]
fn no_log_group_is_created_where_the_operator_does_not_want_it() {
    let node = node("create: { log_groups: false }");
    let mut app = node.kubelet.start("web", "shop-1", "app");
    (0..20).for_each(|_| drop(app.print_numbered(Stream::Stdout, "some words")));
    let mut agent = node.start();
    wait_for_words(&mut agent, "create.log_groups");
    assert!(node.fake.requests_for("CreateLogGroup").is_empty());
    node.fake.create_stream("/eks/web", "of somebody else");
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
}

/// A node whose streams are named by the containers' ids, and a container whose id nothing tells yet.
fn unnamed(wait: &str) -> (Node, Container) {
    let mut node = node("");
    let destinations = &mut node.config.destinations;
    *destinations = destinations.replace("{k8s.container.name}", "{container.id}");
    node.config.more = format!("enrich: {{ pods: {{ wait: {wait} }} }}");
    let mut app = node.kubelet.start("web", "shop-1", "app");
    app.hide_link();
    (0..20).for_each(|_| drop(app.print_numbered(Stream::Stdout, "some words")));
    (node, app)
}

/// All records arrive, once, in this stream.
fn assert_arrive_in(stream: &str, node: &Node, app: &Container, agent: &mut Agent) {
    let all = app.written().len();
    agent.wait_until("all arrive", |_| node.fake.event_count() >= all);
    assert!(agent.drain().success());
    assert_eq!(node.fake.event_count(), all);
    let stream = ("/eks/web".to_owned(), format!("shop-1/{stream}"));
    assert_eq!(node.fake.stream_names(), [stream]);
}

#[test]
fn the_first_lines_wait_for_the_id_that_names_their_stream() {
    let (node, app) = unnamed("1h");
    let mut agent = node.start();
    agent.wait_until("the file is open", |agent| agent.has_open(&app.live_path()));
    a_while();
    assert_eq!(node.fake.event_count(), 0);
    app.link_live();
    let id = format!("{:064x}", app.number());
    assert_arrive_in(&id, &node, &app, &mut agent);
}

#[test]
fn an_id_that_never_comes_is_not_waited_for_in_vain() {
    let (node, app) = unnamed("200ms");
    let mut agent = node.start();
    assert_arrive_in("unknown", &node, &app, &mut agent);
}

/// What is not read stays on the node, and is read at the next start.
#[test]
fn a_stop_does_not_wait_for_an_id() {
    let (node, app) = unnamed("1h");
    let mut agent = node.start();
    wait_for_words(&mut agent, "logsieve runs");
    agent.wait_until("the file is open", |agent| agent.has_open(&app.live_path()));
    assert!(agent.drain().success());
    app.link_live();
    let mut agent = node.start();
    let id = format!("{:064x}", app.number());
    assert_arrive_in(&id, &node, &app, &mut agent);
}

/// The service refuses what is signed for another region than its own.
#[test]
fn each_destination_has_a_region_of_its_own() {
    let mut node = node("");
    let abroad = FakeCloudWatch::start_with(Options {
        region: Some("us-east-1".to_owned()),
        ..Options::default()
    });
    let abroad = abroad.expect("a port");
    let away = cloudwatch(&abroad.url(), "format: text").replace("eu-central-1", "us-east-1");
    let home = cloudwatch(&node.fake.url(), "format: text");
    node.config.destinations = format!("{{ home: {home}, away: {away} }}");
    node.config.routes =
        "[{ match: { namespace: api }, destination: away }, { destination: home }]".into();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    let mut api = node.kubelet.start("api", "pay-1", "app");
    for container in [&mut app, &mut api] {
        (0..20).for_each(|_| drop(container.print_numbered(Stream::Stdout, "some words")));
    }
    let mut agent = node.start();
    agent.wait_until("all arrive", |_| abroad.event_count() >= 20);
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
    let stream = ("/eks/api".to_owned(), "pay-1/app".to_owned());
    assert_eq!(
        (abroad.event_count(), abroad.stream_names()),
        (20, vec![stream])
    );
}

#[test]
fn a_text_without_the_id_does_not_wait_for_it() {
    let mut node = node("");
    node.config.more = "enrich: { pods: { wait: 1h } }".into();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    app.hide_link();
    (0..20).for_each(|_| drop(app.print_numbered(Stream::Stdout, "some words")));
    let mut agent = node.start();
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
}

#[test]
fn compressed_requests_are_read_by_the_service() {
    let node = node("compression: gzip");
    deliver(&node);
    let puts = node.fake.requests_for("PutLogEvents");
    assert!(puts.iter().all(|put| put.gzip), "{puts:?}");
}

#[test]
fn records_with_embedded_metrics_go_out_under_their_header() {
    let node = node("emf: true");
    deliver(&node);
    for put in node.fake.requests_for("PutLogEvents") {
        assert_eq!(put.logs_format.as_deref(), Some("json/emf"));
    }
}

/// Two containers that share a stream have requests of their own when they are about other things.
#[test]
fn each_request_has_the_entity_of_its_records() {
    let mut node = node("");
    node.config.destinations = format!(
        "{{ main: {{ cloudwatch: {{ region: eu-central-1, endpoint: \"{}\", log_group: all, \
         log_stream: node, format: text, flush_after: 50ms, entity: {{ \
         key_attributes: {{ Type: Service, Name: '{{k8s.container.name}}' }}, \
         attributes: {{ K8s.Namespace: '{{k8s.namespace.name}}', Missing: '{{no.fact}}' }} }} }} }} }}",
        node.fake.url()
    );
    for name in ["app", "proxy"] {
        let mut container = node.kubelet.start("web", &format!("shop-{name}"), name);
        (0..10).for_each(|_| drop(container.print_numbered(Stream::Stdout, name)));
    }
    let mut agent = node.start();
    until("all arrive", || node.fake.event_count() >= 20);
    assert!(agent.drain().success());
    let puts = node.fake.requests_for("PutLogEvents");
    for put in puts.iter().filter(|put| put.is_stored()) {
        let events = node.fake.events();
        let own = events.iter().filter(|event| event.request == put.number);
        let names: Vec<_> = own.map(|event| event.message.contains("proxy")).collect();
        let name = if names[0] { "proxy" } else { "app" };
        assert!(
            names.iter().all(|is_proxy| *is_proxy == names[0]),
            "mixed: {put:?}"
        );
        let entity = json!({
            "keyAttributes": { "Type": "Service", "Name": name },
            "attributes": { "K8s.Namespace": "web" },
        });
        assert_eq!(put.entity, Some(entity));
    }
}

#[test]
fn metrics_tell_what_a_destination_took_and_how() {
    let mut node = node("");
    let address = with_metrics(&mut node);
    let mut app = node.kubelet.start("web", "shop-1", "app");
    (0..20).for_each(|_| drop(app.print_numbered(Stream::Stdout, "some words")));
    let mut agent = node.start();
    node.wait_for(&mut agent, app.written());
    let bytes: usize = node
        .fake
        .events()
        .iter()
        .map(|e| e.message.len() + 26)
        .sum();
    let expected = [
        "logsieve_destination_records_total{destination=\"main\"} 20".to_owned(),
        format!("logsieve_destination_billed_bytes_total{{destination=\"main\"}} {bytes}"),
        "logsieve_destination_in_flight{destination=\"main\"} 0".to_owned(),
        "logsieve_destination_throttled{destination=\"main\"} 0".to_owned(),
        "logsieve_destination_dollars_per_day{destination=\"main\"} ".to_owned(),
        "logsieve_destination_fill_ratio_count{destination=\"main\"} ".to_owned(),
        "logsieve_destination_request_seconds_count{destination=\"main\"} ".to_owned(),
    ];
    let mut page = String::new();
    agent.wait_until("the metrics say so", |_| {
        page = metrics(address);
        expected.iter().all(|line| page.contains(line))
    });
    assert!(agent.drain().success());
}
