//! Every guest there is, under each policy that lets its container go on: whatever it does, each
//! record is delivered, discarded by its own edit, or kept on the node, and none twice.

use std::path::Path;
use std::time::Duration;

use logsieve::filter::OnError;
use logsieve::record::Fate;

use crate::engine::{Chain, Guest, guest};

/// The guests: files of the examples, and those written by hand.
fn guests() -> Vec<&'static str> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests");
    let names = ["examples", "wat"].into_iter().flat_map(|folder| {
        let entries = std::fs::read_dir(root.join(folder)).unwrap();
        entries.map(|entry| {
            let path = entry.unwrap().path();
            path.file_stem().unwrap().to_str().unwrap().to_owned()
        })
    });
    // It is no filter of this agent's: it is refused before it runs.
    let runs = names.filter(|name| name != "wrong_wit_version");
    let mut names: Vec<&'static str> = runs.map(|name| &*name.leak()).collect();
    names.sort_unstable();
    names
}

/// The guest with settings that make it do what it is for.
fn set(name: &'static str, policy: OnError) -> Guest {
    let settings = match name {
        "bad_edits" => serde_json::json!({ "rule": "overlapping_splices" }),
        "finds_patterns" => serde_json::json!({ "patterns": ["[0-9]+"] }),
        "searches" => serde_json::json!({ "pattern": "[0-9]+" }),
        "slow_configure" => serde_json::json!({ "slow": true }),
        _ => serde_json::json!({}),
    };
    let guest = guest(name).settings(settings).on_error(policy);
    match ENDLESS.contains(&name) {
        true => guest.deadline(Duration::from_millis(3)),
        false => guest,
    }
}

/// Those that only a deadline ends.
const ENDLESS: [&str; 4] = [
    "evil_patterns",
    "loops_forever",
    "loops_on_one_record",
    "slow_configure",
];

/// More than a filter fails on before it rests.
const BATCHES: usize = 7;
const RECORDS: usize = 4;

/// Texts that set off what guests do on some records.
fn texts(batch: usize) -> Vec<String> {
    let special = ["poison", "sleep", "panic", "keep", "tired", "drop", "add x"];
    let text = |n: usize| match n {
        2 => special[batch % special.len()].to_owned(),
        n => format!("record {batch} {n}"),
    };
    (0..RECORDS).map(text).collect()
}

#[test]
fn no_guest_loses_a_record_or_answers_for_one_twice() {
    for name in guests() {
        for policy in [OnError::Quarantine, OnError::Pass, OnError::Drop] {
            let mut chain = Chain::new([set(name, policy)]);
            let (mut bytes, mut out) = (0, 0);
            // Their deadlines take long where ticks come late.
            let batches = if ENDLESS.contains(&name) { 1 } else { BATCHES };
            for batch in 0..batches {
                let texts = texts(batch);
                bytes += texts.iter().map(|text| text.len() as u64 + 1).sum::<u64>();
                let came = match batch == batches - 1 {
                    true => chain.run_last(&texts),
                    false => chain.run(&texts),
                };
                out += came
                    .unwrap_or_else(|e| panic!("{name} {policy:?}: {e}"))
                    .len() as u64;
            }
            let fates = chain.fates();
            let case = format!("{name} {policy:?}");
            assert!(chain.held.is_empty(), "{case}");
            // What is settled is every byte once, in order.
            let mut next = 0;
            for (fate, range) in &fates {
                assert_eq!((*fate, range.start), (Fate::Settled, next), "{case}");
                next = range.end;
            }
            assert_eq!(next, bytes, "{case}");
            let counted = |sample: &str| {
                chain.counted(&format!(
                    "filter_{sample}_records_total{{filter=\"{name}\"}}"
                ))
            };
            let kept = counted("quarantined");
            assert_eq!(kept, chain.quarantined().len() as u64, "{case}");
            let gone = kept + counted("dropped");
            let there = (batches * RECORDS) as u64 + counted("added");
            assert_eq!(out + gone, there, "{case}");
            assert!(policy == OnError::Quarantine || kept == 0, "{case}");
        }
    }
}

#[test]
fn nothing_leaks_past_a_guest_that_fails_on_everything_and_the_reason_stands_beside_it() {
    let failing = [
        ("cannot_judge", "refused"),
        ("bad_edits", "outcome"),
        ("exits", "trap"),
        ("grows_memory", "memory"),
        ("grows_tables", "table"),
        ("huge_output", "outcome"),
        ("loops_forever", "deadline"),
        ("recursion", "trap"),
        ("refuses_settings", "settings"),
        ("repeats_memory", "trap"),
        ("slow_configure", "deadline"),
        ("traps", "trap"),
    ];
    for (name, kind) in failing {
        let mut chain = Chain::new([set(name, OnError::Quarantine)]);
        let texts = texts(0);
        assert_eq!(chain.run(&texts).unwrap(), [""; 0], "{name}");
        assert_eq!(chain.quarantined_texts(), texts, "{name}");
        for kept in chain.quarantined() {
            assert_eq!(kept["kind"], kind, "{name}: {kept}");
        }
        let failures = format!("filter_failures_total{{filter=\"{name}\",kind=\"{kind}\"}}");
        assert!(chain.counted(&failures) > 0, "{name}");
    }
}
