//! Entries of all kinds, and a file read as `journalctl` would export it, so that the two can be
//! compared.

use std::path::Path;

use logsieve::source::journal::reader::{Next, Reader};
use logsieve::source::log_file::files::{Disk, Files, LogFile};
use support::journal::Entry;

/// When the first entry is received, microseconds since the Unix epoch.
pub const BEGAN: u64 = 1_764_000_000_000_000;

/// Entries with texts short, long, empty, binary and of several lines, from several units.
pub fn entries(count: u64) -> Vec<Entry> {
    (0..count).map(entry).collect()
}

pub fn entry(number: u64) -> Entry {
    let text: Vec<u8> = match number % 7 {
        0 => format!("{number}: a line\nand one more\n\tof a trace").into_bytes(),
        1 => format!("{number}: ").repeat(400).into_bytes(),
        2 => [number.to_string().as_bytes(), b": \0\xff\xfe\x01 binary"].concat(),
        3 => Vec::new(),
        4 => "the same text again and again, long enough to be compressed "
            .repeat(20)
            .into_bytes(),
        5 => noise(number, 3000),
        _ => format!("{number}: a plain line with = in it").into_bytes(),
    };
    let entry = Entry::new(BEGAN + number * 1500, text)
        .with("_TRANSPORT", "journal")
        .with("PRIORITY", (number % 8).to_string())
        .with("SYSLOG_IDENTIFIER", format!("app{}", number % 3))
        .with("_PID", (1000 + number % 5).to_string())
        .with("CODE_LINE", number.to_string());
    match number % 4 {
        0 => entry,
        unit => entry.with("_SYSTEMD_UNIT", format!("unit{unit}.service")),
    }
}

/// Bytes that do not compress, the same for the same number.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(seed);
    (0..len).map(|_| rng.u8(..)).collect()
}

/// All that stands in a file, in the order of `journalctl`'s fields: sorted.
pub fn read_all(path: &Path) -> Vec<Entry> {
    let mut reader = Reader::open(Disk.open(path).unwrap()).unwrap();
    let (entries, damaged) = drain(&mut reader);
    assert_eq!(damaged, 0);
    entries
}

/// Reads entries up to the end. Says how many were damaged.
pub fn drain(reader: &mut Reader) -> (Vec<Entry>, u64) {
    let (mut entries, mut damaged) = (Vec::new(), 0);
    loop {
        let entry = match reader.next_entry().unwrap() {
            Next::End => return (entries, damaged),
            Next::Damaged => {
                damaged += 1;
                continue;
            }
            Next::Entry(entry) => entry,
        };
        let mut read = Entry::default()
            .with("__REALTIME_TIMESTAMP", entry.realtime.to_string())
            .with("__MONOTONIC_TIMESTAMP", entry.monotonic.to_string());
        for place in reader.items().to_vec() {
            match reader.field(place).unwrap() {
                Some(field) => {
                    let name = String::from_utf8(field.name.to_vec()).unwrap();
                    read = read.with(&name, field.value);
                }
                None => damaged += 1,
            }
        }
        entries.push(read);
    }
}

/// Fields in an order of their own, without those that `journalctl` adds.
pub fn sorted(mut entries: Vec<Entry>) -> Vec<Entry> {
    for entry in &mut entries {
        let added = ["__CURSOR", "__SEQNUM", "__SEQNUM_ID"];
        entry
            .fields
            .retain(|(name, _)| !added.contains(&name.as_str()));
        entry.fields.sort();
    }
    entries
}

/// Compares without printing a megabyte.
pub fn assert_same(read: Vec<Entry>, expected: Vec<Entry>, what: &str) {
    assert_eq!(read.len(), expected.len(), "{what}");
    for (at, (read, expected)) in sorted(read).iter().zip(&sorted(expected)).enumerate() {
        assert!(
            read == expected,
            "{what}: entry {at}: {read:?}, not {expected:?}"
        );
    }
}

/// A file, opened.
pub fn open(path: &Path) -> Box<dyn LogFile> {
    Disk.open(path).unwrap()
}
