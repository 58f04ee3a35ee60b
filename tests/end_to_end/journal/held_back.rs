//! What stops one unit of a journal does not stop the others: a filter that blocks, a log group that does
//! not answer. The unit is read later from where it stopped, in order and once, also by the next agent.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use support::agent::Agent;
use support::cloudwatch::{Fault, Rule};
use support::journal::{Entry, Layout, make};

use super::losses::{markers, vacuum};
use super::{assert_once, came, entries, file, node, stop, wait_for};
use crate::node::{Node, module, wait_for_hang};

/// The unit that is held back; every third entry is of it.
const SLOW: &str = "unit0.service";

/// Units 1 and 2 go to `/host`, unit 0 to `/slow`.
fn node_with_two_groups() -> Node {
    let mut node = node();
    let destination = |name: &str, group: &str| {
        format!(
            "{name}: {{ cloudwatch: {{ region: eu-central-1, endpoint: \"{}\", flush_after: 50ms, request_timeout: 1s, \
             format: text, log_group: {group}, log_stream: '{{systemd.unit}}' }} }}",
            node.fake.url()
        )
    };
    let (main, slow) = (destination("main", "/host"), destination("slow", "/slow"));
    node.config.destinations = format!("{{ {main}, {slow} }}");
    node.config.routes = format!(
        "[{{ match: {{ source: journal, unit: {SLOW} }}, destination: slow }}, {{ destination: main }}]"
    );
    // A quarter of it is what `/slow` may hold.
    node.config.more = "budget: 4MiB\ndrain: 1s".to_owned();
    node
}

/// Entries long enough that a third of them is more than a log group may hold.
fn long_entries(from: u64, to: u64) -> Vec<Entry> {
    let mut all = entries(from, to);
    for entry in &mut all {
        entry.fields[3].1.extend_from_slice(&[b'x'; 300]);
    }
    all
}

fn of_unit(number: u64) -> u64 {
    number % 3
}

fn count_of(node: &Node, is_of: impl Fn(u64) -> bool) -> usize {
    came(node).keys().filter(|n| is_of(of_unit(**n))).count()
}

/// In each stream, whoever reads from the head sees ascending numbers.
fn assert_order(node: &Node) {
    let mut events = node.fake.events();
    events.retain(|e| !e.message.starts_with("logsieve: "));
    events.sort_by_key(|event| (event.timestamp, event.order));
    let mut last: BTreeMap<String, String> = BTreeMap::new();
    for event in events {
        let number = event.message[..6].to_owned();
        let before = last.insert(event.stream, number.clone());
        assert!(before.is_none_or(|before| before <= number), "{number}");
    }
}

fn blocks(node: &mut Node, guest: &str) {
    node.config.filters = format!(
        "{{ modules: {{ f: {{ module: {}, on_error: block }} }} }}",
        module(guest).display()
    );
}

#[test]
fn a_filter_that_blocks_stops_its_own_unit_alone() {
    let mut node = node();
    blocks(&mut node, "guests/traps");
    node.config.routes = format!(
        "[{{ match: {{ source: journal, unit: {SLOW} }}, filters: [f], destination: main }}, {{ destination: main }}]"
    );
    let system = file(&node, "system.journal");
    make(&system, Layout::default(), &entries(0, 9000)).unwrap();
    let mut agent = node.start();
    let others = |node: &Node| count_of(node, |unit| unit > 0);
    agent.wait_until("the other units arrive", |_| others(&node) == 6000);
    make(&system, Layout::default(), &entries(9000, 9300)).unwrap();
    agent.wait_until("and what is written meanwhile", |_| others(&node) == 6200);
    assert_eq!(count_of(&node, |unit| unit == 0), 0);
    // The next agent knows where the unit stopped.
    stop(agent);
    let mut agent = node.start();
    make(&system, Layout::default(), &entries(9300, 9600)).unwrap();
    agent.wait_until("and with another agent", |_| others(&node) == 6400);
    assert_eq!(count_of(&node, |unit| unit == 0), 0);
    blocks(&mut node, "guests/noop");
    node.write_config();
    wait_for(&node, &mut agent, 9600);
    stop(agent);
    assert_once(&node, 9600);
    assert_order(&node);
}

/// 30,000 entries, of which those of the other units arrive, while `/slow` does not answer.
fn arrives_but_for_slow(node: &Node) -> (PathBuf, Agent) {
    let system = file(node, "system.journal");
    make(&system, Layout::default(), &long_entries(0, 30_000)).unwrap();
    let hang = Rule::always(Fault::Hang).on("PutLogEvents");
    node.fake.set_script(vec![hang.in_log_group("/slow")]);
    let mut agent = node.start();
    wait_for_hang(node, &mut agent);
    agent.wait_until("the other units arrive", |_| {
        count_of(node, |unit| unit > 0) == 20_000
    });
    (system, agent)
}

/// A kill repeats of a unit what was on its way of that unit, and nothing of the others.
#[test]
fn a_log_group_that_does_not_answer_stops_its_own_units_alone() {
    let node = node_with_two_groups();
    let (system, mut agent) = arrives_but_for_slow(&node);
    wait_for_saved(&node, &mut agent);
    agent.kill();
    assert_eq!(count_of(&node, |unit| unit == 0), 0);
    let mut agent = node.start();
    make(&system, Layout::default(), &long_entries(30_000, 30_300)).unwrap();
    agent.wait_until("what is new of the other units arrives", |_| {
        count_of(&node, |unit| unit > 0) == 20_200
    });
    wait_for_saved(&node, &mut agent);
    node.fake.set_script(Vec::new());
    wait_for(&node, &mut agent, 30_300);
    stop(agent);
    assert_order(&node);
    let twice = came(&node).into_iter().filter(|(_, times)| *times > 1);
    let twice: Vec<u64> = twice.map(|(number, _)| number).collect();
    assert!(twice.is_empty(), "{} came twice: {twice:?}", twice.len());
}

/// The checkpoint has nothing of the other units any more.
fn wait_for_saved(node: &Node, agent: &mut Agent) {
    let path = node.state().join("checkpoint.jsonl");
    agent.wait_until("the checkpoint knows who is behind", |_| {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let names = |unit: &str| text.contains(&format!(r#""unit":"{unit}""#));
        names(SLOW) && !names("unit1.service") && !names("unit2.service")
    });
}

/// The loss is of the unit that was stopped, and its own stream tells it.
#[test]
fn what_journald_deletes_of_a_stopped_unit_is_counted_to_the_entry() {
    let node = node_with_two_groups();
    let (system, mut agent) = arrives_but_for_slow(&node);
    vacuum(&system);
    agent.wait_until("the loss is seen", |agent| {
        agent
            .stderr()
            .contains("is gone before a unit that was stopped could go on")
    });
    node.fake.set_script(Vec::new());
    let lost = |node: &Node| -> Option<u64> {
        let words = format!(" entries of `{SLOW}` of the journal");
        let text = markers(node).into_iter().find(|m| m.contains(&words))?;
        let count = text.strip_prefix("logsieve: ")?.split(&words).next()?;
        count.replace(',', "").parse().ok()
    };
    agent.wait_until("the marker arrives, and all that was read", |_| {
        lost(&node).is_some_and(|lost| came(&node).len() as u64 + lost >= 30_000)
    });
    stop(agent);
    assert_eq!(came(&node).len() as u64 + lost(&node).unwrap(), 30_000);
    assert!(lost(&node).unwrap() > 5000, "{:?}", lost(&node));
    let mut events = node.fake.events().into_iter();
    let marker = events
        .find(|e| e.message.starts_with("logsieve: "))
        .unwrap();
    assert_eq!(
        (marker.group.as_str(), marker.stream.as_str()),
        ("/slow", SLOW)
    );
}
