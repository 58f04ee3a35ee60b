//! Files that are renamed, replaced, unlinked and truncated under the agent.
//!
//! Each step of the kubelet's rotation is held still where a careless reader would lose records.

use std::fs;
use std::time::Duration;

use support::agent::Agent;
use support::cloudwatch::{Fault, Rule};
use support::kubelet::{Container, ROTATION, Step, Stream};

use crate::node::{Node, a_while, until};

/// A node, its agent and a container whose first records have arrived.
fn running() -> (Node, Agent, Container) {
    let node = Node::new();
    let mut agent = node.start();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    print(&mut app, 20, "before");
    node.wait_for(&mut agent, app.written());
    (node, agent, app)
}

fn print(app: &mut Container, count: usize, words: &str) {
    (0..count).for_each(|_| drop(app.print_numbered(Stream::Stdout, words)));
}

#[test]
fn a_renamed_file_is_read_to_its_end() {
    let (node, mut agent, mut app) = running();
    app.step(Step::Rename);
    print(&mut app, 20, "written into the renamed file");
    node.wait_for(&mut agent, app.written());
    print(&mut app, 1, "later still");
    app.step(Step::Reopen);
    print(&mut app, 20, "written into the new file");
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
}

#[test]
fn records_keep_their_order_over_many_rotations() {
    let (node, mut agent, mut app) = running();
    for round in 0..6 {
        for step in ROTATION {
            print(&mut app, 10, "between the steps");
            app.step(step);
        }
        // A real kubelet leaves seconds between two rotations.
        node.wait_for(&mut agent, app.written());
        print(&mut app, 10, &format!("round {round}"));
    }
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
}

#[test]
fn a_file_that_takes_the_inode_of_a_deleted_one_is_read_from_its_start() {
    let (node, mut agent, mut app) = running();
    // Whether the disk reuses the number is up to it; unlinking right before creating invites it.
    for _ in 0..5 {
        app.step(Step::Rename);
        for path in app.plain() {
            fs::remove_file(path).unwrap();
        }
        app.step(Step::Reopen);
        print(&mut app, 5, "in a new file");
        node.wait_for(&mut agent, app.written());
    }
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
}

/// The folder is listed because of a rename, and the next rename falls into the listing.
#[test]
fn a_file_that_is_renamed_while_its_folder_is_listed_is_read_once() {
    let (node, mut agent, mut app) = running();
    // Answers take a while, so that a file which is found twice is also sent twice.
    let slow = Fault::Slow { milliseconds: 200 };
    node.fake
        .set_script(vec![Rule::always(slow).on("PutLogEvents")]);
    for _ in 0..100 {
        // As soon as a file is open it may be renamed: a real one lives for seconds.
        let live = app.live_path();
        until("the live file is open", || agent.has_open(&live));
        app.step(Step::Rename);
        print(&mut app, 1, "between the names");
        app.step(Step::Reopen);
        print(&mut app, 3, "in the new file");
    }
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
}

#[test]
fn a_rotated_file_that_waited_for_the_agent_is_read_before_the_live_one() {
    let node = Node::new();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    print(&mut app, 50, "in the rotated file");
    app.rotate();
    print(&mut app, 50, "in the live file");
    let mut agent = node.start();
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
}

#[test]
fn what_was_written_while_the_agent_was_down_is_read_over_a_rotation() {
    let (node, mut agent, mut app) = running();
    assert!(agent.drain().success());
    print(&mut app, 20, "while the agent is down");
    app.rotate();
    print(&mut app, 20, "in the new file");
    let mut agent = node.start();
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
}

#[test]
fn a_restarted_container_goes_on_in_its_next_file() {
    let (node, mut agent, mut app) = running();
    for _ in 0..3 {
        app.restart();
        print(&mut app, 20, "of the next instance");
        node.wait_for(&mut agent, app.written());
    }
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
}

#[test]
fn the_last_words_of_a_deleted_pod_arrive() {
    let (node, mut agent, mut app) = running();
    print(&mut app, 500, "last words");
    app.exit();
    app.delete();
    node.wait_for(&mut agent, app.written());
    app.sweep();
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
}

/// The reader is stopped while the files go: only its open descriptors reach them.
#[test]
fn an_unlinked_file_is_read_by_the_descriptor_that_is_open() {
    let (node, mut agent, mut app) = running();
    agent.pause();
    print(&mut app, 500, "never seen under its name");
    app.exit();
    app.delete();
    agent.resume();
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
}

/// More than the agent reads at once, and long enough unlinked that nothing more is to come.
#[test]
fn long_lines_of_an_unlinked_file_are_joined() {
    let (node, mut agent, mut app) = running();
    agent.pause();
    for _ in 0..40 {
        let text = format!("{} {}", app.next_token(), "x".repeat(42_000));
        app.print_around(Stream::Stdout, text, |app, _| {
            drop(app.print_numbered(Stream::Stderr, "between the pieces"));
        });
    }
    app.exit();
    app.delete();
    std::thread::sleep(Duration::from_secs(2));
    agent.resume();
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
}

/// The same while reading waits for the service, again and again in the middle of a line.
#[test]
fn long_lines_of_an_unlinked_file_are_joined_while_the_service_is_slow() {
    let (node, mut agent, mut app) = running();
    let text = "x".repeat(42_000);
    let slow = Rule::always(Fault::Slow {
        milliseconds: 1_200,
    })
    .on("PutLogEvents");
    node.fake.set_script(vec![slow]);
    for _ in 0..300 {
        let text = format!("{} {text}", app.next_token());
        app.print_around(Stream::Stdout, text, |app, _| {
            drop(app.print_numbered(Stream::Stderr, "between the pieces"));
        });
    }
    app.exit();
    app.delete();
    until("reading has stopped and gone on", || {
        node.fake.event_count() > 300
    });
    node.fake.set_script(Vec::new());
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
}

#[test]
fn a_pod_that_takes_the_name_of_another_is_another() {
    let (node, mut agent, mut app) = running();
    app.exit();
    app.delete();
    app.sweep();
    let mut second = node.kubelet.start("web", "shop-1", "app");
    print(&mut second, 20, "of the second pod");
    let written = [app.written(), second.written()].concat();
    node.drain_after(&mut agent, &written);
    node.tally(&written).assert_exactly_once();
}

#[test]
fn a_truncated_file_is_read_from_its_start() {
    let (node, mut agent, mut app) = running();
    app.copy_and_truncate();
    a_while();
    // Shorter than what was read of it.
    print(&mut app, 5, "after the cut");
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
}

#[test]
fn a_line_whose_pieces_lie_in_two_files_is_joined() {
    let (node, mut agent, mut app) = running();
    let mut text = app.next_token().into_bytes();
    text.push(b' ');
    text.resize(40_000, b'x');
    app.print_around(Stream::Stdout, text, |app, piece| {
        if piece == 0 {
            app.rotate();
        }
    });
    print(&mut app, 1, "behind it");
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
}

/// The instance died in the middle of a line; what the next one prints is another record.
#[test]
fn an_unfinished_line_is_not_joined_with_what_the_next_instance_prints() {
    let (node, mut agent, mut app) = running();
    let unfinished = app.next_token();
    app.print_unfinished(Stream::Stdout, &unfinished);
    app.restart();
    print(&mut app, 5, "of the next instance");
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
}

#[test]
fn a_last_line_without_its_end_arrives_when_the_file_is_done() {
    let (node, mut agent, mut app) = running();
    app.write_raw(b"2026-11-23T20:00:00Z stdout F the runtime died in the middle");
    app.restart();
    print(&mut app, 1, "of the next instance");
    agent.wait_until("the torn line arrives", |_| {
        node.fake
            .events()
            .iter()
            .any(|event| event.message == "the runtime died in the middle")
    });
    node.wait_for(&mut agent, app.written());
}
