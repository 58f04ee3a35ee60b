//! The agent does not read its own log: every line that it wrote about a line would make another.
//! Who wants it nevertheless says `own_log: true`.

use support::kubelet::Stream;

use crate::node::{CREDENTIALS, Node, wait_for_words};

/// What comes of a node on which the agent's own pod prints, and another.
fn own_records(own_log: bool) -> usize {
    let mut node = Node::new();
    node.config.source = format!("own_log: {own_log}");
    let mut own = node.kubelet.start("logsieve", "agent-0", "logsieve");
    let mut other = node.kubelet.start("web", "shop-1", "app");
    own.print_numbered(Stream::Stderr, "of the agent itself");
    other.print_numbered(Stream::Stdout, "of another");
    let pod = own.pod().to_owned();
    let names = [("POD_NAMESPACE", "logsieve"), ("POD_NAME", &*pod)];
    let mut agent = node.start_with(&[&CREDENTIALS[..], &names[..]].concat());
    wait_for_words(&mut agent, "logsieve runs");
    if own_log {
        node.wait_for(&mut agent, own.written());
    }
    // Its folder is looked at before the other's, and again when it changes.
    own.rotate();
    own.print_numbered(Stream::Stderr, "of the agent itself, later");
    other.print_numbered(Stream::Stdout, "of another, later");
    node.drain_after(&mut agent, other.written());
    let events = node.fake.events();
    events
        .iter()
        .filter(|e| e.group.ends_with("logsieve"))
        .count()
}

#[test]
fn the_agents_own_log_is_not_read() {
    assert_eq!(own_records(false), 0);
}

#[test]
fn the_agents_own_log_is_read_where_that_is_wanted() {
    assert!(own_records(true) > 0);
}
