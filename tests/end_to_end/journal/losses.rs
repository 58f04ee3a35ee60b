//! What goes before it is read, and what a failing filter stops: it is counted and marked, and nothing
//! else is lost.

use std::fs;
use std::path::Path;

use support::agent::Agent;
use support::cloudwatch::{Fault, Rule};
use support::configmap::ConfigMap;
use support::journal::{Layout, make};

use super::{assert_once, came, entries, file, node, stop, wait_for};
use crate::node::{Node, a_while, module, wait_for_hang, wait_for_words};

/// What stands before the payload of a data object, in the compact layout.
const OBJECT_HEAD_BYTES: usize = 72;

#[test]
fn what_journald_deletes_unread_is_counted_and_marked() {
    let node = node();
    let old = file(&node, "system@0001-0001.journal");
    make(&old, Layout::default(), &entries(0, 30_000)).unwrap();
    node.fake
        .set_script(vec![Rule::always(Fault::Hang).on("PutLogEvents")]);
    let mut agent = node.start();
    wait_for_hang(&node, &mut agent);
    let known = node.state().join("checkpoint.jsonl");
    agent.wait_until("the checkpoint knows the file", |_| {
        fs::read_to_string(&known).is_ok_and(|text| text.contains("journal:"))
    });
    agent.kill();
    vacuum(&old);
    make(
        &file(&node, "system.journal"),
        Layout::default(),
        &entries(30_000, 30_100),
    )
    .unwrap();
    node.fake.set_script(Vec::new());
    let mut agent = node.start();
    agent.wait_until("the marker arrives", |_| {
        let mut events = node.fake.events().into_iter();
        events.any(|e| e.message.contains("deleted unread by journald"))
    });
    wait_for(&node, &mut agent, 100);
    stop(agent);
}

/// While the service does not answer, reading waits; and journald goes on making room.
#[test]
fn what_journald_deletes_while_reading_waits_is_counted_to_the_entry() {
    let mut node = node();
    node.config.more = "budget: 4MiB".to_owned();
    let quick = "flush_after: 50ms, request_timeout: 2s";
    node.config.destinations = node.config.destinations.replace("flush_after: 50ms", quick);
    let file = file(&node, "system.journal");
    let pad = "x".repeat(300);
    let mut all = entries(0, 40_000);
    for entry in &mut all {
        entry.fields[3].1.extend_from_slice(pad.as_bytes());
    }
    make(&file, Layout::default(), &all).unwrap();
    let names = fs::read_dir(file.parent().unwrap()).unwrap().flatten();
    assert_eq!(names.count(), 1, "one file");
    node.fake
        .set_script(vec![Rule::always(Fault::Hang).on("PutLogEvents")]);
    let mut agent = node.start();
    wait_for_hang(&node, &mut agent);
    vacuum(&file);
    node.fake.set_script(Vec::new());
    let marked = |node: &Node| -> Option<u64> {
        let events = node.fake.events().into_iter();
        let mut texts =
            events.filter_map(|e| Some(e.message.strip_prefix("logsieve: ")?.to_owned()));
        let text = texts.find(|t| t.contains("deleted unread by journald"))?;
        let entries = text.split(" entries of the journal").next()?;
        entries.replace(',', "").parse().ok()
    };
    agent.wait_until("the marker arrives, and all that was read", |_| {
        marked(&node).is_some_and(|lost| came(&node).len() as u64 + lost >= 40_000)
    });
    stop(agent);
    let lost = marked(&node).unwrap();
    assert!(lost > 10_000, "{lost}");
    assert_eq!(came(&node).len() as u64 + lost, 40_000);
}

/// The markers that arrived.
pub fn markers(node: &Node) -> Vec<String> {
    let events = node.fake.events().into_iter().map(|e| e.message);
    events.filter(|m| m.starts_with("logsieve: ")).collect()
}

/// As journald deletes a file: the name goes, and what it held.
pub fn vacuum(file: &Path) {
    let open = fs::File::options().write(true).open(file).unwrap();
    fs::remove_file(file).unwrap();
    open.set_len(0).unwrap();
}

fn wait_for_owed(node: &Node, agent: &mut Agent) {
    let known = node.state().join("checkpoint.jsonl");
    let owed = |_: &Agent| {
        let text = fs::read_to_string(&known).unwrap_or_default();
        text.contains(r#""cause":"vacuumed""#)
    };
    agent.wait_until("the checkpoint knows of the loss", owed);
}

/// The loss is seen while no marker can be sent, and then the agent is killed.
#[test]
fn what_journald_deleted_is_told_though_the_agent_is_killed_before_it_could() {
    let node = node();
    let file = file(&node, "system.journal");
    make(&file, Layout::default(), &entries(0, 3000)).unwrap();
    let hang = Rule::always(Fault::Hang).on("PutLogEvents");
    node.fake.set_script(vec![hang]);
    let mut agent = node.start();
    wait_for_hang(&node, &mut agent);
    vacuum(&file);
    wait_for_owed(&node, &mut agent);
    agent.kill();
    assert_eq!(node.fake.event_count(), 0);
    node.fake.set_script(Vec::new());
    make(&file, Layout::default(), &entries(3000, 3100)).unwrap();
    for _ in 0..2 {
        let mut agent = node.start();
        wait_for(&node, &mut agent, 100);
        agent.wait_until("the marker arrives", |_| !markers(&node).is_empty());
        stop(agent);
    }
    let [marker] = &markers(&node)[..] else {
        panic!("one marker: {:?}", markers(&node));
    };
    // Known by then, to the byte: nothing else of it can be lost.
    assert!(!marker.contains("at least"), "{marker}");
    let words = "bytes of the journal deleted unread by journald";
    assert!(marker.contains(words), "{marker}");
    assert_once(&node, 100);
}

/// At the next start the filter of all routes has no module that works, and gets one later.
#[test]
fn what_journald_deleted_is_told_once_the_missing_module_of_its_route_is_there() {
    let mut node = node();
    let file = file(&node, "system.journal");
    make(&file, Layout::default(), &entries(0, 3000)).unwrap();
    let hang = Rule::always(Fault::Hang).on("PutLogEvents");
    node.fake.set_script(vec![hang]);
    let mut agent = node.start();
    wait_for_hang(&node, &mut agent);
    vacuum(&file);
    wait_for_owed(&node, &mut agent);
    agent.kill();
    node.fake.set_script(Vec::new());
    make(&file, Layout::default(), &entries(3000, 3100)).unwrap();
    let mut modules = ConfigMap::mount(&node.path().join("modules"));
    modules.set("f.wasm", "no module at all");
    node.config.filters = format!(
        "{{ directories: [{}], modules: {{ f: {{}} }} }}",
        modules.folder().display()
    );
    node.config.routes = "[{ filters: [f], destination: main }]".to_owned();
    let mut agent = node.start();
    wait_for_words(&mut agent, "there is no module that works");
    wait_for_words(&mut agent, "a part of the journal is gone");
    a_while();
    modules.set("f.wasm", fs::read(module("guests/noop")).unwrap());
    wait_for(&node, &mut agent, 100);
    agent.wait_until("the marker arrives", |_| !markers(&node).is_empty());
    stop(agent);
    assert_eq!(markers(&node).len(), 1, "{:?}", markers(&node));
    assert_once(&node, 100);
}

/// An entry whose text cannot be read is not settled before that is told.
#[test]
fn damage_is_told_though_the_agent_is_killed_before_it_could() {
    let node = node();
    let file = file(&node, "system.journal");
    make(&file, Layout::default(), &entries(0, 300)).unwrap();
    let mut bytes = fs::read(&file).unwrap();
    let text = b"MESSAGE=000151 a line";
    let at = bytes.windows(text.len()).position(|w| w == text).unwrap();
    // Its object begins with a number that says what it is.
    assert_eq!(bytes[at - OBJECT_HEAD_BYTES], 1);
    bytes[at - OBJECT_HEAD_BYTES] = 99;
    fs::write(&file, bytes).unwrap();
    let hang = Rule::always(Fault::Hang).on("PutLogEvents");
    node.fake.set_script(vec![hang]);
    let mut agent = node.start();
    wait_for_hang(&node, &mut agent);
    agent.kill();
    node.fake.set_script(Vec::new());
    for _ in 0..2 {
        let mut agent = node.start();
        wait_for(&node, &mut agent, 299);
        agent.wait_until("the marker arrives", |_| !markers(&node).is_empty());
        stop(agent);
    }
    let [marker] = &markers(&node)[..] else {
        panic!("one marker: {:?}", markers(&node));
    };
    let words = "logsieve: 1 entries of the journal";
    assert!(marker.starts_with(words), "{marker}");
    assert!(came(&node).values().all(|times| *times == 1));
    assert!(!came(&node).contains_key(&151));
}

/// What a failing filter stops is read again when it works, and nothing leaks meanwhile.
#[test]
fn a_filter_that_fails_on_all_units_stops_them_and_nothing_is_lost() {
    let mut node = node();
    let filter = |name: &str| {
        let path = module(name);
        format!(
            "{{ modules: {{ f: {{ module: {}, on_error: block }} }} }}",
            path.display()
        )
    };
    node.config.filters = filter("guests/traps");
    node.config.routes = "[{ filters: [f], destination: main }]".to_owned();
    make(
        &file(&node, "system.journal"),
        Layout::default(),
        &entries(0, 300),
    )
    .unwrap();
    let mut agent = node.start();
    agent.wait_until("the journal is stopped", |agent| {
        agent
            .stderr()
            .contains("reading of this unit of the journal stops")
    });
    assert_eq!(node.fake.event_count(), 0);
    node.config.filters = filter("guests/noop");
    node.write_config();
    wait_for(&node, &mut agent, 300);
    stop(agent);
    assert_once(&node, 300);
}

/// Levels alternate, so a run of entries is many parts: those behind the one that fails wait for it.
#[test]
fn what_a_filter_fails_on_is_kept_and_the_rest_of_its_unit_arrives() {
    let mut node = node();
    let path = module("guests/traps_on_one_record");
    node.config.filters = format!("{{ modules: {{ f: {{ module: {} }} }} }}", path.display());
    node.config.routes = "[{ filters: [f], destination: main }]".to_owned();
    let mut all = entries(0, 600);
    for number in [100, 101, 350] {
        all[number].fields[3].1.extend_from_slice(b" poison");
    }
    make(&file(&node, "system.journal"), Layout::default(), &all).unwrap();
    let mut agent = node.start();
    agent.wait_until("all others arrive", |_| node.fake.event_count() >= 597);
    stop(agent);
    let events = node.fake.events();
    assert_eq!(events.len(), 597);
    assert!(!events.iter().any(|e| e.message.contains("poison")));
    let kept = fs::read_to_string(node.state().join("quarantine/00000001.jsonl")).unwrap();
    assert_eq!(kept.lines().count(), 3, "{kept}");
}

/// As a machine leaves it that lost its power; the other files of the journal arrive.
#[test]
fn an_archived_file_that_cannot_be_read_at_all_is_counted_and_marked_once() {
    let node = node();
    let live = file(&node, "system.journal");
    make(&live, Layout::default(), &entries(0, 100)).unwrap();
    fs::write(file(&node, "system@0001-0001.journal"), [7; 5000]).unwrap();
    for _ in 0..2 {
        let mut agent = node.start();
        wait_for(&node, &mut agent, 100);
        agent.wait_until("the marker arrives", |_| !markers(&node).is_empty());
        stop(agent);
    }
    let marked = markers(&node);
    assert_eq!(marked.len(), 1, "{marked:?}");
    assert!(
        marked[0].contains("5,000 bytes") && marked[0].contains("damaged"),
        "{marked:?}"
    );
}
