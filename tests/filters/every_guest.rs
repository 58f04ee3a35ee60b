//! Every guest there is, under each policy that lets its container go on: whatever it does, each
//! record is delivered, discarded by its own edit, or kept on the node, and none twice.

use std::path::Path;
use std::sync::{Arc, Mutex};
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

/// What an operator sees of a guest.
enum Seen {
    /// Calls that fail, of this kind.
    Fails(&'static str),
    /// Another of its metrics.
    Counts(&'static str),
    /// Nothing that an honest filter would not show.
    Nothing,
}

fn seen(name: &str) -> Seen {
    match name {
        "bad_edits" | "huge_output" => Seen::Fails("outcome"),
        "cannot_judge" => Seen::Fails("refused"),
        "evil_patterns" | "loops_forever" | "loops_on_one_record" | "slow_configure" => {
            Seen::Fails("deadline")
        }
        "grows_memory" => Seen::Fails("memory"),
        "grows_tables" => Seen::Fails("table"),
        "many_parts" => Seen::Fails("parts"),
        "refuses_settings" => Seen::Fails("settings"),
        "copes_without_memory"
        | "exits"
        | "joins_and_traps"
        | "panics"
        | "recursion"
        | "repeats_memory"
        | "sleeps"
        | "traps"
        | "traps_on_one_record" => Seen::Fails("trap"),
        "floods_log" => Seen::Counts("filter_refused_log_lines_total"),
        "holds_forever" | "holds_stack_traces" => Seen::Counts("filter_held_records_total"),
        "keeps_memory" => Seen::Counts("filter_changed_records_total"),
        "many_counters" => Seen::Counts("filter_refused_counters_total"),
        // By the clock, and by how much it is handed at once.
        "non_deterministic" | "fails_on_large_batches" => Seen::Nothing,
        "opens_sockets" | "reads_env" | "reads_files" => Seen::Nothing,
        "does_as_told" | "every_change" | "finds_patterns" | "noop" | "prefixes" | "prints"
        | "searches" | "tells_origin" => Seen::Nothing,
        other => panic!("say here what is seen of the guest `{other}`"),
    }
}

/// Records that set off what a guest is for: `batch` of them, after each other.
fn handed(name: &str, batch: usize) -> Vec<String> {
    match name {
        // Its pattern is evil only where there is much to read.
        "evil_patterns" => vec!["A".repeat(256 * 1024)],
        _ => texts(batch),
    }
}

/// Takes what is logged in this thread meanwhile.
fn logged(run: impl FnOnce()) -> String {
    let log = Arc::new(Mutex::new(Vec::new()));
    let to = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || Lines(to.clone()))
        .finish();
    tracing::subscriber::with_default(subscriber, run);
    let bytes = log.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn nothing_leaks_past_any_guest_and_the_reason_stands_in_quarantine_log_and_metric() {
    for name in guests() {
        let mut chain = Chain::new([set(name, OnError::Quarantine)]);
        let batches = if ENDLESS.contains(&name) { 1 } else { BATCHES };
        let mut out = Vec::new();
        let log = logged(|| {
            for batch in 0..batches {
                out.extend(chain.run(&handed(name, batch)).unwrap());
            }
        });
        let kept = chain.quarantined();
        for text in chain.quarantined_texts() {
            let leaks = out.iter().any(|out| out.contains(&text));
            assert!(!leaks, "{name}: `{text}` is kept, and leaves");
        }
        let counted = |sample: &str| chain.counted(sample);
        match seen(name) {
            Seen::Fails(kind) => {
                assert!(!kept.is_empty(), "{name}");
                let failures =
                    format!("filter_failures_total{{filter=\"{name}\",kind=\"{kind}\"}}");
                assert!(counted(&failures) > 0, "{name}: no {kind}");
                for kept in kept.iter().filter(|kept| kept["kind"] != "rests") {
                    assert_eq!(kept["kind"], kind, "{name}: {kept}");
                    let reason = kept["reason"].as_str().unwrap();
                    assert!(log.contains(reason), "{name}: no `{reason}` in {log}");
                }
            }
            Seen::Counts(sample) => {
                let counts = counted(&format!("{sample}{{filter=\"{name}\"}}"));
                assert!(counts > 0, "{name}: no {sample}");
            }
            Seen::Nothing => {}
        }
    }
}

#[test]
fn of_a_guest_that_fails_on_everything_nothing_leaves() {
    for name in guests() {
        let part = [
            "copes_without_memory",
            "joins_and_traps",
            "loops_on_one_record",
        ];
        let more = ["panics", "sleeps", "traps_on_one_record"];
        if !matches!(seen(name), Seen::Fails(_)) || part.contains(&name) || more.contains(&name) {
            continue;
        }
        let mut chain = Chain::new([set(name, OnError::Quarantine)]);
        let texts = handed(name, 0);
        assert_eq!(chain.run(&texts).unwrap(), [""; 0], "{name}");
        assert_eq!(chain.quarantined_texts(), texts, "{name}");
    }
}
