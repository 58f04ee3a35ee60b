//! What a filter tells the outside: it is bounded, and what is past the bounds is counted.
//!
//! Two tests read the log of an agent of their own; the others look at the counters.

use std::fs;

use support::agent::{Finished, finish};

use crate::engine::{Chain, guest, path};

/// One record through a guest, in an agent of its own, whose log can be read.
fn in_an_agent(module: &str, text: &str) -> Finished {
    let folder = tempfile::tempdir().unwrap();
    let examples = folder.path().join("examples.yaml");
    let example = format!("examples:\n  - {{ name: one, in: [{text}], out: [{text}] }}\n");
    fs::write(&examples, example).unwrap();
    let module = path(module);
    let command = ["filter".as_ref(), "test".as_ref(), module.as_os_str()];
    finish(
        command
            .into_iter()
            .chain(["--examples".as_ref(), examples.as_os_str()]),
    )
}

#[test]
fn a_log_line_says_which_filter_wrote_it_and_is_cut_after_a_kibibyte() {
    let finished = in_an_agent("floods_log", "a");
    assert!(finished.status.success(), "{}", finished.stdout);
    let lines: Vec<_> = finished
        .stderr
        .lines()
        .filter(|line| line.contains("ü"))
        .collect();
    assert!((10..=100).contains(&lines.len()), "{} lines", lines.len());
    for line in lines {
        assert!(line.contains("floods_log"), "{line}");
        // 1,024 bytes would end within a letter.
        assert!(line.contains(&format!("x{}", "ü".repeat(511))), "{line}");
        assert!(!line.contains(&"ü".repeat(512)), "{line}");
    }
}

#[test]
fn what_a_filter_panics_with_stands_in_the_log() {
    let finished = in_an_agent("panics", "panic");
    assert_eq!(finished.status.code(), Some(1), "{}", finished.stdout);
    assert!(
        finished.stdout.contains("it trapped"),
        "{}",
        finished.stdout
    );
    assert!(
        finished.stderr.contains("this is the panic"),
        "{}",
        finished.stderr
    );
}

#[test]
fn what_a_filter_prints_stands_in_the_log_under_its_name_a_call_a_line() {
    let finished = in_an_agent("prints", "first");
    let lines = finished.stderr.lines();
    let printed: Vec<_> = lines.filter(|line| line.contains("first")).collect();
    assert_eq!(printed.len(), 1, "{}", finished.stderr);
    assert!(printed[0].contains("prints"), "{}", printed[0]);
}

#[test]
fn a_flood_of_log_lines_is_cut_off_and_counted() {
    let mut chain = Chain::new([guest("floods_log")]);
    assert_eq!(chain.run(&["a"]).unwrap(), ["a"]);
    let refused = chain.counted("filter_refused_log_lines_total{filter=\"floods_log\"}");
    // 10 a second are written; the call may fall into several seconds on a machine that stalls.
    assert!((500..=990).contains(&refused), "{refused} of 1000 lines");
}

#[test]
fn a_filter_has_at_most_32_counters_and_the_others_are_counted_as_refused() {
    let mut chain = Chain::new([guest("many_counters")]);
    for _ in 0..2 {
        assert_eq!(chain.run(&["a", "b", "c"]).unwrap(), ["a", "b", "c"]);
    }
    assert_eq!(chain.counters("filter_custom"), 32);
    let counter = |name: &str| {
        let sample = format!("filter_custom_total{{filter=\"many_counters\",name=\"{name}\"}}");
        chain.counted(&sample)
    };
    assert_eq!(
        (
            counter("counter_0"),
            counter("counter_31"),
            counter("counter_32")
        ),
        (6, 6, 0)
    );
    // 68 names past the limit and three that are none, in both batches.
    assert_eq!(
        chain.counted("filter_refused_counters_total{filter=\"many_counters\"}"),
        142
    );
}
