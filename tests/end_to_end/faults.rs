//! CloudWatch on bad days: throttled, broken, slow, away, lying.
//!
//! Nothing is lost whatever it does; only an answer that was lost on the way may repeat records.

use std::time::Duration;

use support::cloudwatch::{Credentials, FakeCloudWatch, Fault, Options, Rule, StatusBody};
use support::kubelet::{Container, Stream};

use crate::node::{CREDENTIALS, Node, a_while, cloudwatch, memory_peak, until, wait_for_words};

fn on_puts(fault: Fault) -> Rule {
    Rule::always(fault).on("PutLogEvents")
}

/// A node with a fault, and a container with records that arrived in spite of it.
fn node_with(rules: Vec<Rule>, records: usize) -> (Node, Container) {
    let mut node = Node::new();
    let destination = cloudwatch(&node.fake.url(), "format: text, request_timeout: 1s");
    node.config.destinations = format!("{{ main: {destination} }}");
    node.fake.set_script(rules);
    let mut app = node.kubelet.start("web", "shop-1", "app");
    (0..records).for_each(|_| drop(app.print_numbered(Stream::Stdout, "some words")));
    let mut agent = node.start();
    node.drain_after(&mut agent, app.written());
    (node, app)
}

#[test]
fn throttled_requests_are_sent_again() {
    let (node, app) = node_with(vec![on_puts(Fault::Throttle).times(3)], 100);
    node.tally(app.written()).assert_exactly_once();
}

#[test]
fn errors_of_the_server_are_not_the_end() {
    for body in [StatusBody::Empty, StatusBody::Json, StatusBody::Xml] {
        let faults = [500, 503].map(|status| on_puts(Fault::Status { status, body }).times(1));
        let (node, app) = node_with(faults.into(), 20);
        node.tally(app.written()).assert_exactly_once();
    }
}

#[test]
fn a_dropped_or_reset_connection_loses_nothing() {
    for fault in [Fault::Drop, Fault::ResetRequest] {
        let (node, app) = node_with(vec![on_puts(fault).times(2)], 100);
        node.tally(app.written()).assert_exactly_once();
    }
}

#[test]
fn an_answer_that_is_lost_repeats_its_request_and_loses_nothing() {
    for fault in [
        Fault::StoreThenDrop,
        Fault::ResetAnswer,
        Fault::WrongContentType,
    ] {
        let (node, app) = node_with(vec![on_puts(fault.clone()).after(1).times(1)], 100);
        let tally = node.tally(app.written());
        tally.assert_at_least_once();
    }
}

#[test]
fn a_service_that_never_answers_is_given_up_on_in_time() {
    let (node, app) = node_with(vec![on_puts(Fault::Hang).times(2)], 100);
    node.tally(app.written()).assert_exactly_once();
}

#[test]
fn a_slow_answer_is_waited_for() {
    let (node, app) = node_with(vec![on_puts(Fault::Slow { milliseconds: 300 })], 100);
    node.tally(app.written()).assert_exactly_once();
}

#[test]
fn creating_groups_and_streams_is_tried_until_it_works() {
    let rules = ["CreateLogGroup", "CreateLogStream"]
        .map(|operation| Rule::always(Fault::Throttle).on(operation).times(2));
    let (node, app) = node_with(rules.into(), 20);
    node.tally(app.written()).assert_exactly_once();
}

#[test]
fn a_log_group_that_another_agent_makes_at_the_same_time_is_no_error() {
    let code = "ResourceAlreadyExistsException".to_owned();
    let exists = Fault::Error {
        code,
        message: "The specified log group already exists".into(),
    };
    let aborted = Fault::Error {
        code: "OperationAbortedException".into(),
        message: "A conflicting operation is in progress".into(),
    };
    let rules = vec![
        Rule::always(aborted).on("CreateLogGroup").times(1),
        // Behind the one that was made: it is there already.
        Rule::always(exists).on("CreateLogGroup").after(2),
    ];
    let (node, app) = node_with(rules, 20);
    node.tally(app.written()).assert_exactly_once();
}

#[test]
fn a_throttled_log_group_does_not_hold_up_the_others() {
    let node = Node::new();
    let fault = Fault::Status {
        status: 503,
        body: StatusBody::Empty,
    };
    node.fake
        .set_script(vec![on_puts(fault).in_log_group("/eks/payments")]);
    let mut stuck = node.kubelet.start("payments", "api-0", "app");
    let mut free = node.kubelet.start("web", "shop-1", "app");
    for _ in 0..2_000 {
        stuck.print_numbered(Stream::Stdout, "x".repeat(200));
        free.print_numbered(Stream::Stdout, "x".repeat(200));
    }
    let mut agent = node.start();
    node.wait_for(&mut agent, free.written());
    node.fake.set_script(Vec::new());
    let written = [stuck.written(), free.written()].concat();
    node.drain_after(&mut agent, &written);
    node.tally(&written).assert_exactly_once();
}

#[test]
fn events_outside_cloudwatchs_window_are_settled_as_rejected_and_the_rest_arrives() {
    let node = Node::new();
    let clock = node.kubelet.clock().clone();
    let fortnight = Duration::from_secs(15 * 24 * 3600);
    clock.step_back(fortnight);
    let mut app = node.kubelet.start("web", "shop-1", "app");
    (0..10).for_each(|_| drop(app.print_numbered(Stream::Stdout, "too old")));
    clock.advance(fortnight);
    (0..10).for_each(|_| drop(app.print_numbered(Stream::Stdout, "of today")));
    clock.advance(Duration::from_secs(3 * 3600));
    (0..10).for_each(|_| drop(app.print_numbered(Stream::Stdout, "too new")));
    let today = &app.written()[10..20];
    let mut agent = node.start();
    node.drain_after(&mut agent, today);
    node.tally(today).assert_exactly_once();
    // Settled: they are not sent again.
    let before = node.fake.requests_for("PutLogEvents").len();
    let mut agent = node.start();
    clock.step_back(Duration::from_secs(3 * 3600));
    app.print("c99-0 a sign of life");
    agent.wait_until("the sign of life", |_| {
        node.fake.requests_for("PutLogEvents").len() > before
    });
    a_while();
    let rejected = |r: &support::cloudwatch::RequestSummary| r.rejected.is_some();
    assert!(
        !node.fake.requests_for("PutLogEvents")[before..]
            .iter()
            .any(rejected)
    );
}

#[test]
fn a_service_that_is_not_there_yet_is_waited_for() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut node = Node::new();
    let destination = cloudwatch(&format!("http://{port}"), "format: text");
    node.config.destinations = format!("{{ main: {destination} }}");
    let mut app = node.kubelet.start("web", "shop-1", "app");
    (0..20).for_each(|_| drop(app.print_numbered(Stream::Stdout, "some words")));
    let mut agent = node.start();
    wait_for_words(&mut agent, "Connection");
    node.fake = FakeCloudWatch::start_with(Options {
        listen: port,
        ..Options::default()
    })
    .unwrap();
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
}

#[test]
fn wrong_credentials_are_said_clearly_and_lose_nothing() {
    let node = Node::new();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    (0..20).for_each(|_| drop(app.print_numbered(Stream::Stdout, "some words")));
    let wrong =
        CREDENTIALS.map(|(name, value)| (name, if value == "secret" { "wrong" } else { value }));
    let mut agent = node.start_with(&wrong);
    wait_for_words(&mut agent, "InvalidSignatureException");
    assert_eq!(node.fake.event_count(), 0);
    agent.kill();
    let mut agent = node.start();
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
}

#[test]
fn expired_credentials_are_waited_out() {
    let node = Node::new();
    let mut over = Credentials::new("AKIATEST", "secret");
    over.expired = true;
    node.fake.set_credentials(vec![over]);
    let mut app = node.kubelet.start("web", "shop-1", "app");
    (0..20).for_each(|_| drop(app.print_numbered(Stream::Stdout, "some words")));
    let mut agent = node.start();
    wait_for_words(&mut agent, "ExpiredTokenException");
    node.fake
        .set_credentials(vec![Credentials::new("AKIATEST", "secret")]);
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
}

#[test]
fn missing_credentials_are_said_clearly_and_lose_nothing() {
    let node = Node::new();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    app.print_numbered(Stream::Stdout, "some words");
    let home = node.path().to_str().unwrap();
    let none = [("AWS_EC2_METADATA_DISABLED", "true"), ("HOME", home)];
    let mut agent = node.start_with(&none);
    wait_for_words(&mut agent, "credentials");
    assert!(agent.is_running());
    agent.kill();
    let mut agent = node.start();
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
}

/// When the service is away, the log files on the node are the buffer: reading stops.
#[test]
fn an_outage_stops_reading_and_not_the_agent() {
    let node = Node::new();
    node.fake.set_script(vec![on_puts(Fault::Status {
        status: 503,
        body: StatusBody::Empty,
    })]);
    let mut containers: Vec<Container> = (0..4)
        .map(|number| node.kubelet.start("web", &format!("shop-{number}"), "app"))
        .collect();
    let text = "x".repeat(2_000);
    for container in &mut containers {
        (0..10_000).for_each(|_| drop(container.print_numbered(Stream::Stdout, &text)));
    }
    let mut agent = node.start();
    until("requests are refused", || {
        node.fake.requests_for("PutLogEvents").len() > 3
    });
    a_while();
    let peak = memory_peak(agent.process_id());
    assert!(
        peak < 200 << 20,
        "the agent holds {} MiB of 80 MB that wait",
        peak >> 20
    );
    node.fake.set_script(Vec::new());
    let written = containers
        .iter()
        .flat_map(|c| c.written())
        .cloned()
        .collect::<Vec<_>>();
    node.drain_after(&mut agent, &written);
    node.tally(&written).assert_exactly_once();
}

/// How long a line waits for its end is counted while there is nothing to read, not while reading
/// waits for the service.
#[test]
fn a_split_line_is_not_let_go_while_reading_waits_for_the_service() {
    let mut node = Node::new();
    node.config.source = "partial_idle: 5s".to_owned();
    node.fake.set_script(vec![on_puts(Fault::Status {
        status: 503,
        body: StatusBody::Empty,
    })]);
    let mut split = node.kubelet.start("web", "shop-1", "app");
    let mut flood = node.kubelet.start("web", "shop-2", "app");
    let mut agent = node.start();
    let mut text = split.next_token().into_bytes();
    text.push(b' ');
    text.resize(20_000, b'x');
    split.print_around(Stream::Stdout, text, |_, _| {
        // The first piece is read; then the group's share of the budget is full, and reading stops.
        a_while();
        let text = "x".repeat(10_000);
        (0..1_000).for_each(|_| drop(flood.print_numbered(Stream::Stdout, &text)));
        until("requests are refused", || {
            node.fake.requests_for("PutLogEvents").len() > 1
        });
        a_while();
    });
    std::thread::sleep(Duration::from_secs(6));
    node.fake.set_script(Vec::new());
    let written = [split.written(), flood.written()].concat();
    node.drain_after(&mut agent, &written);
    node.tally(&written).assert_exactly_once();
}
