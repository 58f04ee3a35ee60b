//! A journal larger than the memory that reading may take: a million entries under `cargo xtask soak`,
//! fewer and longer ones otherwise.

use std::fs;

use support::agent::Agent;
use support::books::Told;
use support::journal::{Entry, Layout, Writer};

use super::{BEGAN_AGO, configure, file, node, stop};
use crate::flow::long_or;
use crate::node::{Node, memory_peak, wait_for_words};

/// What reading a journal may add to the agent.
const MEMORY_MAX: usize = 32 << 20;
/// Entries that are handed to the writer at once.
const PART: usize = 5000;
/// How often a test at full length waits as long as others do once.
const PATIENCES: usize = 30;

fn write(node: &Node, entries: usize, text_bytes: usize) {
    let layout = Layout {
        compress: false,
        ..Layout::default()
    };
    let began = jiff::Timestamp::now().as_microsecond().unsigned_abs() - BEGAN_AGO;
    let mut writer = Writer::start(&file(node, "system.journal"), layout).unwrap();
    for first in (0..entries).step_by(PART) {
        let entry = |number: usize| {
            let text = format!("{number:07} {}", "x".repeat(text_bytes));
            Entry::new(began + number as u64 * 100, text)
                .with("_SYSTEMD_UNIT", format!("unit{}.service", number % 5))
        };
        let part: Vec<Entry> = (first..entries.min(first + PART)).map(entry).collect();
        writer.write(&part).unwrap();
    }
    writer.finish().unwrap();
}

/// The most memory of an agent that has started, and has come so far.
fn peak(node: &mut Node, start: &str, came: impl Fn(&Agent) -> bool) -> usize {
    configure(node, &format!("start: {start}"));
    let mut agent = node.start();
    wait_for_words(&mut agent, "logsieve runs");
    let done = (0..long_or(2, PATIENCES)).any(|_| agent.holds_in_time(&came));
    assert!(done, "{}", agent.stderr());
    let peak = memory_peak(agent.process_id());
    stop(agent);
    fs::remove_dir_all(node.state()).unwrap();
    peak
}

#[test]
fn a_journal_larger_than_the_memory_it_may_take_is_read_to_its_end() {
    let mut node = node();
    node.config.destinations = "{ main: { 'null': {} } }".to_owned();
    let entries = long_or(40_000, 1_000_000);
    write(&node, entries, long_or(2000, 200));
    let files = fs::read_dir(file(&node, "")).unwrap().flatten();
    let bytes: u64 = files.map(|f| f.metadata().unwrap().len()).sum();
    assert!(bytes > 2 * MEMORY_MAX as u64, "{bytes} bytes show nothing");
    let known = node.state().join("checkpoint.jsonl");
    let at_end = peak(&mut node, "end", |_| {
        fs::read_to_string(&known).is_ok_and(|text| text.contains("journal:"))
    });
    let whole = peak(&mut node, "beginning", |agent| {
        let told = agent.admin().map(Told::metrics).unwrap_or_default();
        let delivered = told.metrics.values().map(|books| books.fates.delivered);
        delivered.sum::<u64>() >= entries as u64
    });
    let more = whole.saturating_sub(at_end);
    println!("{entries} entries, {bytes} bytes: {more} bytes of memory");
    assert!(more < MEMORY_MAX, "{more} bytes more");
}
