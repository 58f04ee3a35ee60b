//! Which files are followed, and where they go: patterns, routes, limits, where reading starts, and what is
//! told of them.

use std::fs;

use support::plain::PlainLog;

use super::{node, path, stop};
use crate::node::{metrics, texts, until, with_metrics};

#[test]
fn only_what_is_meant_is_followed_and_goes_where_its_route_says() {
    let mut node = node();
    let folder = node.path().join("plain");
    let folder = folder.display();
    node.config.files = format!(
        "{{ host: {{ include: ['{folder}/*.log', '{folder}/*/*.log'], exclude: ['{folder}/left-*'] }} }}"
    );
    node.config.routes =
        "[{ match: { source: files, file: '*/private.log' }, exclude: true }, { match: { source: files } }]".into();
    let names = [
        "a.log",
        "left-out.log",
        "b.txt",
        "private.log",
        "deep/c.log",
    ];
    for (number, name) in names.iter().enumerate() {
        PlainLog::new(&path(&node, name), number).write(10, name);
    }
    // What is no file is passed over.
    rustix::fs::mknodat(
        rustix::fs::CWD,
        path(&node, "pipe.log"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    let said = node.run("check").stdout;
    for (name, way) in [
        ("a.log", "/host / a.log"),
        ("private.log", "not read"),
        ("c.log", "/host / c.log"),
    ] {
        let line = said
            .lines()
            .find(|line| line.contains(name))
            .unwrap_or_default();
        assert!(line.contains(way), "{name}: {said}");
    }
    assert!(
        !said.contains("left-out") && !said.contains("b.txt"),
        "{said}"
    );
    let mut agent = node.start();
    agent.wait_until("both arrive", |_| node.fake.event_count() >= 20);
    PlainLog::new(&path(&node, "late/d.log"), 9).write(10, "in a folder that was not there");
    agent.wait_until("the new one arrives", |_| node.fake.event_count() >= 30);
    stop(agent);
    for name in ["a.log", "c.log", "d.log"] {
        assert_eq!(texts(&node, "/host", name).len(), 10, "{name}");
    }
    assert_eq!(node.fake.event_count(), 30);
}

#[test]
fn files_past_the_limit_are_left_out_and_that_is_said() {
    let mut node = node();
    node.config.files = format!(
        "{{ host: {{ include: [{}], files_max: 3 }} }}",
        path(&node, "*").display()
    );
    for number in 0..5 {
        PlainLog::new(&path(&node, &format!("log-{number}")), number).write(1, "a line");
    }
    let mut agent = node.start();
    agent.wait_until("three arrive", |agent| {
        node.fake.event_count() >= 3 && agent.stderr().contains("there are too many files")
    });
    stop(agent);
    assert_eq!(node.fake.event_count(), 3);
}

#[test]
fn a_file_is_read_from_its_end_where_the_configuration_says_so() {
    let mut node = node();
    node.config.files = format!(
        "{{ host: {{ include: [{}], start: end }} }}",
        path(&node, "*").display()
    );
    let mut log = super::log(&node);
    log.write_raw(b"what was there before\n");
    fs::write(log.with(".1"), "what was there long before\n").unwrap();
    let mut agent = node.start();
    agent.wait_until("the file is open", |agent| agent.has_open(log.path()));
    let known = node.state().join("checkpoint.jsonl");
    agent.wait_until("the checkpoint knows the file", |_| {
        fs::read_to_string(&known).is_ok_and(|text| text.contains("files:"))
    });
    log.write(5, "from now on");
    super::wait_for(&node, &mut agent, &log);
    stop(agent);
    assert_eq!(node.fake.event_count(), 5);
    super::tally(&node, &log).assert_exactly_once();
}

/// As when a group is added to the configuration of an agent that follows containers already.
#[test]
fn a_group_that_is_new_in_the_configuration_starts_at_its_end_and_one_that_is_known_at_no_end() {
    let mut node = node();
    let group = |name: &str, files: &str| {
        let files = path(&node, files);
        format!("{name}: {{ include: [{}], start: end }}", files.display())
    };
    let (host, more) = (group("host", "messages*"), group("more", "other*"));
    let mut other = PlainLog::new(&path(&node, "other"), 1);
    other.write_raw(b"what was there before\n");
    node.config.files = format!("{{ {host} }}");
    let known = node.state().join("checkpoint.jsonl");
    let knows = |words: &str| fs::read_to_string(&known).is_ok_and(|text| text.contains(words));
    let mut agent = node.start();
    agent.wait_until("the group is known", |_| knows("group of files:host"));
    stop(agent);
    // A file of a group that is known, written while no agent ran.
    let mut log = super::log(&node);
    log.write(5, "meanwhile");
    node.config.files = format!("{{ {host}, {more} }}");
    let mut agent = node.start();
    super::wait_for(&node, &mut agent, &log);
    agent.wait_until("the other file is known", |_| {
        knows("group of files:more") && knows(&format!("files:{}", other.path().display()))
    });
    other.write(5, "from now on");
    agent.wait_until("both arrive", |_| node.fake.event_count() >= 10);
    stop(agent);
    assert_eq!(node.fake.event_count(), 10);
    super::tally(&node, &log).assert_exactly_once();
}

#[test]
fn books_and_status_tell_of_a_plain_file_as_of_a_container() {
    let mut node = node();
    let address = with_metrics(&mut node);
    let mut log = super::log(&node);
    log.write(100, "a line");
    let mut agent = node.start();
    super::wait_for(&node, &mut agent, &log);
    let bytes = fs::metadata(log.path()).unwrap().len();
    let path = log.path().display().to_string();
    until("the books are balanced", || {
        let page = metrics(address);
        let mut lines = page.lines().filter(|line| line.contains(&path));
        lines.any(|line| line.contains("book=\"settled\"") && line.ends_with(&format!(" {bytes}")))
    });
    let at = address.to_string();
    let said = support::agent::finish(["status", "--at", &at]).stdout;
    assert!(said.contains(&path), "{said}");
    stop(agent);
}
