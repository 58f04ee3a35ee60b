//! `redact/native` and `redact/filter`: the same code, once as it is, once as a module in the agent's
//! engine, on the records of the log generator: nanoseconds a record.

use logsieve::clock::Clock;
use logsieve_filter::native;

use crate::boundary::{Bench, built};
use crate::figure::{self, Wanted};

/// Records of a batch: about 256 KiB of them.
const RECORDS: usize = 1024;

pub fn run(wanted: &Wanted) {
    if !wanted.any("redact/") {
        return;
    }
    let _ = Clock::start();
    let texts = crate::agent::corpus::texts(RECORDS);
    let columns = native::columns(&texts);
    let mut filter = redact::Redact::new(redact::Settings::default()).expect("default settings");
    let mut bench = Bench::new(&built("filters", "redact"), "{}", &texts);
    let mut runs = [Vec::new(), Vec::new()];
    for _ in 0..figure::RUNS {
        runs[0].push(figure::ns_per_unit(RECORDS, || {
            std::hint::black_box(native::process(&mut filter, &columns)).expect("an outcome");
        }));
        runs[1].push(figure::ns_per_unit(RECORDS, || {
            std::hint::black_box(bench.call_on_copy());
        }));
    }
    for (name, runs) in ["redact/native", "redact/filter"].iter().zip(&mut runs) {
        if wanted.has(name) {
            figure::print(name, "ns/record", runs);
        }
    }
}
