//! The agent stops, or is killed, and files are rotated meanwhile: nothing is lost, and repeated is only what
//! was on its way.

use std::fs;

use logsieve::checkpoint::store::{FORGET_AFTER_SECONDS, Store, decode};
use support::cloudwatch::{Fault, Rule};

use super::{ROTATIONS, log, node, path, stop, tally, wait_for};
use crate::node::{wait_for_hang, wait_for_words};

#[test]
fn what_is_rotated_while_the_agent_is_down_is_read_when_it_is_back() {
    for (how, rotate) in ROTATIONS {
        let node = node();
        let mut log = log(&node);
        log.write(200, "before");
        for round in 0..2 {
            let mut agent = node.start();
            wait_for(&node, &mut agent, &log);
            stop(agent);
            log.write(100, how);
            rotate(&mut log, round);
            log.write(50, "behind it");
        }
        let mut agent = node.start();
        wait_for(&node, &mut agent, &log);
        stop(agent);
        eprintln!("{how}");
        tally(&node, &log).assert_exactly_once();
    }
}

#[test]
fn an_agent_that_is_killed_over_rotations_loses_nothing() {
    for (how, rotate) in ROTATIONS {
        let node = node();
        let mut log = log(&node);
        for round in 0..4 {
            log.write(2000, how);
            let before = node.fake.event_count();
            let mut agent = node.start();
            agent.wait_until("something arrives", |_| node.fake.event_count() > before);
            rotate(&mut log, round);
            log.write(200, "behind it");
            agent.kill();
        }
        let mut agent = node.start();
        wait_for(&node, &mut agent, &log);
        stop(agent);
        let tally = tally(&node, &log);
        eprintln!("{how}");
        assert_eq!(tally.losses(), 0, "{tally}");
        // Each of the four may have had all in flight, before its first checkpoint.
        assert!(tally.repeats() <= 4 * log.expected().len(), "{tally}");
    }
}

/// The copy is taken for what it is, though nothing of the original had been answered for.
#[test]
fn what_was_in_flight_when_the_file_was_cut_is_sent_from_its_copy() {
    let node = node();
    let mut log = log(&node);
    log.write(3000, "in flight");
    node.fake
        .set_script(vec![Rule::always(Fault::Hang).on("PutLogEvents")]);
    let mut agent = node.start();
    wait_for_hang(&node, &mut agent);
    log.copy_and_truncate(".1");
    log.write(10, "behind it");
    agent.wait_until("the copy is open", |agent| agent.has_open(&log.with(".1")));
    agent.kill();
    node.fake.set_script(Vec::new());
    let mut agent = node.start();
    wait_for(&node, &mut agent, &log);
    stop(agent);
    tally(&node, &log).assert_exactly_once();
}

/// As `dmesg` is with each boot: it begins the same for more than is compared, and is longer than before.
#[test]
fn a_file_that_is_written_anew_with_the_same_beginning_is_read_anew() {
    let node = node();
    let boot = |micros: u32| {
        let same: String = (0..60)
            .map(|n| format!("[    0.000000] line {n} of every boot\n"))
            .collect();
        let own = |n: u32| format!("[    1.{:06}] line {n} of this boot\n", micros + n);
        same + &(0..40).map(own).collect::<String>()
    };
    let file = path(&node, "dmesg");
    let came = || node.fake.read("/host", "dmesg").len();
    fs::write(&file, boot(0)).unwrap();
    let mut agent = node.start();
    agent.wait_until("the first boot arrives", |_| came() == 100);
    stop(agent);
    fs::write(&file, boot(1000) + "[    9.000000] and one more\n").unwrap();
    let mut agent = node.start();
    agent.wait_until("the second one arrives", |_| came() == 201);
    fs::write(
        &file,
        boot(2000) + "[    9.000000] and one more\n[    9.000001] and another\n",
    )
    .unwrap();
    agent.wait_until("the third one arrives", |_| came() == 303);
    wait_for_words(&mut agent, "logsieve runs");
    stop(agent);
    let texts = node.fake.read("/host", "dmesg");
    let marked = texts
        .iter()
        .find(|event| event.message.starts_with("logsieve: "));
    assert!(marked.is_none(), "nothing was lost: {marked:?}");
}

/// The first checkpoint of a run is saved within a second of its start.
#[test]
fn an_agent_that_was_down_for_days_does_not_forget_what_is_still_there() {
    let node = node();
    let mut log = log(&node);
    log.write(100, "before");
    let mut agent = node.start();
    wait_for(&node, &mut agent, &log);
    stop(agent);
    {
        let (store, loaded) = Store::open(&node.state()).unwrap();
        let mut entries = loaded.entries;
        for entry in entries.values_mut() {
            entry.at -= 3 * FORGET_AFTER_SECONDS;
        }
        store.save(&entries).unwrap();
    }
    let known = || decode(&fs::read(node.state().join("checkpoint.jsonl")).unwrap()).unwrap();
    let before = known();
    let mut agent = node.start();
    agent.wait_until("the checkpoint is saved", |_| known() != before);
    agent.kill();
    for key in before.keys() {
        assert!(known().contains_key(key), "{key:?} is forgotten");
    }
    let mut agent = node.start();
    log.write(10, "behind it");
    wait_for(&node, &mut agent, &log);
    stop(agent);
    tally(&node, &log).assert_exactly_once();
}
