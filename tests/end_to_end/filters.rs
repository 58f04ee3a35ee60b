//! Records go through real filters, compiled from source, in the agent as it ships.
//!
//! `cargo xtask test` builds the modules. What a filter does is tested with the filter; here it is
//! shown that records meet it, in their order, over rotations and restarts.

use std::time::Duration;

use support::kubelet::{Container, Stream};

use crate::node::{Node, a_while, metrics, module, texts, with_metrics};

/// A node with these modules, as (name, module, further YAML), all in one chain.
pub fn node_with(filters: &[(&str, &str, &str)]) -> (Node, Container) {
    let mut node = Node::new();
    let modules: Vec<String> = filters
        .iter()
        .map(|(name, path, more)| {
            format!("{name}: {{ module: {}, {more} }}", module(path).display())
        })
        .collect();
    let names: Vec<&str> = filters.iter().map(|(name, ..)| *name).collect();
    node.config.filters = format!(
        "{{ modules: {{ {} }}, hold_idle: 300ms }}",
        modules.join(", ")
    );
    node.config.routes = format!("[{{ filters: [{}], destination: main }}]", names.join(", "));
    let app = node.kubelet.start("web", "shop-1", "app");
    (node, app)
}

/// What arrives of these lines.
fn filtered(filters: &[(&str, &str, &str)], lines: &[&str], arrives: usize) -> Vec<String> {
    let (node, mut app) = node_with(filters);
    lines.iter().for_each(|line| app.print(line));
    let mut agent = node.start();
    agent.wait_until("the records arrive", |_| node.fake.event_count() >= arrives);
    assert!(agent.drain().success());
    texts(&node, "/eks/web", "shop-1/app")
}

#[test]
fn a_filter_that_changes_nothing_changes_nothing() {
    let (node, mut app) = node_with(&[("noop", "guests/noop", "")]);
    for number in 0..5_000 {
        let stream = if number % 3 == 0 {
            Stream::Stderr
        } else {
            Stream::Stdout
        };
        app.print_numbered(stream, b"caf\xe9 \0 words");
    }
    let mut agent = node.start();
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
}

#[test]
fn a_card_number_does_not_leave_the_node() {
    let lines = [
        "pay with 4111 1111 1111 1111 now",
        "no card 4111 1111 1111 1112",
    ];
    let texts = filtered(&[("redact", "filters/redact", "")], &lines, 2);
    assert!(
        !texts[0].contains("4111 1111 1111 1111") && texts[0].ends_with(" now"),
        "{texts:?}"
    );
    assert_eq!(
        texts[1], lines[1],
        "that is no card number: the Luhn check fails"
    );
}

#[test]
fn what_the_ready_filter_drops_does_not_arrive() {
    let settings = "settings: { drop: { contains: [DEBUG] } }";
    let filters = [("drop", "filters/drop", settings)];
    let lines = ["INFO one", "DEBUG two", "INFO three", "DEBUG four"];
    assert_eq!(filtered(&filters, &lines, 2), ["INFO one", "INFO three"]);
}

#[test]
fn filters_of_a_chain_run_in_its_order() {
    // What the first makes of a record is what the second is handed.
    let filters = [
        ("first", "guests/every_change", ""),
        ("second", "guests/every_change", ""),
    ];
    let lines = ["replace replace twice", "replace once", "untouched"];
    assert_eq!(
        filtered(&filters, &lines, 3),
        ["twice", "once", "untouched"]
    );
}

#[test]
fn what_a_filter_drops_is_settled_and_what_it_adds_arrives() {
    let (node, mut app) = node_with(&[("every", "guests/every_change", "")]);
    for line in [
        "drop",
        "add one more",
        "drop; add instead; add and more",
        "end",
    ] {
        app.print(line);
    }
    let mut agent = node.start();
    agent.wait_until("the last arrives", |_| node.fake.event_count() >= 5);
    assert!(agent.drain().success());
    let expected = ["add one more", "one more", "instead", "and more", "end"];
    assert_eq!(texts(&node, "/eks/web", "shop-1/app"), expected);
    // Nothing is read again, the dropped records among it.
    let mut agent = node.start();
    app.print("a sign of life");
    agent.wait_until("the sign of life", |_| node.fake.event_count() >= 6);
    assert!(agent.drain().success());
    assert_eq!(node.fake.event_count(), 6);
}

#[test]
fn a_filter_chooses_among_the_destinations_that_it_is_let() {
    let (mut node, mut app) = node_with(&[(
        "every",
        "guests/every_change",
        "routes: [audit], on_error: pass",
    )]);
    let url = node.fake.url();
    let audit = format!(
        "{{ cloudwatch: {{ region: eu-central-1, endpoint: \"{url}\", log_group: audit, \
         log_stream: all, format: text, flush_after: 50ms }} }}"
    );
    let main = crate::node::cloudwatch(&url, "format: text");
    node.config.destinations = format!("{{ main: {main}, audit: {audit} }}");
    ["to main", "route audit", "to main too"]
        .iter()
        .for_each(|line| app.print(line));
    let mut agent = node.start();
    agent.wait_until("all arrive", |_| node.fake.event_count() >= 3);
    assert!(agent.drain().success());
    assert_eq!(
        texts(&node, "/eks/web", "shop-1/app"),
        ["to main", "to main too"]
    );
    assert_eq!(texts(&node, "audit", "all"), ["route audit"]);
}

#[test]
fn a_filter_is_told_where_records_come_from() {
    let (mut node, mut app) = node_with(&[("origin", "guests/tells_origin", "")]);
    node.config.more = "enrich: { cluster: production }".to_owned();
    let lines = [
        "k8s.namespace.name",
        "k8s.pod.name",
        "k8s.container.name",
        "k8s.cluster.name",
    ];
    lines.iter().for_each(|line| app.print(line));
    app.print("no.such.fact");
    app.print("while configured");
    let mut agent = node.start();
    agent.wait_until("all arrive", |_| node.fake.event_count() >= 6);
    assert!(agent.drain().success());
    let expected = [
        "web",
        "shop-1",
        "app",
        "production",
        "no `no.such.fact`",
        "0",
    ];
    assert_eq!(texts(&node, "/eks/web", "shop-1/app"), expected);
}

#[test]
fn an_event_of_several_lines_is_joined_over_a_rotation() {
    let (node, mut app) = node_with(&[("traces", "guests/holds_stack_traces", "")]);
    let mut agent = node.start();
    app.print("Exception: one");
    app.print("  at a");
    app.rotate();
    app.print("  at b");
    app.print("next");
    let expected = ["Exception: one\n  at a\n  at b", "next"];
    // The last event is let go when nothing comes for a while.
    agent.wait_until("both arrive", |_| node.fake.event_count() >= 2);
    assert_eq!(texts(&node, "/eks/web", "shop-1/app"), expected);
}

#[test]
fn what_a_filter_holds_is_read_again_after_a_stop_and_a_kill() {
    for stop in [true, false] {
        let (mut node, mut app) = node_with(&[("traces", "guests/holds_stack_traces", "")]);
        node.config.filters = node.config.filters.replace("300ms", "1h");
        app.print("first");
        app.print("Exception: held");
        let mut agent = node.start();
        agent.wait_until("the first arrives", |_| node.fake.event_count() >= 1);
        a_while();
        match stop {
            true => assert!(agent.drain().success()),
            false => agent.kill(),
        }
        assert_eq!(texts(&node, "/eks/web", "shop-1/app"), ["first"]);
        app.print("  at a");
        app.print("next");
        let mut agent = node.start();
        let joined = "Exception: held\n  at a";
        agent.wait_until("the joined event arrives", |_| {
            node.fake
                .events()
                .iter()
                .any(|event| event.message == joined)
        });
    }
}

/// At most 1,000 records or 1 MiB are held for a container.
#[test]
fn a_filter_that_holds_for_ever_holds_up_to_a_limit() {
    let (mut node, mut app) = node_with(&[("holds", "guests/holds_forever", "")]);
    node.config.filters = node.config.filters.replace("300ms", "1h");
    (0..20_000).for_each(|_| drop(app.print_numbered(Stream::Stdout, "some words")));
    let mut agent = node.start();
    agent.wait_until("most arrive", |_| node.fake.event_count() >= 10_000);
    let expected: Vec<_> = app
        .written()
        .iter()
        .map(support::kubelet::Written::expected)
        .collect();
    assert!(agent.drain().success());
    node.config.filters = node.config.filters.replace("1h", "100ms");
    let mut agent = node.start();
    node.drain_after(&mut agent, app.written());
    assert_eq!(expected.len(), node.fake.event_count());
    node.tally(app.written()).assert_exactly_once();
}

#[test]
fn held_records_come_when_nothing_more_does() {
    let (node, mut app) = node_with(&[("holds", "guests/holds_forever", "")]);
    (0..10).for_each(|_| drop(app.print_numbered(Stream::Stdout, "some words")));
    let mut agent = node.start();
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
}

#[test]
fn a_filter_that_floods_the_agents_log_is_cut_short() {
    let (node, mut app) = node_with(&[("floods", "guests/floods_log", "")]);
    let mut agent = node.start();
    for _ in 0..5 {
        app.print_numbered(Stream::Stdout, "a batch of its own");
        node.wait_for(&mut agent, app.written());
        std::thread::sleep(Duration::from_millis(100));
    }
    let said = agent.stderr();
    let flood: Vec<&str> = said.lines().filter(|line| line.contains("xüü")).collect();
    // Ten a second of 5,000, over a few seconds.
    assert!((1..=200).contains(&flood.len()), "{} lines", flood.len());
    assert!(
        flood.iter().all(|line| line.len() < 1500),
        "a line is too long"
    );
    assert!(
        flood.iter().all(|line| line.contains("floods")),
        "a line does not name the filter"
    );
}

#[test]
fn a_filters_own_counters_are_shown_up_to_a_limit() {
    let (mut node, mut app) = node_with(&[("counts", "guests/many_counters", "")]);
    let address = with_metrics(&mut node);
    app.print_numbered(Stream::Stdout, "a record");
    let mut agent = node.start();
    node.wait_for(&mut agent, app.written());
    let metrics = metrics(address);
    let custom = metrics
        .lines()
        .filter(|line| line.starts_with("logsieve_filter_custom_total{"));
    assert_eq!(custom.count(), 32, "{metrics}");
    assert!(
        !metrics.contains("\"Bad\"") && !metrics.contains("\"a-b\""),
        "{metrics}"
    );
}

#[test]
fn an_instance_that_fails_is_replaced_by_a_fresh_one() {
    let (node, mut app) = node_with(&[("numbers", "guests/traps_on_one_record", "")]);
    let mut agent = node.start();
    app.print("one");
    agent.wait_until("the first arrives", |_| node.fake.event_count() >= 1);
    // The instance in charge has seen a record, so it traps; a fresh one does not.
    app.print("tired two");
    agent.wait_until("the second arrives", |_| node.fake.event_count() >= 2);
    assert_eq!(
        texts(&node, "/eks/web", "shop-1/app"),
        ["1 one", "1 tired two"]
    );
}

/// Events that go on and on, in more containers than the memory is for.
#[test]
fn what_filters_hold_of_all_containers_shares_a_quarter_of_the_budget() {
    const LINES: usize = 400;
    let mut node = Node::new();
    let address = with_metrics(&mut node);
    let filter = module("guests/joins_and_traps");
    let filters = |idle: &str| {
        let filter = filter.display();
        format!("{{ hold_idle: {idle}, modules: {{ f: {{ module: {filter} }} }} }}")
    };
    node.config.filters = filters("1h");
    node.config.routes = "[{ filters: [f], destination: main }]".to_owned();
    node.config.more = "budget: 4MiB".to_owned();
    let pods: Vec<String> = (0..12).map(|n| format!("shop-{n}")).collect();
    let lines = |pod: &str| -> Vec<String> {
        let blank = |n: usize| if n == 0 { "" } else { " " };
        let line = |n| format!("{}{pod} {n} {}", blank(n), "x".repeat(600));
        (0..LINES).map(line).collect()
    };
    let mut written = 0;
    for pod in &pods {
        let mut container = node.kubelet.start("web", pod, "app");
        for line in lines(pod) {
            written += line.len();
            container.print(line);
        }
    }
    let mut agent = node.start();
    agent.wait_until("all but a quarter of the budget has gone on", |_| {
        let events = node.fake.events();
        let sent: usize = events.iter().map(|event| event.message.len()).sum();
        sent + (1 << 20) >= written
    });
    agent.wait_until("what is held shows", |_| {
        let metrics = metrics(address);
        let mut shown = metrics.lines().filter_map(|line| {
            let used = line.strip_prefix("logsieve_budget_used_bytes ")?;
            used.parse::<u64>().ok()
        });
        shown.any(|used| used > 0 && used <= 1 << 20)
    });
    assert!(agent.drain().success());
    // Nothing of it is lost, and nothing comes twice.
    node.config.filters = filters("100ms");
    let mut agent = node.start();
    let arrived = |pod: &String| texts(&node, "/eks/web", &format!("{pod}/app")).join("+");
    agent.wait_until("all of it arrives", |_| {
        pods.iter().all(|pod| arrived(pod) == lines(pod).join("+"))
    });
    assert!(agent.drain().success());
}
