//! Docker's layout: what the kubelet's folder holds are links, and files are rotated where they lead
//! to, which no event of the kubelet's folder tells.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;

use support::books::Found;

use crate::node::{Node, wait_for_words};

fn print(path: &Path, text: &str) {
    let line = format!(
        "{{\"log\":\"{text}\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-23T20:00:00.5Z\"}}\n"
    );
    let file = OpenOptions::new().create(true).append(true).open(path);
    let mut file = file.expect("a file of our own");
    file.write_all(line.as_bytes()).expect("a line fits");
}

/// The folder of links shows nothing of it, and no rescan comes.
#[test]
fn a_file_that_is_rotated_behind_its_link_is_read_on() {
    let mut node = Node::new();
    node.config.source = "rescan_every: 1h".to_owned();
    let target = node.path().join("docker/0f1c");
    let folder = node.kubelet.pods().join("web_shop-1_0f1c/app");
    fs::create_dir_all(&target).expect("docker's folder");
    fs::create_dir_all(&folder).expect("the kubelet's folder");
    let live = target.join("0f1c-json.log");
    print(&live, "first");
    symlink(&live, folder.join("0.log")).expect("a link");
    let mut agent = node.start();
    wait_for_words(&mut agent, "logsieve runs");
    let has = |text: &str| node.fake.events().iter().any(|e| e.message == text);
    agent.wait_until("the first record arrives", |_| has("first"));
    for round in 0..3 {
        fs::rename(&live, target.join("0f1c-json.log.1")).expect("docker renames");
        let late = format!("late {round}");
        print(&target.join("0f1c-json.log.1"), &late);
        let next = format!("next {round}");
        print(&live, &next);
        agent.wait_until("both records arrive", |_| has(&late) && has(&next));
    }
    let found = Found {
        arrived: 7,
        ..Found::default()
    };
    node.assert_books(&mut agent, &[("web/shop-1/app".to_owned(), found)].into());
    assert!(agent.drain().success(), "{}", agent.stderr());
    assert_eq!(node.fake.event_count(), 7, "each came once");
}
