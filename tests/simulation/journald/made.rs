//! The journal's files, made once by systemd's own writer and kept as they were after each part: all seeds
//! have the same, and see them at other times.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use fastrand::Rng;
use logsieve::source::journal::format::{HEADER_BYTES, Header};
use logsieve::source::journal::reader::{Next, Reader};
use logsieve::source::log_file::files::{Disk, Files};
use support::journal::{self, Layout, Writer};
use support::wait::PATIENCE;

use super::{UNFILTERED, UNITS};

/// The account of the first unit.
pub const FIRST_ACCOUNT: usize = 1;
/// The part of a file that its writer changes last.
const HEAD_BYTES: usize = HEADER_BYTES;
/// Where the header tells whether the file is closed.
pub const STATE_AT: usize = 16;
pub const ONLINE: u8 = 1;
pub const ARCHIVED: u8 = 2;

const FILES_COUNT: usize = 5;
const PARTS: usize = 5;
const ENTRIES: usize = 60;
/// 2026-11-23T20:00:00Z, microseconds since the Unix epoch.
const BEGAN: u64 = 1_795_464_000_000_000;

pub static FILES: LazyLock<Vec<Made>> = LazyLock::new(make_all);

pub struct Made {
    pub file_id: [u8; 16],
    /// Where entries begin.
    pub begin: usize,
    pub parts: Vec<Part>,
    pub entries: Vec<Entry>,
}

pub struct Part {
    head: Vec<u8>,
    /// What stands behind the tables for searching, which nobody reads and are megabytes.
    rest: Vec<u8>,
    /// Entries of the file that stand there.
    pub entries: usize,
}

pub struct Entry {
    /// Whose it is, and which of that unit's.
    pub unit: usize,
    pub number: usize,
    pub text: String,
    pub time_ms: i64,
    /// A filter fails on it.
    pub is_poison: bool,
    /// The bytes of the file that are new with it.
    pub from: u64,
    pub to: u64,
}

impl Made {
    /// The file as it was after a part; `head`: but for its header, which is that of this one.
    pub fn bytes(&self, part: usize, head: usize) -> Vec<u8> {
        let mut bytes = self.parts[head].head.clone();
        bytes.resize(self.begin, 0);
        bytes.extend_from_slice(&self.parts[part].rest);
        bytes
    }
}

fn make_all() -> Vec<Made> {
    let mut rng = Rng::with_seed(7);
    let folder = tempfile::tempdir().expect("a folder");
    let (mut numbers, mut micros) = (BTreeMap::new(), BEGAN);
    let mut file = |at: usize| {
        let path = folder.path().join(format!("{at}.journal"));
        let mut writer = Writer::start(&path, Layout::default()).expect("systemd's writer");
        let (mut entries, mut parts) = (Vec::new(), Vec::new());
        for _ in 0..PARTS {
            let mut exported = Vec::new();
            for _ in 0..ENTRIES {
                micros += rng.u64(..2_500);
                let (entry, export) = one(&mut rng, &mut numbers, micros);
                entries.push(entry);
                exported.push(export);
            }
            writer.write(&exported).expect("the writer runs");
            parts.push(written(&path, entries.len()));
        }
        writer.finish().expect("the writer ends");
        let header = tell_places(&path, &mut entries);
        Made {
            file_id: header.file_id,
            begin: begin(&header),
            parts,
            entries,
        }
    };
    (0..FILES_COUNT).map(&mut file).collect()
}

/// An entry of any unit.
fn one(
    rng: &mut Rng,
    numbers: &mut BTreeMap<usize, usize>,
    micros: u64,
) -> (Entry, journal::Entry) {
    let unit = rng.usize(..UNITS.len());
    let number = numbers.entry(unit).or_insert(0);
    let is_poison = UNITS[unit] == super::JUDGED && rng.u8(..40) == 0;
    let word = if is_poison { "poison" } else { "goes" };
    // So that a unit whose stream stalls has more than its log group may hold.
    let long = UNFILTERED.contains(&UNITS[unit]) && rng.u8(..6) == 0;
    let len = if long {
        rng.usize(20_000..60_000)
    } else {
        rng.usize(..120)
    };
    let text = format!(
        "c{}-{number} {word} {}",
        FIRST_ACCOUNT + unit,
        "w".repeat(len)
    );
    // As `micros / 1000`: what is sent is told to the millisecond.
    let time_ms = i64::try_from(micros / 1_000).expect("it is the 21st century");
    let entry = Entry {
        unit,
        number: *number,
        text: text.clone(),
        time_ms,
        is_poison,
        from: 0,
        to: 0,
    };
    *number += 1;
    // A filter holds back one stream of its unit, and others of it pass: these units have one.
    let streams = if UNFILTERED.contains(&UNITS[unit]) {
        3
    } else {
        1
    };
    let level = 4 + rng.u8(..streams);
    let export = journal::Entry::new(micros, text).with("PRIORITY", level.to_string());
    let export = match UNITS[unit] {
        "kernel" => export
            .with("_TRANSPORT", "kernel")
            .with("SYSLOG_IDENTIFIER", "kernel"),
        name => export
            .with("_TRANSPORT", "stdout")
            .with("SYSLOG_IDENTIFIER", format!("app{}", rng.u8(..streams)))
            .with("_SYSTEMD_UNIT", name),
    };
    (entry, export)
}

/// The file once so many entries stand in it, without the room behind them.
fn written(path: &Path, entries: usize) -> Part {
    let began = Instant::now();
    loop {
        let bytes = std::fs::read(path).unwrap_or_default();
        let head = bytes.get(..HEAD_BYTES).unwrap_or_default();
        if let Ok(header) = Header::parse(head)
            && header.entries == entries as u64
        {
            let last = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0);
            // Its last object may end with zeros.
            let end = (last + 64).min(bytes.len());
            return Part {
                head: head.to_vec(),
                rest: bytes[begin(&header)..end].to_vec(),
                entries,
            };
        }
        assert!(
            began.elapsed() < PATIENCE,
            "{entries} entries never stood there"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn begin(header: &Header) -> usize {
    usize::try_from(header.begin).expect("a journal of megabytes")
}

/// Where each entry stands, and what the file's header says.
fn tell_places(path: &Path, entries: &mut [Entry]) -> Header {
    let mut reader = Reader::open(Disk.open(path).expect("a file")).expect("a journal");
    for entry in entries {
        match reader.next_entry().expect("a whole journal") {
            Next::Entry(read) => (entry.from, entry.to) = (read.from, read.to),
            other => panic!("{other:?}"),
        }
    }
    *reader.header()
}
