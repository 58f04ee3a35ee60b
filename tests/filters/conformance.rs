//! Every kit of `guest-sdk` under the same records, beyond what `guest-sdk/conformance/examples.yaml` can say:
//! bytes that are not UTF-8, a record of a megabyte, many batches, holding, reports.
//!
//! The worked example of each language runs here, as `cargo xtask test` built it.

use std::time::Duration;

use crate::engine::{Chain, Guest, guest, path};
use logsieve::filter::limits::Limits;

/// The worked examples, as `cargo xtask guests` names them.
const KITS: [&str; 9] = [
    "kit_rust",
    "kit_c",
    "kit_cpp",
    "kit_zig",
    "kit_go",
    "kit_python",
    "kit_js",
    "kit_ts",
    "kit_assemblyscript",
];

/// Whether a module was built; if not, the test says so and leaves it out, where it is not one that has to be.
pub fn is_there(name: &str) -> bool {
    let wanted = std::env::var("LOGSIEVE_GUEST_LANGUAGES").unwrap_or_default();
    let is_wanted = match name.strip_prefix("kit_") {
        Some(language) => wanted.split(',').any(|l| l == language),
        None => true,
    };
    let is_there = path(name).exists();
    assert!(
        is_there || !is_wanted,
        "{name} is not there: `cargo xtask test` builds it"
    );
    if !is_there {
        eprintln!("skipped: {name} is not built; `cargo xtask test` does, where it can");
    }
    is_there
}

/// In the languages of `guest-sdk`, where they were built.
fn in_every_language(test: impl Fn(&dyn Fn() -> Guest)) {
    for name in KITS.into_iter().filter(|name| is_there(name)) {
        eprintln!("{name}");
        // Interpreters are slow, and tests run beside other tests.
        let limits = Limits {
            cpu_per_batch: Duration::from_secs(10),
            ..Limits::default()
        };
        test(&|| guest(name).limits(limits.clone()));
    }
}

#[test]
fn bytes_that_are_not_utf8_come_out_as_they_went_in() {
    in_every_language(|kit| {
        let mut chain = Chain::new([kit()]);
        let texts: [&[u8]; 4] = [b"\xff\xfe", b"add \xc3", b"", b"splice 0..1 S; \x80\0"];
        let batch = chain.batch(&texts, false).unwrap();
        let out: Vec<_> = (0..batch.columns.len())
            .map(|at| batch.columns.record(at).to_vec())
            .collect();
        batch.receipt.settle();
        // Rust's example reads commands as text, so what it adds is text.
        assert_eq!(out[0], b"\xff\xfe");
        assert_eq!(out[1], b"add \xc3");
        assert!(
            out[2] == b"\xc3" || out[2] == "\u{fffd}".as_bytes(),
            "{:?}",
            out[2]
        );
        assert_eq!(out[3..], [b"".to_vec(), b"Splice 0..1 S; \x80\0".to_vec()]);
    });
}

#[test]
fn a_record_of_a_megabyte_passes_and_is_changed() {
    in_every_language(|kit| {
        let mut chain = Chain::new([kit()]);
        let long = format!("splice 0..6 cut; {}", "x".repeat(1 << 20));
        let out = chain.run(&[long.as_str(), "drop", "kept"]).unwrap();
        assert_eq!(out, [long.replacen("splice", "cut", 1), "kept".into()]);
    });
}

#[test]
fn ten_thousand_records_in_many_batches_leave_nothing_behind() {
    in_every_language(|kit| {
        let mut chain = Chain::new([kit()]);
        for batch in 0..10 {
            let texts: Vec<_> = (0..1000)
                .map(|n| match n % 4 {
                    0 => format!("replace {batch}-{n}"),
                    1 => "drop".to_owned(),
                    2 => format!("add {batch}-{n}"),
                    _ => String::new(),
                })
                .collect();
            let out = chain.run(&texts).unwrap();
            let wanted = texts.iter().flat_map(|text| match text.split_once(' ') {
                Some(("replace", rest)) => vec![rest.to_owned()],
                Some((_, rest)) => vec![text.clone(), rest.to_owned()],
                None if text.is_empty() => vec![String::new()],
                None => vec![],
            });
            assert_eq!(out, wanted.collect::<Vec<_>>());
        }
    });
}

#[test]
fn an_event_is_joined_over_batches() {
    in_every_language(|kit| {
        let join = || kit().settings(serde_json::json!({ "join": true }));
        let mut chain = Chain::new([join()]);
        assert_eq!(chain.run(&["a", "\tb"]).unwrap(), [""; 0]);
        assert_eq!(chain.run(&["\tc"]).unwrap(), [""; 0]);
        assert_eq!(chain.run(&["\td", "next"]).unwrap(), ["a|b|c|d"]);
        assert_eq!(chain.run_last(&["\te"]).unwrap(), ["next|e"]);
    });
}

#[test]
fn what_a_filter_counts_is_a_metric() {
    in_every_language(|kit| {
        let mut chain = Chain::new([kit().named("kit")]);
        chain
            .run(&["count hits", "count hits; log seen", "count others"])
            .unwrap();
        let count = |name: &str| {
            chain.counted(&format!(
                "filter_custom_total{{filter=\"kit\",name=\"{name}\"}}"
            ))
        };
        assert_eq!((count("hits"), count("others")), (2, 1));
    });
}

#[test]
fn a_filter_goes_on_after_a_batch_that_it_could_not_judge() {
    in_every_language(|kit| {
        let mut chain = Chain::new([kit()]);
        let why = chain.run(&["a", "fail no idea"]).unwrap_err().to_string();
        assert!(why.contains("no idea"), "{why}");
        assert_eq!(chain.run(&["replace b"]).unwrap(), ["b"]);
    });
}
