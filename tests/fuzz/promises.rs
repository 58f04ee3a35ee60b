//! What has to hold for any bytes at all: for log files, names in folders, and checkpoints. Each function
//! panics where it does not; `main.rs` tries them in a test, `targets/` under `cargo fuzz`.

use std::sync::mpsc::channel;

use logsieve::checkpoint::store;
use logsieve::record::receipt::news_channel;
use logsieve::record::{Columns, FileId, News, Receipt};
use logsieve::source::container_log::decode::{Decoder, Place};
use logsieve::source::container_log::partial::Partials;
use logsieve::source::container_log::path;
use sha2::{Digest, Sha256};

/// A promise for any bytes.
pub type Promise = fn(&[u8]);

/// All of them, by the name of their corpus.
pub const ALL: [(&str, Promise); 3] = [
    ("decode", decode),
    ("path", path_names),
    ("checkpoint", checkpoint),
];

/// Longest text that is joined here: short, so that its limit is met.
const TEXT_BYTES_MAX: usize = 100;

/// Lines in any format, cut into reads anywhere, give the same records as in one read; every byte is
/// in a receipt, or waits with its pieces, or is the start of a line without an end.
pub fn decode(data: &[u8]) {
    let [step, input @ ..] = data else { return };
    let (whole, whole_receipt, mut partials) = decode_in_reads(input, usize::MAX);
    let (cut, cut_receipt, _) = decode_in_reads(input, usize::from(*step) + 1);
    assert_eq!(whole, cut);
    assert_eq!(whole_receipt.bytes(), cut_receipt.bytes());
    let mut bytes = whole_receipt.bytes();
    partials
        .flush(&mut |joined| bytes += joined.ranges.drain(..).map(|r| r.to - r.from).sum::<u64>());
    let lines = input
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    assert_eq!(bytes, lines as u64);
    whole_receipt.forget();
    cut_receipt.forget();
}

fn decode_in_reads(input: &[u8], step: usize) -> (Columns, Receipt, Partials) {
    let (to, _) = channel::<News>();
    let mut receipt = Receipt::new(0, news_channel(to));
    let (mut columns, mut partials) = (Columns::default(), Partials::new(TEXT_BYTES_MAX));
    let mut decoder = Decoder::default();
    let (mut at, mut seen) = (0, 0);
    loop {
        seen = input.len().min(usize::saturating_add(seen, step));
        let place = Place {
            file: FileId(1),
            at: at as u64,
            now: 7,
        };
        let mut batch = Columns::default();
        let done = decoder.decode(
            &input[at..seen],
            place,
            &mut partials,
            &mut batch,
            &mut receipt,
        );
        let base = columns.source_bytes();
        columns.extend_from(&batch, 0, batch.len(), base);
        at += done.consumed;
        if seen == input.len() && done.consumed == 0 {
            return (columns, receipt, partials);
        }
    }
}

/// Names are read or refused, and what was read is what stands there.
pub fn path_names(data: &[u8]) {
    let Ok(name) = std::str::from_utf8(data) else {
        return;
    };
    if let Some(folder) = path::pod_folder(name) {
        assert_eq!(
            format!("{}_{}_{}", folder.namespace, folder.pod, folder.uid),
            name
        );
    }
    if let Some(file) = path::file_name(name) {
        let rotated = file
            .rotated
            .map_or(String::new(), |time| format!(".{time}"));
        let ending = if file.compressed { ".gz" } else { "" };
        assert!(name.ends_with(&format!("{}.log{rotated}{ending}", file.restart)));
    }
    if let Some(id) = path::container_id(name) {
        assert!(id.len() == 64 && name.ends_with(&format!("-{id}.log")));
    }
}

/// A checkpoint is read or refused, and what was read is written the same way.
pub fn checkpoint(data: &[u8]) {
    if let Ok(entries) = store::decode(data) {
        assert_eq!(store::decode(&store::encode(&entries)), Ok(entries));
    }
    // Behind a right checksum too: whoever writes it may be another version.
    if let Some(newline) = data.iter().position(|byte| *byte == b'\n') {
        let body = &data[newline + 1..];
        let sum: String = Sha256::digest(body)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let header = format!("{{\"logsieve_checkpoint\":1,\"sha256\":\"{sum}\"}}\n");
        if let Ok(entries) = store::decode(&[header.as_bytes(), body].concat()) {
            assert_eq!(store::decode(&store::encode(&entries)), Ok(entries));
        }
    }
}
