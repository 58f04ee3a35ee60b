//! Filters that trap, loop, grow, panic or break the contract: none of them loses a record, holds
//! up other containers or ends the agent.
//!
//! Each kind of failure meets each policy: `quarantine` (the default), `block`, `pass` and `drop`.

use support::agent::Agent;
use support::kubelet::{Container, Stream};
use support::wait;

use crate::node::{
    Node, a_while, cloudwatch, memory_peak, metrics, module, wait_for_words, with_metrics,
};

/// The guests that fail on every batch.
const FAILING: [&str; 7] = [
    "repeats_memory",
    "traps",
    "loops_forever",
    "grows_memory",
    "huge_output",
    "cannot_judge",
    "panics",
];

/// A node where records of `web` meet this guest, and those of `free` no filter.
fn node_with(guest: &str, policy: &str) -> (Node, Container, Container) {
    let mut node = Node::new();
    node.config.filters = format!(
        "{{ modules: {{ bad: {{ module: {}, on_error: {policy}, limits: {{ cpu_per_batch: 50ms }} }} }} }}",
        module(&format!("guests/{guest}")).display()
    );
    node.config.routes = "[{ match: { namespace: free }, destination: main }, \
                           { filters: [bad], destination: main }]"
        .to_owned();
    let bad = node.kubelet.start("web", "shop-1", "app");
    let free = node.kubelet.start("free", "other-1", "app");
    (node, bad, free)
}

fn print(container: &mut Container) {
    (0..20).for_each(|_| drop(container.print_numbered(Stream::Stdout, "panic, some words")));
}

/// Writes to both containers and waits for what no filter holds up.
fn run(node: &Node, bad: &mut Container, free: &mut Container) -> Agent {
    print(bad);
    print(free);
    let mut agent = node.start();
    node.wait_for(&mut agent, free.written());
    wait_for_words(&mut agent, "bad");
    agent
}

#[test]
fn a_failing_filter_blocks_its_container_and_no_other() {
    for guest in FAILING {
        let (mut node, mut bad, mut free) = node_with(guest, "block");
        let mut agent = run(&node, &mut bad, &mut free);
        a_while();
        assert!(agent.is_running(), "{guest}");
        node.tally(free.written()).assert_exactly_once();
        agent.drain();
        // A module that works takes its place: everything is still there.
        node.config.filters = node
            .config
            .filters
            .replace(&format!("{guest}.wasm"), "noop.wasm");
        let mut agent = node.start();
        let written = [bad.written(), free.written()].concat();
        node.drain_after(&mut agent, &written);
        node.tally(&written).assert_exactly_once();
    }
}

#[test]
fn under_pass_records_go_on_as_the_filter_was_handed_them() {
    for guest in FAILING {
        let (node, mut bad, mut free) = node_with(guest, "pass");
        let mut agent = run(&node, &mut bad, &mut free);
        let written = [bad.written(), free.written()].concat();
        node.drain_after(&mut agent, &written);
        node.tally(&written).assert_exactly_once();
    }
}

#[test]
fn by_default_what_a_filter_fails_on_stays_on_the_node_and_nowhere_else() {
    let (mut node, mut bad, mut free) = node_with("traps_on_one_record", "quarantine");
    let address = with_metrics(&mut node);
    for number in 0..50 {
        let words = if number == 25 { "poison" } else { "some words" };
        bad.print_numbered(Stream::Stdout, words);
    }
    print(&mut free);
    let mut agent = node.start();
    agent.wait_until("all others arrive", |_| node.fake.event_count() >= 69);
    let kept = "logsieve_filter_quarantined_records_total{filter=\"bad\"} 1";
    assert!(metrics(address).contains(kept), "{}", metrics(address));
    assert!(agent.drain().success());
    let events = node.fake.events();
    assert_eq!(events.len(), 69);
    assert!(!events.iter().any(|event| event.message.contains("poison")));
    let file = node.state().join("quarantine/00000001.jsonl");
    let text = std::fs::read_to_string(file).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    let poison = std::str::from_utf8(&bad.written()[25].text).unwrap();
    assert!(text.contains(poison), "{text}");
    // It is answered for: a restart neither sends nor keeps it again.
    let mut agent = node.start();
    free.print_numbered(Stream::Stdout, "later");
    agent.wait_until("what came later arrives", |_| node.fake.event_count() >= 70);
    assert!(agent.drain().success());
    assert_eq!(node.fake.events().len(), 70);
}

/// A destination of its own is told whence, how many and why. The text goes there only where the
/// operator lets it.
#[test]
fn who_is_told_of_quarantine_is_told_no_text_unless_the_operator_says_so() {
    for include_text in [false, true] {
        let (mut node, mut bad, mut free) = node_with("traps_on_one_record", "quarantine");
        let to = cloudwatch(&node.fake.url(), "format: text");
        let to = to.replace("/eks/{k8s.namespace.name}", "/audit");
        let main = cloudwatch(&node.fake.url(), "format: text");
        node.config.destinations = format!("{{ main: {main}, audit: {to} }}");
        node.config.filters = node.config.filters.replacen(
            '{',
            &format!(
                "{{ quarantine: {{ notices: {{ destination: audit, include_text: {include_text} }} }},"
            ),
            1,
        );
        for number in 0..50 {
            let words = if number == 25 { "poison" } else { "some words" };
            bad.print_numbered(Stream::Stdout, words);
        }
        print(&mut free);
        let mut agent = node.start();
        agent.wait_until("all is sent", |_| node.fake.event_count() >= 70);
        assert!(agent.drain().success());
        let events = node.fake.events();
        let (told, others): (Vec<_>, Vec<_>) = events.iter().partition(|e| e.group == "/audit");
        assert_eq!((told.len(), others.len()), (1, 69));
        assert!(!others.iter().any(|event| event.message.contains("poison")));
        let told = &told[0].message;
        assert!(told.contains("\"filter\":\"bad\""), "{told}");
        assert!(told.contains("\"kind\":\"trap\""), "{told}");
        assert!(told.contains("\"pod\":\"shop-1\""), "{told}");
        assert_eq!(told.contains("poison"), include_text, "{told}");
        assert_eq!(told.contains("\"quarantined\":1"), !include_text, "{told}");
    }
}

#[test]
fn under_drop_records_are_discarded_counted_and_not_read_again() {
    let (mut node, mut bad, mut free) = node_with("traps", "drop");
    let address = with_metrics(&mut node);
    let mut agent = run(&node, &mut bad, &mut free);
    let dropped = "logsieve_filter_dropped_records_total{filter=\"bad\"} 20";
    wait::until("they are counted", || metrics(address).contains(dropped));
    agent.drain();
    node.config.filters = node.config.filters.replace("traps.wasm", "noop.wasm");
    bad.print_numbered(Stream::Stdout, "behind the dropped");
    let written = [&bad.written()[20..], free.written()].concat();
    let mut agent = node.start();
    node.drain_after(&mut agent, &written);
    node.tally(&written).assert_exactly_once();
}

/// A blocked container is tried again, without a restart.
#[test]
fn a_blocked_container_is_tried_again() {
    let (mut node, mut bad, mut free) = node_with("traps", "block");
    let address = with_metrics(&mut node);
    let mut agent = run(&node, &mut bad, &mut free);
    let failures = || {
        let metrics = metrics(address);
        let lines = metrics
            .lines()
            .filter(|line| line.starts_with("logsieve_filter_failures_total"));
        lines
            .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
            .sum::<u64>()
    };
    wait::until("it is tried a second time", || failures() >= 4);
    assert!(
        metrics(address).contains("logsieve_tail_blocked_containers 1"),
        "{}",
        metrics(address)
    );
    assert_eq!(agent.drain().code(), Some(0));
    node.tally(free.written()).assert_exactly_once();
}

#[test]
fn a_search_for_patterns_that_takes_too_long_fails_the_call() {
    let (node, mut bad, _) = node_with("evil_patterns", "pass");
    let text = format!("{} {}", bad.next_token(), "A".repeat(900_000));
    bad.print(text);
    let mut agent = node.start();
    wait_for_words(&mut agent, "CPU time");
    node.drain_after(&mut agent, bad.written());
    node.tally(bad.written()).assert_exactly_once();
}

/// A guest may hand the same bytes over many times; the agent must not make so many copies.
#[test]
fn a_filter_that_gives_back_far_too_much_does_not_fill_the_agents_memory() {
    let (node, mut bad, mut free) = node_with("repeats_memory", "pass");
    let mut agent = run(&node, &mut bad, &mut free);
    let written = [bad.written(), free.written()].concat();
    node.wait_for(&mut agent, &written);
    let peak = memory_peak(agent.process_id());
    assert!(
        peak < 350 << 20,
        "the agent's memory was {} MiB at its peak",
        peak >> 20
    );
}

#[test]
fn one_poisonous_record_under_pass_takes_no_other_with_it() {
    let (node, mut bad, _) = node_with("traps_on_one_record", "pass");
    for number in 0..50 {
        let words = if number == 25 { "poison" } else { "some words" };
        bad.print_numbered(Stream::Stdout, words);
    }
    let mut agent = node.start();
    agent.wait_until("all arrive", |_| node.fake.event_count() >= 50);
    assert!(agent.drain().success());
    let events = node.fake.events();
    assert_eq!(events.len(), 50);
    for (event, written) in events.iter().zip(bad.written()) {
        let text = std::str::from_utf8(&written.text).unwrap();
        assert!(
            event.message.ends_with(text),
            "`{}` and `{text}`",
            event.message
        );
    }
}
