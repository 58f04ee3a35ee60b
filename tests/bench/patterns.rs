//! `patterns/native` and `patterns/filter`: the same pattern over the same records, once by the crate
//! that the agent uses, once asked for by a filter: nanoseconds a record.

use std::hint::black_box;

use regex_automata::meta::Regex;

use crate::boundary::{Bench, guest};
use crate::figure::{self, Wanted};

/// Records of a batch: about 256 KiB of them.
const RECORDS: usize = 1024;
/// Sixteen digits in a row: what a redaction looks for.
const PATTERN: &str = r"\d{16}";

pub fn run(wanted: &Wanted) {
    if wanted.any("patterns/") {
        patterns(wanted);
    }
}

fn patterns(wanted: &Wanted) {
    let texts = crate::agent::corpus::texts(RECORDS);
    let regex = Regex::builder()
        .syntax(regex_automata::util::syntax::Config::new().utf8(false))
        .build(PATTERN)
        .expect("a pattern");
    let settings = serde_json::json!({ "pattern": PATTERN }).to_string();
    let mut bench = Bench::new(&guest("searches"), &settings, &texts);
    let mut runs = [Vec::new(), Vec::new()];
    for _ in 0..figure::RUNS {
        runs[0].push(figure::ns_per_unit(RECORDS, || {
            for text in &texts {
                black_box(regex.find_iter(text).count());
            }
        }));
        runs[1].push(figure::ns_per_unit(RECORDS, || bench.call()));
    }
    for (name, runs) in ["patterns/native", "patterns/filter"].iter().zip(&mut runs) {
        if wanted.has(name) {
            figure::print(name, "ns/record", runs);
        }
    }
}
