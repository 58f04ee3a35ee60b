//! What has to hold for any bytes at all: for log files, names in folders, and checkpoints (`filters` has the
//! rest). Each function panics where it does not; `main.rs` tries them.

use std::io::{self, Read};
use std::sync::mpsc::channel;

use flate2::Compression;
use flate2::read::{GzEncoder, MultiGzDecoder};
use logsieve::checkpoint::store;
use logsieve::record::receipt::news_channel;
use logsieve::record::{Columns, FileId, News, Receipt};
use logsieve::source::container_log::path;
use logsieve::source::log_file::decode::{Decoder, Format, Place};
use logsieve::source::log_file::files::{Inode, LogFile, Stat};
use logsieve::source::log_file::gz::GzFile;
use logsieve::source::log_file::partial::Partials;
use sha2::{Digest, Sha256};

use crate::filters;

/// A promise for any bytes.
pub type Promise = fn(&[u8]);

/// All of them, by the name of their corpus.
pub const ALL: [(&str, Promise); 7] = [
    ("edits", filters::edits),
    ("module", filters::module),
    ("decode", decode),
    ("plain", plain),
    ("gz", gz),
    ("path", path_names),
    ("checkpoint", checkpoint),
];

/// When all is read: 2026-11-26, nanoseconds since the Unix epoch.
const NOW: u64 = 1_795_676_400_000_000_000;

/// Longest text that is joined here: short, so that its limit is met.
const TEXT_BYTES_MAX: usize = 100;

/// Lines in any format, cut into reads anywhere, give the same records as in one read; every byte is
/// in a receipt, or waits with its pieces, or is the start of a line without an end.
pub fn decode(data: &[u8]) {
    decode_as(Format::Container, data);
}

/// The same for lines that anybody wrote, whatever they tell of their time.
pub fn plain(data: &[u8]) {
    let [zone, rest @ ..] = data else { return };
    let zone = i16::from(*zone) * 6 - 720;
    decode_as(Format::Plain { zone }, rest);
}

fn decode_as(format: Format, data: &[u8]) {
    let [step, input @ ..] = data else { return };
    let (whole, whole_receipt, mut partials) = decode_in_reads(format, input, usize::MAX);
    let (cut, cut_receipt, _) = decode_in_reads(format, input, usize::from(*step) + 1);
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

fn decode_in_reads(format: Format, input: &[u8], step: usize) -> (Columns, Receipt, Partials) {
    let (to, _) = channel::<News>();
    let mut receipt = Receipt::new(0, news_channel(to));
    let (mut columns, mut partials) = (Columns::default(), Partials::new(TEXT_BYTES_MAX));
    let mut decoder = Decoder::default();
    let (mut at, mut seen, mut untimed) = (0, 0, 7);
    loop {
        seen = input.len().min(usize::saturating_add(seen, step));
        let place = Place {
            file: FileId(1),
            at: at as u64,
            format,
            now: NOW,
            untimed,
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
        untimed = done.timed.unwrap_or(untimed);
        at += done.consumed;
        if seen == input.len() && done.consumed == 0 {
            return (columns, receipt, partials);
        }
    }
}

/// What is longer than that, decompressed, is not tried.
const GZ_BYTES_MAX: usize = 8 * 1024;

/// A file that lies in memory.
struct InMemory(Vec<u8>);

impl LogFile for InMemory {
    fn stat(&self) -> io::Result<Stat> {
        let (birth, device, number) = (1, 1, 1);
        let inode = Inode {
            birth,
            device,
            number,
        };
        let (len, links) = (self.0.len() as u64, 1);
        let modified = 1;
        Ok(Stat {
            inode,
            len,
            links,
            modified,
        })
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = self.0.get(from..).unwrap_or_default();
        let len = rest.len().min(into.len());
        into[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }
}

/// What was compressed is read as it was, in reads of any size, from any place; and what is no whole
/// compressed file gives all that a decompressor finds in it, and says that something is missing.
pub fn gz(data: &[u8]) {
    let [step, input @ ..] = data else { return };
    let step = usize::from(*step) + 1;
    let mut packed = Vec::new();
    let mut encoder = GzEncoder::new(input, Compression::fast());
    encoder
        .read_to_end(&mut packed)
        .expect("memory never fails");
    let file = GzFile::new(Box::new(InMemory(packed))).expect("it is one");
    assert_eq!(
        file.stat().expect("it has a length").len,
        input.len() as u64
    );
    let (came, error) = read_in_steps(&file, step, input.len());
    assert!(came == input && error.is_none(), "{error:?}");

    // Byte by byte: what stands in front of an error in the same read is not given.
    let (mut decoder, mut byte) = (MultiGzDecoder::new(input), [0]);
    let mut whole = false;
    let bytes = std::iter::from_fn(|| match decoder.read(&mut byte) {
        Ok(1) => Some(byte[0]),
        Ok(_) => {
            whole = true;
            None
        }
        Err(_) => None,
    });
    let expected: Vec<u8> = bytes.take(GZ_BYTES_MAX).collect();
    if expected.len() == GZ_BYTES_MAX {
        return;
    }
    let Ok(file) = GzFile::new(Box::new(InMemory(input.to_vec()))) else {
        return;
    };
    let (came, error) = read_in_steps(&file, step, expected.len() + 1);
    assert!(came == expected && error.is_none(), "{error:?}");
    assert_eq!(file.missing().is_none(), whole);
}

/// Reads a file to its end or to an error, now and then some of it once more; at most a little more
/// than `most` bytes.
fn read_in_steps(file: &GzFile, step: usize, most: usize) -> (Vec<u8>, Option<io::Error>) {
    let (mut came, mut into) = (Vec::new(), vec![0; step]);
    while came.len() <= most {
        match file.read_at(&mut into, came.len() as u64) {
            Ok(0) => return (came, None),
            Ok(read) => came.extend_from_slice(&into[..read]),
            Err(error) => return (came, Some(error)),
        }
        if came.len().is_multiple_of(3) {
            file.idle();
            let from = came.len() / 2;
            match file.read_at(&mut into, from as u64) {
                Ok(read) => assert!(came[from..].iter().zip(&into[..read]).all(|(a, b)| a == b)),
                Err(error) => return (came, Some(error)),
            }
        }
    }
    (came, None)
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
