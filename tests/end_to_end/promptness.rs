//! A file is opened when it appears, and not when its turn to be read comes: whoever made it may delete it
//! a moment later. No rescan comes here for an hour, so what is found is what the kernel announced.

use std::fs;
use std::path::Path;

use support::agent::Agent;
use support::books::Told;
use support::cloudwatch::{Fault, Rule};
use support::kubelet::{Container, Stream};
use support::plain::PlainLog;

use crate::node::{Node, wait_for_words};

/// Far more than one log group may hold of the budget.
const FLOOD_BYTES: usize = 8 << 20;

/// A node whose records all go to one log group, which does not answer.
fn held_back() -> (Node, Agent, Container) {
    let mut node = Node::new();
    node.config.source = "rescan_every: 1h".to_owned();
    node.config.more = "budget: 4MiB".to_owned();
    node.config.destinations = format!(
        "{{ main: {{ cloudwatch: {{ region: eu-central-1, endpoint: \"{}\", flush_after: 50ms, format: text, \
         request_timeout: 1s, log_group: /all, log_stream: '{{k8s.pod.name,log.file.name|other}}' }} }} }}",
        node.fake.url()
    );
    node.config.files = format!(
        "{{ plain: {{ include: [{}] }} }}",
        node.path().join("plain/*.log").display()
    );
    fs::create_dir_all(node.path().join("plain")).unwrap();
    let hang = Rule::always(Fault::Hang).on("PutLogEvents");
    node.fake.set_script(vec![hang]);
    let mut flood = node.kubelet.start("web", "flood", "app");
    let mut agent = node.start();
    wait_for_words(&mut agent, "logsieve runs");
    for _ in 0..FLOOD_BYTES / 4096 {
        flood.print_numbered(Stream::Stdout, "x".repeat(4096));
    }
    agent.wait_until("nothing more is read", |agent| {
        let told = agent.admin().map(Told::metrics).unwrap_or_default();
        let unread = told.metrics.values().map(|books| books.unread_bytes);
        unread.sum::<u64>() > FLOOD_BYTES as u64 / 2
    });
    (node, agent, flood)
}

/// As soon as the file is open, it gets another name, and none; and is read when reading goes on.
fn arrives_though_it_goes(node: &Node, agent: &mut Agent, file: &Path, text: &str) {
    agent.wait_until("the file is open", |agent| agent.has_open(file));
    let aside = file.with_extension("aside");
    fs::rename(file, &aside).unwrap();
    fs::remove_file(aside).unwrap();
    node.fake.set_script(Vec::new());
    wait_for(node, agent, text);
    assert!(agent.drain().success(), "{}", agent.stderr());
}

fn wait_for(node: &Node, agent: &mut Agent, text: &str) {
    agent.wait_until("what it said arrives", |_| {
        node.fake.events().iter().any(|e| e.message.ends_with(text))
    });
}

#[test]
fn a_containers_file_that_goes_while_nothing_is_read_arrives() {
    let (node, mut agent, _flood) = held_back();
    let mut short = node.kubelet.start("web", "short", "app");
    short.print_numbered(Stream::Stdout, "all it said");
    arrives_though_it_goes(&node, &mut agent, &short.live_path(), "all it said");
}

#[test]
fn a_plain_file_that_goes_while_nothing_is_read_arrives() {
    let (node, mut agent, _flood) = held_back();
    let mut short = PlainLog::new(&node.path().join("plain/short.log"), 1);
    short.write(1, "all it said");
    arrives_though_it_goes(&node, &mut agent, short.path(), "all it said");
}

#[test]
fn the_first_words_of_what_is_new_arrive_though_no_rescan_comes() {
    let (node, mut agent, _flood) = held_back();
    node.fake.set_script(Vec::new());
    let mut pod = node.kubelet.start("web", "new", "app");
    pod.print_numbered(Stream::Stdout, "of a pod");
    let mut plain = PlainLog::new(&node.path().join("plain/new.log"), 2);
    plain.write(1, "of a file");
    wait_for(&node, &mut agent, "of a pod");
    wait_for(&node, &mut agent, "of a file");
    assert!(agent.drain().success(), "{}", agent.stderr());
}
