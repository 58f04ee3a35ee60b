//! Records to measure with: those of a log file, or made-up ones like a cluster's, JSON and plain, the same
//! in every run.

use std::path::Path;

use crate::cli::filter::run::input::Input;
use crate::record::receipt::{News, Receipt, news_channel};
use crate::record::{Batch, Columns, Facts, Stream};

/// Made-up records: about 256 KiB of them, a batch as the agent reads it.
const RECORDS: u64 = 1000;
const START_NS: u64 = 1_790_000_000_000_000_000;

/// The first batch of a file.
///
/// # Errors
/// When it cannot be read, or holds no record.
pub fn from_file(path: &Path) -> anyhow::Result<Columns> {
    let mut input = Input::open(path, &Facts::new())?;
    let mut batch = Batch {
        columns: Columns::default(),
        receipt: Receipt::new(0, news_channel(std::sync::mpsc::channel::<News>().0)),
    };
    input.fill(&mut batch)?;
    batch.receipt.forget();
    anyhow::ensure!(
        !batch.columns.is_empty(),
        "input `{}` holds no record",
        path.display()
    );
    batch.columns.source_ends.fill(0);
    Ok(batch.columns)
}

pub fn made_up() -> Columns {
    let mut columns = Columns::default();
    for n in 0..RECORDS {
        let text = record(n);
        let stream = if n % 8 == 7 {
            Stream::Stderr
        } else {
            Stream::Stdout
        };
        columns.push(text.as_bytes(), START_NS + n * 1_000_000, stream, 0);
    }
    columns
}

fn record(n: u64) -> String {
    // A mixture without a generator: each digit of a large product looks like chance.
    let mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
    let path = [
        "/v1/orders",
        "/v1/users/search",
        "/healthz",
        "/v2/payments/capture",
    ][(mixed % 4) as usize];
    let level = ["info", "info", "info", "debug", "warn", "error"][(mixed % 6) as usize];
    let message = "x".repeat(40 + (mixed % 120) as usize);
    match n % 4 {
        0 => format!(
            "10.0.{}.{} - - [24/Nov/2026:08:00:00 +0000] \"GET {path} HTTP/1.1\" 200 {} \"-\" \"curl/8.5.0\" {message}",
            mixed % 256,
            mixed % 251,
            mixed % 90_000
        ),
        // One in fifty has something that a redaction finds.
        1 if n % 50 == 1 => format!(
            "level={level} user=jane@example.com password=hunter2 card=4111111111111111 {message}"
        ),
        1 => format!(
            "level={level} path={path} took={}ms trace={mixed:016x} {message}",
            mixed % 900
        ),
        _ => format!(
            "{{\"time\":\"2026-11-24T08:00:00.{:03}Z\",\"level\":\"{level}\",\"path\":\"{path}\",\"status\":200,\"ms\":{},\"trace\":\"{mixed:016x}\",\"msg\":\"{message}\"}}",
            n % 1000,
            mixed % 900
        ),
    }
}
