//! What was written arrives: text, time, order, stream, container.
//!
//! Nothing goes wrong in these tests, so every record arrives exactly once.

use support::kubelet::{Done, Driver, Mix, Stream};

use crate::node::{Node, cloudwatch, texts, until};

#[test]
fn every_record_arrives_once_with_its_text_time_and_order() {
    let node = Node::new();
    let mut containers = [
        node.kubelet.start("payments", "api-0", "app"),
        node.kubelet.start("payments", "api-0", "proxy"),
        node.kubelet.start("web", "shop-1", "app"),
    ];
    for number in 0..300 {
        for container in &mut containers {
            let stream = if number % 7 == 0 {
                Stream::Stderr
            } else {
                Stream::Stdout
            };
            container.print_numbered(stream, format!("record \"{number}\" \\ ü \u{1f600}\t."));
        }
    }
    let written = containers
        .iter()
        .flat_map(|c| c.written())
        .cloned()
        .collect::<Vec<_>>();
    let mut agent = node.start();
    node.drain_after(&mut agent, &written);
    node.tally(&written).assert_exactly_once();
}

#[test]
fn records_that_are_written_while_the_agent_runs_arrive() {
    let node = Node::new();
    let mut agent = node.start();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    for _ in 0..5 {
        (0..100).for_each(|_| drop(app.print_numbered(Stream::Stdout, "some words")));
        node.wait_for(&mut agent, app.written());
    }
    let mut late = node.kubelet.start("web", "shop-2", "app");
    late.print_numbered(Stream::Stdout, "of a pod that came later");
    let written = [app.written(), late.written()].concat();
    node.drain_after(&mut agent, &written);
    node.tally(&written).assert_exactly_once();
}

#[test]
fn log_groups_and_streams_are_made_on_first_use() {
    let node = Node::new();
    let mut app = node.kubelet.start("payments", "api-0", "app");
    app.print_numbered(Stream::Stdout, "first");
    let mut agent = node.start();
    node.drain_after(&mut agent, app.written());
    let names = [("/eks/payments".to_owned(), "api-0/app".to_owned())];
    assert_eq!(node.fake.stream_names(), names);
    for operation in ["CreateLogGroup", "CreateLogStream"] {
        let requests = node.fake.requests_for(operation);
        let made = requests
            .iter()
            .filter(|request| request.status == Some(200))
            .count();
        assert!(
            made == 1 && requests.len() <= 2,
            "{operation}: {requests:?}"
        );
    }
}

#[test]
fn bytes_that_are_not_utf_8_become_replacement_characters() {
    let node = Node::new();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    app.print_numbered(Stream::Stdout, b"caf\xe9 \xff\xfe \0 \xf0\x9f end");
    app.print_numbered(Stream::Stdout, "plain");
    let mut agent = node.start();
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
    assert!(texts(&node, "/eks/web", "shop-1/app")[0].contains("caf\u{fffd} \u{fffd}\u{fffd} \0"));
}

/// CloudWatch takes no empty message.
#[test]
fn an_empty_line_arrives_as_one_blank() {
    let node = Node::new();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    app.print("");
    app.print_numbered(Stream::Stdout, "behind it");
    let mut agent = node.start();
    agent.wait_until("both arrive", |_| node.fake.event_count() == 2);
    assert_eq!(
        texts(&node, "/eks/web", "shop-1/app"),
        [" ", "c0-0 behind it"]
    );
}

#[test]
fn a_line_that_is_not_cri_is_forwarded_as_it_is() {
    let node = Node::new();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    app.print_numbered(Stream::Stdout, "before");
    app.write_raw(b"no head at all\n2026-99-99T00:00:00Z stdout F not a time\n\n");
    app.print_numbered(Stream::Stdout, "behind");
    let mut agent = node.start();
    agent.wait_until("all arrive", |_| node.fake.event_count() >= 5);
    assert!(agent.drain().success());
    let mut texts = texts(&node, "/eks/web", "shop-1/app");
    texts.sort();
    let raw = [
        " ",
        "2026-99-99T00:00:00Z stdout F not a time",
        "c0-0 before",
        "c0-1 behind",
    ];
    assert_eq!(texts, [&raw[..], &["no head at all"]].concat());
}

/// The format that is the default: one JSON object, with what Kubernetes knows of the record.
#[test]
fn the_envelope_tells_where_a_record_comes_from() {
    let mut node = Node::new();
    let envelope = cloudwatch(&node.fake.url(), "format: json");
    node.config.destinations = format!("{{ main: {envelope} }}");
    node.config.more = "enrich: { cluster: production, node: node-7 }".to_owned();
    let mut app = node.kubelet.start_in("payments", "api-0", "uid-1", "app");
    app.print_numbered(Stream::Stderr, "a \"quoted\" \\ text\u{1}");
    let mut agent = node.start();
    agent.wait_until("it arrives", |_| node.fake.event_count() == 1);
    let event = node.fake.events().remove(0);
    let message: serde_json::Value = serde_json::from_str(&event.message).expect("JSON");
    assert_eq!(message["log"], "c0-0 a \"quoted\" \\ text\u{1}");
    assert_eq!(message["stream"], "stderr");
    let time: jiff::Timestamp = message["time"].as_str().unwrap().parse().expect("a time");
    assert_eq!(time.as_nanosecond(), i128::from(app.written()[0].time_ns));
    let kubernetes = &message["kubernetes"];
    for (name, value) in [
        ("namespace_name", "payments"),
        ("pod_name", "api-0"),
        ("pod_id", "uid-1"),
        ("container_name", "app"),
        ("cluster_name", "production"),
        ("host", "node-7"),
    ] {
        assert_eq!(kubernetes[name], value, "{name}");
    }
}

/// It stands in the name of a link, which may come after the first records.
#[test]
fn the_envelope_tells_the_containers_id_once_it_is_known() {
    let mut node = Node::new();
    let envelope = cloudwatch(&node.fake.url(), "format: json");
    node.config.destinations = format!("{{ main: {envelope} }}");
    let mut app = node.kubelet.start("payments", "api-0", "app");
    let mut agent = node.start();
    let id = format!("\"docker_id\":\"{}\"", "0".repeat(64));
    agent.wait_until("a record tells the id", |_| {
        app.print_numbered(Stream::Stdout, "some words");
        node.fake
            .events()
            .iter()
            .any(|event| event.message.contains(&id))
    });
}

#[test]
fn containers_go_where_their_route_says() {
    let mut node = Node::new();
    node.config.routes = "[{ match: { namespace: kube-system }, exclude: true }, \
                          { match: { namespace: [pay*, web] }, destination: main }]"
        .to_owned();
    let mut routed = node.kubelet.start("payments", "api-0", "app");
    let mut excluded = node.kubelet.start("kube-system", "dns-1", "dns");
    let mut unmatched = node.kubelet.start("search", "index-1", "app");
    for container in [&mut routed, &mut excluded, &mut unmatched] {
        container.print_numbered(Stream::Stdout, "a record");
    }
    let mut agent = node.start();
    node.drain_after(&mut agent, routed.written());
    node.tally(routed.written()).assert_exactly_once();
}

#[test]
fn many_small_records_fill_requests_within_the_limits_of_the_service() {
    let node = Node::new();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    (0..30_000).for_each(|_| drop(app.print_numbered(Stream::Stdout, "")));
    let mut agent = node.start();
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
    let puts = node.fake.requests_for("PutLogEvents");
    let refused = puts.iter().find(|put| {
        put.status != Some(200)
            && !put
                .error
                .as_deref()
                .is_some_and(|e| e.starts_with("ResourceNotFound"))
    });
    assert!(refused.is_none(), "{refused:?}");
    assert!(
        puts.len() < 30,
        "{} requests for 30,000 records",
        puts.len()
    );
}

/// A request may span 24 hours at most.
#[test]
fn records_of_several_days_arrive_in_their_own_requests() {
    let node = Node::new();
    node.kubelet
        .clock()
        .step_back(std::time::Duration::from_secs(5 * 24 * 3600));
    let mut app = node.kubelet.start("web", "shop-1", "app");
    for _ in 0..9 {
        app.print_numbered(Stream::Stdout, "every half day");
        node.kubelet
            .clock()
            .advance(std::time::Duration::from_secs(12 * 3600));
    }
    let mut agent = node.start();
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
}

/// The node's clock was put right: times fall back, and within CloudWatch order is by time.
#[test]
fn records_whose_time_falls_back_arrive() {
    let node = Node::new();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    for round in 0..4 {
        (0..50).for_each(|_| drop(app.print_numbered(Stream::Stdout, format!("round {round}"))));
        node.kubelet
            .clock()
            .step_back(std::time::Duration::from_secs(3));
    }
    let mut agent = node.start();
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
}

#[test]
fn a_busy_node_loses_repeats_and_reorders_nothing() {
    let node = Node::new();
    let mut agent = node.start();
    let mut driver = Driver::new(&node.kubelet, 20_261_123, 12, Mix::default());
    until("enough has happened", || {
        (0..5).for_each(|_| driver.step());
        let Done {
            rotations,
            restarts,
            deletions,
        } = driver.done();
        rotations >= 20 && restarts >= 6 && deletions >= 6
    });
    driver.finish();
    let written = driver.written();
    node.drain_after(&mut agent, &written);
    node.tally(&written).assert_exactly_once();
}
