//! Prints each record to standard error, and takes a few numbers from clocks and chance.
//! It keeps a handle for each record that contains `keep`.

use guests::wasi::wasi::cli::stderr::get_stderr;
use guests::wasi::wasi::clocks::wall_clock::now;
use guests::wasi::wasi::io::streams::OutputStream;
use guests::wasi::wasi::random::random::get_random_bytes;
use logsieve_filter::{Filter, Record, export_filter};

#[derive(Default)]
struct Prints(Vec<OutputStream>);

#[derive(serde::Deserialize)]
struct NoSettings {}

impl Filter for Prints {
    fn record(&mut self, record: &mut Record<'_>) {
        let text = record.text_lossy().into_owned();
        let stderr = get_stderr();
        let printed = stderr.blocking_write_and_flush(format!("{text}\n").as_bytes());
        if text.contains("keep") {
            self.0.push(stderr);
        }
        let (year, chance) = (1970 + now().seconds / 31_556_952, get_random_bytes(16));
        let random = chance.iter().any(|byte| *byte != chance[0]);
        record.replace(format!("{printed:?} {} {random}", year >= 2026));
    }
}

export_filter!(Prints, |_: NoSettings| {
    Ok::<_, String>(Prints::default())
});
