//! The node's journal, as systemd's own writer makes it, on its way to the service: all of it, once each,
//! whatever happens to agent and files meanwhile.

mod container_insights;
mod held_back;
mod large;
mod losses;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use support::agent::Agent;
use support::journal::{Entry, Layout, Writer, make};

use crate::node::{Node, module, wait_for_words};

const BEGAN_AGO: u64 = 3_600_000_000;

/// A node whose units have a stream each.
fn node() -> Node {
    let mut node = Node::new();
    node.config.destinations = format!(
        "{{ main: {{ cloudwatch: {{ region: eu-central-1, endpoint: \"{}\", flush_after: 50ms, format: text, \
         log_group: /host, log_stream: '{{systemd.unit,syslog.identifier|other}}' }} }} }}",
        node.fake.url()
    );
    fs::create_dir_all(file(&node, "")).unwrap();
    configure(&mut node, "");
    node
}

fn configure(node: &mut Node, more: &str) {
    let folder = node.path().join("journal");
    node.config.journal = format!("{{ paths: [{}], {more} }}", folder.display());
}

fn file(node: &Node, name: &str) -> PathBuf {
    let folder = "journal/3d1219c7c4c5404aaa1f6d2a48adfda4";
    node.path().join(folder).join(name)
}

/// Entries `from..to` of three units in turn, a few of several lines, received within the last hour.
fn entries(from: u64, to: u64) -> Vec<Entry> {
    let now = jiff::Timestamp::now().as_microsecond().unsigned_abs();
    let entry = |number: u64| {
        let text = match number % 10 {
            0 => format!("{number:06}\n\tat a line of a trace"),
            _ => format!("{number:06} a line"),
        };
        Entry::new(now - BEGAN_AGO + number * 100, text)
            .with("_TRANSPORT", "stdout")
            .with("PRIORITY", (number % 8).to_string())
            .with("SYSLOG_IDENTIFIER", format!("app{}", number % 3))
            .with("_SYSTEMD_UNIT", format!("unit{}.service", number % 3))
    };
    (from..to).map(entry).collect()
}

/// How often each number came.
fn came(node: &Node) -> BTreeMap<u64, u32> {
    let mut came = BTreeMap::new();
    for event in node.fake.events() {
        if let Some(number) = event.message.get(..6).and_then(|n| n.parse().ok()) {
            *came.entry(number).or_default() += 1;
        }
    }
    came
}

fn wait_for(node: &Node, agent: &mut Agent, to: u64) {
    agent.wait_until("all entries arrive", |_| {
        node.fake.event_count() as u64 >= to && came(node).len() as u64 == to
    });
}

/// Stops the agent; one that is not up yet would not hear it.
fn stop(mut agent: Agent) {
    wait_for_words(&mut agent, "logsieve runs");
    assert!(agent.drain().success());
}

fn assert_once(node: &Node, to: u64) {
    let again: Vec<_> = came(node)
        .into_iter()
        .filter(|(_, times)| *times > 1)
        .collect();
    assert!(again.is_empty(), "{} came twice: {again:?}", again.len());
    assert_eq!(came(node).len() as u64, to);
}

#[test]
fn entries_arrive_once_each_in_the_stream_of_their_unit() {
    let node = node();
    make(
        &file(&node, "system.journal"),
        Layout::default(),
        &entries(0, 5000),
    )
    .unwrap();
    let mut agent = node.start();
    wait_for(&node, &mut agent, 5000);
    stop(agent);
    assert_once(&node, 5000);
    // As GetLogEvents gives them: by millisecond, then by arrival.
    let mut events = node.fake.events();
    events.sort_by_key(|event| (event.timestamp, event.order));
    let mut last = BTreeMap::new();
    for event in events {
        let number: u64 = event.message[..6].parse().unwrap();
        assert_eq!(event.stream, format!("unit{}.service", number % 3));
        assert_eq!(
            number.is_multiple_of(10),
            event.message.contains("\n\tat a line")
        );
        let before = last.insert(event.stream.clone(), number);
        assert!(
            before.is_none_or(|before| before < number),
            "{before:?} {number}"
        );
    }
}

#[test]
fn what_is_written_and_rotated_while_the_agent_runs_arrives_once() {
    let node = node();
    let live = file(&node, "system.journal");
    let mut writer = Writer::start(&live, Layout::default()).unwrap();
    let mut agent = node.start();
    for part in 0..5 {
        writer
            .write(&entries(part * 100, part * 100 + 100))
            .unwrap();
        wait_for(&node, &mut agent, part * 100 + 100);
    }
    writer.finish().unwrap();
    fs::rename(&live, file(&node, "system@0001-0001.journal")).unwrap();
    make(&live, Layout::default(), &entries(500, 900)).unwrap();
    wait_for(&node, &mut agent, 900);
    stop(agent);
    let mut agent = node.start();
    make(
        &file(&node, "user-1000.journal"),
        Layout::default(),
        &entries(900, 950),
    )
    .unwrap();
    wait_for(&node, &mut agent, 950);
    stop(agent);
    assert_once(&node, 950);
}

#[test]
fn an_agent_that_is_killed_again_and_again_loses_no_entry() {
    let node = node();
    let mut writer = Writer::start(&file(&node, "system.journal"), Layout::default()).unwrap();
    for part in 0..4 {
        writer
            .write(&entries(part * 2000, part * 2000 + 2000))
            .unwrap();
        let before = node.fake.event_count();
        let mut agent = node.start();
        agent.wait_until("something new arrives", |_| {
            node.fake.event_count() > before
        });
        agent.kill();
    }
    let mut agent = node.start();
    wait_for(&node, &mut agent, 8000);
    stop(agent);
    let came = came(&node);
    assert_eq!(came.len(), 8000);
    // Each of the four may have had all that was there in flight, and no more.
    assert!(came.values().all(|times| *times <= 5));
}

#[test]
fn only_what_is_chosen_is_read() {
    let mut node = node();
    configure(
        &mut node,
        "select: { units: [unit1.service, 'unit2*'], level: err }",
    );
    node.config.routes =
        "[{ match: { source: journal, unit: unit1.service } }, { match: { source: container } }]"
            .into();
    make(
        &file(&node, "system.journal"),
        Layout::default(),
        &entries(0, 240),
    )
    .unwrap();
    let mut agent = node.start();
    // One of three units, four of eight levels.
    agent.wait_until("40 entries arrive", |_| node.fake.event_count() >= 40);
    stop(agent);
    let numbers: Vec<u64> = came(&node).into_keys().collect();
    let chosen: Vec<u64> = (0..240).filter(|n| n % 3 == 1 && n % 8 <= 3).collect();
    assert_eq!(numbers, chosen);
}

/// Its text is what its writer said, as JSON.
#[test]
fn an_entry_without_a_message_arrives_as_its_fields() {
    let node = node();
    let mut bare = entries(1, 2).remove(0);
    bare.fields.retain(|(name, _)| name != "MESSAGE");
    let bare = bare
        .with("_PID", "77")
        .with("COREDUMP_UNIT", "api \"x\"")
        .with("BLOB", b"\xff\n".as_slice());
    let mut all = entries(0, 3);
    all[1] = bare;
    make(&file(&node, "system.journal"), Layout::default(), &all).unwrap();
    let mut agent = node.start();
    agent.wait_until("three records arrive", |_| node.fake.event_count() >= 3);
    stop(agent);
    let events = node.fake.events().into_iter();
    let json = events.filter_map(|e| serde_json::from_str(&e.message).ok());
    let fields: Vec<serde_json::Value> = json.collect();
    let expected = serde_json::json!({
        "BLOB": "\u{fffd}\n",
        "COREDUMP_UNIT": "api \"x\"",
        "PRIORITY": "1",
        "SYSLOG_IDENTIFIER": "app1",
    });
    assert_eq!(fields, [expected]);
}

#[test]
fn reading_starts_where_the_configuration_says() {
    for (start, expected) in [("end", 0), ("30m", 100), ("beginning", 200)] {
        let mut node = node();
        configure(&mut node, &format!("start: {start}"));
        let live = file(&node, "system.journal");
        let now = jiff::Timestamp::now().as_microsecond().unsigned_abs();
        let at = |number: u64, ago: u64| Entry::new(now - ago + number, format!("{number:06} x"));
        let mut old: Vec<Entry> = (0..100).map(|n| at(n, BEGAN_AGO)).collect();
        old.extend((100..200).map(|n| at(n, 60_000_000)));
        make(&live, Layout::default(), &old).unwrap();
        let mut agent = node.start();
        let known = node.state().join("checkpoint.jsonl");
        agent.wait_until("the checkpoint knows the file", |_| {
            std::fs::read_to_string(&known).is_ok_and(|text| text.contains("journal:"))
        });
        let new: Vec<Entry> = (200..210).map(|n| at(n, 0)).collect();
        make(&live, Layout::default(), &new).unwrap();
        wait_for(&node, &mut agent, expected + 10);
        stop(agent);
        assert_once(&node, expected + 10);
        assert_eq!(came(&node).into_keys().next(), Some(200 - expected));
    }
}

/// The same modules as for containers: what one holds of a stream is joined with what comes later.
#[test]
fn lines_of_one_unit_are_joined_by_a_filter_that_holds() {
    let mut node = node();
    let (module, settings) = (
        module("filters/multiline"),
        "{ traces: [], start: '^0000' }",
    );
    node.config.filters = format!(
        "{{ modules: {{ multiline: {{ module: {}, settings: {settings} }} }} }}",
        module.display()
    );
    node.config.routes = "[{ filters: [multiline], destination: main }]".to_owned();
    let now = jiff::Timestamp::now().as_microsecond().unsigned_abs() - BEGAN_AGO;
    let lines = [
        "000001 an exception",
        "\tat a.B.c(B.java:1)",
        "\tat a.B.d(B.java:2)",
        "000002 and on",
    ];
    let mut entries = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let other = format!("{:06} another unit", 10 + at);
        let time = now + at as u64;
        entries.push(Entry::new(time, line).with("_SYSTEMD_UNIT", "a.service"));
        entries.push(Entry::new(time, other).with("_SYSTEMD_UNIT", "b.service"));
    }
    make(&file(&node, "system.journal"), Layout::default(), &entries).unwrap();
    let mut agent = node.start();
    agent.wait_until("six records arrive", |_| node.fake.event_count() >= 6);
    stop(agent);
    let events = node.fake.events();
    let of_a = events.iter().filter(|e| e.stream == "a.service");
    let texts: Vec<&str> = of_a.map(|e| e.message.as_str()).collect();
    assert_eq!(texts, [lines[..3].join("\n").as_str(), lines[3]]);
    assert_eq!(events.len(), 6);
}
