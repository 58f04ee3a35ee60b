//! Files are found and opened whatever stands in the way: too few descriptors, events that the kernel
//! dropped, changes that it never announced.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use support::agent::{self, Agent};
use support::kubelet::{Container, Stream, Written};

use crate::node::{CREDENTIALS, Node, metrics, until, wait_for_words, with_metrics};

/// More than the kernel keeps for a process that does not ask (`fs.inotify.max_queued_events`).
const EVENTS: usize = 40_000;

fn written(containers: &[Container]) -> Vec<Written> {
    let all = containers.iter().flat_map(Container::written);
    all.cloned().collect()
}

#[test]
fn more_files_are_open_than_the_agent_was_started_to_hold() {
    let mut node = Node::new();
    // One stream for all: a stream for each is made at one a second.
    let each = "{k8s.pod.name}/{k8s.container.name}";
    node.config.destinations = node.config.destinations.replace(each, "all");
    let start = |number: usize| node.kubelet.start("web", &format!("shop-{number}"), "app");
    let mut containers: Vec<Container> = (0..150).map(start).collect();
    for container in &mut containers {
        container.print_numbered(Stream::Stdout, "some words");
    }
    let config = node.write_config().display().to_string();
    let binary = agent::binary().display().to_string();
    let few = "ulimit -S -n 80 && exec \"$0\" run --config \"$1\"";
    let words = ["-c", few, &binary, &config];
    let mut agent = Agent::spawn_program(Path::new("sh"), words, &CREDENTIALS);
    let written = written(&containers);
    agent.wait_until("all records arrive", |_| {
        node.fake.event_count() >= written.len()
    });
    let held = |c: &Container| agent.has_open(&c.live_path());
    assert!(containers.iter().all(held));
    let found = node.found(&agent, &written);
    node.assert_books(&mut agent, &found);
    node.drain(&mut agent);
    assert_eq!(node.fake.event_count(), written.len());
}

/// The agent stands still while more happens than the kernel keeps in mind for it, and no rescan comes
/// but the one for that.
#[test]
fn what_appears_while_events_are_lost_is_found() {
    let mut node = Node::new();
    node.config.source = "rescan_every: 1h".to_owned();
    let mut first = node.kubelet.start("web", "shop-1", "app");
    first.print_numbered(Stream::Stdout, "before");
    let mut agent = node.start();
    node.wait_for(&mut agent, first.written());
    agent.pause();
    let junk = first.folder().join("junk");
    for _ in 0..EVENTS / 2 {
        fs::write(&junk, "").expect("a file of our own");
        fs::remove_file(&junk).expect("it is there");
    }
    first.print_numbered(Stream::Stdout, "in a file that is rotated");
    first.rotate();
    first.print_numbered(Stream::Stdout, "in the next");
    let mut second = node.kubelet.start("web", "shop-2", "app");
    second.print_numbered(Stream::Stdout, "of another pod");
    agent.resume();
    let written = [first.written(), second.written()].concat();
    node.drain_after(&mut agent, &written);
    node.tally(&written).assert_exactly_once();
}

/// A link that leads to a link: what the second one leads to changes, and nobody watches that.
#[test]
fn what_no_event_tells_of_is_found_by_the_next_rescan() {
    let mut node = Node::new();
    node.config.source = "rescan_every: 300ms".to_owned();
    let elsewhere = node.path().join("elsewhere");
    let folder = |name: &str| elsewhere.join(name);
    for name in ["first", "second"] {
        fs::create_dir_all(folder(name).join("app")).expect("a folder of our own");
    }
    let line = |text: &str| format!("2026-11-23T20:00:00Z stdout F {text}\n");
    fs::write(folder("first").join("app/0.log"), line("one")).expect("a file of our own");
    symlink(folder("first"), folder("current")).expect("a link");
    symlink(
        folder("current"),
        node.kubelet.pods().join("web_shop-1_0f1c"),
    )
    .expect("a link");
    let mut agent = node.start();
    wait_for_words(&mut agent, "logsieve runs");
    let came = |text: &str| node.fake.events().iter().any(|e| e.message == text);
    agent.wait_until("the first record arrives", |_| came("one"));
    fs::write(folder("second").join("app/0.log"), line("two")).expect("a file of our own");
    fs::remove_file(folder("current")).expect("our link");
    symlink(folder("second"), folder("current")).expect("a link");
    agent.wait_until("the second record arrives", |_| came("two"));
    assert!(agent.drain().success(), "{}", agent.stderr());
    assert_eq!(node.fake.event_count(), 2);
}

/// An agent for which the kernel has so many of what inotify takes, for real: each user namespace has limits of
/// its own. Where none is to be had, as in some containers, that is said, and there is no agent.
fn with_inotify_limit(node: &Node, limit: &str, most: u32) -> Option<Agent> {
    let config = node.write_config();
    let script =
        format!("echo {most} > /proc/sys/user/{limit} || exit 77; exec \"$0\" run --config \"$1\"");
    let binary = agent::binary();
    let words = ["--user", "--map-root-user", "sh", "-c", &script];
    let words = words.into_iter().map(OsStr::new);
    let words = words.chain([binary.as_os_str(), config.as_os_str()]);
    let mut agent = Agent::spawn_program(Path::new("unshare"), words, &CREDENTIALS);
    let began = agent.holds_in_time(|agent| agent.stderr().contains("logsieve runs"));
    if !began && !agent.stderr().contains("logsieve") {
        eprintln!("not tested: {}", agent.stderr());
        return None;
    }
    Some(agent)
}

#[test]
fn an_agent_that_may_not_watch_folders_lists_them_and_says_so() {
    let mut node = Node::new();
    let address = with_metrics(&mut node);
    node.config.files = format!(
        "{{ host: {{ include: ['{}/plain/*'] }} }}",
        node.path().display()
    );
    let Some(mut agent) = with_inotify_limit(&node, "max_inotify_instances", 0) else {
        return;
    };
    agent.wait_until("both sources say so", |agent| {
        let said = agent.stderr();
        said.matches("fs.inotify.max_user_instances").count() == 2
    });
    let mut app = node.kubelet.start("web", "shop-1", "app");
    (0..100).for_each(|_| drop(app.print_numbered(Stream::Stdout, "found all the same")));
    node.wait_for(&mut agent, app.written());
    until("both sources are counted", || {
        metrics(address).contains("logsieve_tail_unwatched_sources 2")
    });
    node.drain(&mut agent);
    node.tally(app.written()).assert_exactly_once();
}

/// Of folders that the kernel does not watch nothing is heard, and no rescan comes but the one for that.
#[test]
fn an_agent_that_may_not_watch_all_folders_lists_them_and_says_so_until_it_may() {
    let mut node = Node::new();
    let address = with_metrics(&mut node);
    node.config.source = "rescan_every: 1h".to_owned();
    let mut first = node.kubelet.start("web", "shop-1", "app");
    first.print_numbered(Stream::Stdout, "before");
    let Some(mut agent) = with_inotify_limit(&node, "max_inotify_watches", 3) else {
        return;
    };
    agent.wait_until("the agent says so", |agent| {
        agent.stderr().contains("fs.inotify.max_user_watches")
    });
    let mut second = node.kubelet.start("web", "shop-2", "app");
    let mut print = |text: &str| {
        first.print_numbered(Stream::Stdout, text);
        second.print_numbered(Stream::Stdout, text);
        [first.written(), second.written()].concat()
    };
    node.wait_for(&mut agent, &print("found all the same"));
    let counted = |count: u32| {
        until(&format!("{count} of the sources are not watched"), || {
            metrics(address).contains(&format!("logsieve_tail_unwatched_sources {count}\n"))
        });
    };
    counted(1);
    let raise = "echo 1000 > /proc/sys/user/max_inotify_watches";
    let process = agent.process_id().to_string();
    let words = ["--user", "--preserve-credentials", "--target", &process];
    let raised = agent::finish_program(
        Path::new("nsenter"),
        words.into_iter().chain(["sh", "-c", raise]),
    );
    assert!(raised.status.success(), "{}", raised.stderr);
    counted(0);
    let written = print("watched");
    node.wait_for(&mut agent, &written);
    node.drain(&mut agent);
    assert_eq!(agent.stderr().matches("cannot be watched").count(), 1);
    node.tally(&written).assert_exactly_once();
}
