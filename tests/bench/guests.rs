//! `guests/LANGUAGE/...`: the filter that `logsieve filter new` begins with, in every language of `guest-sdk`, on
//! the records of the log generator: CPU time a record, bytes of the module, raw and compressed.

use std::path::Path;

use crate::boundary::{Bench, built};
use crate::figure::{self, Wanted};

/// Records of a batch: about 256 KiB of them.
const RECORDS: usize = 1024;
/// As `xtask/src/guests.rs` builds them.
const LANGUAGES: [&str; 9] = [
    "rust",
    "c",
    "cpp",
    "zig",
    "go",
    "python",
    "js",
    "ts",
    "assemblyscript",
];

pub fn run(wanted: &Wanted) {
    if !wanted.any("guests/") {
        return;
    }
    let texts = crate::agent::corpus::texts(RECORDS);
    for language in LANGUAGES {
        let module = built("guests", &format!("first_{language}"));
        if !module.exists() {
            eprintln!("guests/{language}: not built here");
            continue;
        }
        sizes(wanted, language, &module);
        let name = format!("guests/{language}/ns_per_record");
        if wanted.has(&name) {
            let mut bench = Bench::new(&module, "{}", &texts);
            let mut runs: Vec<_> = (0..figure::RUNS)
                .map(|_| figure::ns_per_unit(RECORDS, || drop(bench.call_on_copy())))
                .collect();
            figure::print(&name, "ns/record", &mut runs);
        }
    }
}

fn sizes(wanted: &Wanted, language: &str, module: &Path) {
    let bytes = std::fs::read(module).expect("a module");
    let mut compressed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut compressed, &bytes).expect("memory");
    let compressed = compressed.finish().expect("memory").len();
    for (what, value) in [("bytes", bytes.len()), ("compressed_bytes", compressed)] {
        let name = format!("guests/{language}/{what}");
        if wanted.has(&name) {
            figure::print(&name, "bytes", &mut [value as f64]);
        }
    }
}
