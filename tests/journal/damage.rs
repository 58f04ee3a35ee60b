//! Files that are cut short, altered or emptied: nothing panics, nothing goes on for ever, and what can
//! be read is read.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, OnceLock};

use logsieve::record::Globs;
use logsieve::source::journal::reader::{Error, Next, Reader};
use logsieve::source::journal::select::Fields;
use logsieve::source::journal::streams::Streams;
use logsieve::source::log_file::files::{Inode, LogFile, Stat};
use proptest::prelude::*;
use support::journal::{self, Layout};

use crate::sample::{self, drain, sorted};

const ENTRIES: u64 = 200;

/// A file in memory, some of its bytes altered, cut at some length.
#[derive(Clone)]
struct Altered {
    bytes: Arc<Vec<u8>>,
    altered: BTreeMap<u64, u8>,
    len: u64,
}

impl LogFile for Altered {
    fn stat(&self) -> io::Result<Stat> {
        let inode = Inode {
            birth: 0,
            device: 0,
            number: 1,
        };
        Ok(Stat {
            inode,
            len: self.len,
            links: 1,
            modified: 0,
        })
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let from = offset.min(self.len);
        let to = (offset + into.len() as u64).min(self.len);
        let read = usize::try_from(to - from).unwrap();
        let start = usize::try_from(from).unwrap();
        into[..read].copy_from_slice(&self.bytes[start..start + read]);
        for (at, byte) in self.altered.range(from..to) {
            into[usize::try_from(at - from).unwrap()] = *byte;
        }
        Ok(read)
    }
}

/// A file of each layout, and how many bytes of it are in use.
fn files() -> &'static [(Altered, u64)] {
    static FILES: OnceLock<Vec<(Altered, u64)>> = OnceLock::new();
    FILES.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let make = |compact| {
            let path = folder.path().join(format!("{compact}.journal"));
            let layout = Layout {
                compact,
                ..Layout::default()
            };
            journal::make(&path, layout, &sample::entries(ENTRIES)).unwrap();
            let bytes = std::fs::read(&path).unwrap();
            let len = bytes.len() as u64;
            let file = Altered {
                bytes: Arc::new(bytes),
                altered: BTreeMap::new(),
                len,
            };
            let used = Reader::open(Box::new(file.clone())).unwrap().end().unwrap();
            (file, used)
        };
        vec![make(false), make(true)]
    })
}

/// Reads all there is, by each of the ways in. Says how many entries.
fn read(file: &Altered) -> Result<u64, Error> {
    let mut reader = Reader::open(Box::new(file.clone()))?;
    let mut seen = 0;
    // An altered header may tell of more entries than there is room for.
    let most = file.len / 8;
    while seen <= most {
        match reader.next_entry()? {
            Next::Entry(entry) => {
                assert!(entry.from < entry.to && entry.to <= file.len);
                for place in reader.items().to_vec() {
                    reader.field(place)?;
                }
                seen += 1;
            }
            Next::Damaged => seen += 1,
            Next::End => break,
        }
    }
    assert!(seen <= most, "{seen} entries in {} bytes", file.len);
    Ok(seen)
}

fn try_every_way(file: &Altered) {
    let _ = read(file);
    let Ok(mut reader) = Reader::open(Box::new(file.clone())) else {
        return;
    };
    let _ = reader.end();
    let _ = reader.seek(file.len / 100);
    let _ = reader.next_entry();
    let _ = reader.seek_time(sample::BEGAN + 50_000);
    let _ = reader.look();
    let _ = reader.seek(0);
    let mut streams = Streams::new(Fields::new(Globs::One("*".into())));
    let _ = streams.read(&mut reader, &mut |streams, sorted, reader| {
        let told = sorted.stream.map(|stream| streams.told(stream));
        assert!(told.is_none_or(|told| told.is_some()));
        sorted.text(reader).map(|_| true)
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn an_altered_file_is_read_or_refused(
        compact in any::<bool>(),
        bits in proptest::collection::vec((any::<prop::sample::Index>(), 0_u8..8), 1..20),
        in_header in any::<bool>(),
    ) {
        let (file, used) = &files()[usize::from(compact)];
        let mut file = file.clone();
        for (at, bit) in bits {
            let end = if in_header { 272 } else { usize::try_from(*used).unwrap() };
            let at = at.index(end);
            let byte = file.bytes[at] ^ (1 << bit);
            file.altered.insert(at as u64, byte);
        }
        try_every_way(&file);
    }

    /// Whole numbers, since a single bit seldom makes an offset that is nearly right.
    #[test]
    fn altered_offsets_are_read_or_refused(
        compact in any::<bool>(),
        numbers in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..10),
    ) {
        let (file, used) = &files()[usize::from(compact)];
        let mut file = file.clone();
        for (at, number) in numbers {
            let used = usize::try_from(*used).unwrap();
            let (at, number) = (at.index(used) & !7, number.index(used) & !7);
            for (byte, place) in (number as u64).to_le_bytes().into_iter().zip(at as u64..) {
                file.altered.insert(place, byte);
            }
        }
        try_every_way(&file);
    }

    #[test]
    fn of_a_file_that_is_cut_short_the_rest_is_read(
        compact in any::<bool>(),
        at in any::<prop::sample::Index>(),
    ) {
        let (whole, used) = &files()[usize::from(compact)];
        let mut file = whole.clone();
        file.len = at.index(usize::try_from(*used).unwrap()) as u64;
        try_every_way(&file);
        let Ok(mut reader) = Reader::open(Box::new(file)) else { return Ok(()) };
        let mut all = Reader::open(Box::new(whole.clone())).unwrap();
        let before = |reader: &mut Reader| {
            let mut ends = Vec::new();
            while let Ok(Next::Entry(entry)) = reader.next_entry() {
                ends.push(entry.to);
            }
            ends
        };
        let (read, all) = (before(&mut reader), before(&mut all));
        prop_assert_eq!(&read[..], &all[..read.len()]);
    }
}

/// journald empties a file that it deletes, so that whoever has it open keeps no space on the disk.
#[test]
fn a_file_that_is_emptied_is_no_journal_any_more() {
    let (file, _) = &files()[1];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.journal");
    std::fs::write(&path, &*file.bytes).unwrap();
    let mut reader = Reader::open(sample::open(&path)).unwrap();
    assert!(matches!(reader.next_entry().unwrap(), Next::Entry(_)));
    let open = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    open.set_len(0).unwrap();
    assert!(matches!(reader.look(), Err(Error::Foreign(_))));
    open.set_len(file.len).unwrap();
    assert!(matches!(reader.look(), Err(Error::Foreign(_))));
}

/// One entry that is damaged costs that entry.
#[test]
fn what_stands_around_damage_is_read() {
    let (file, _) = &files()[1];
    let mut reader = Reader::open(Box::new(file.clone())).unwrap();
    let (whole, _) = drain(&mut reader);
    reader.seek(0).unwrap();
    let mut starts = Vec::new();
    while let Next::Entry(entry) = reader.next_entry().unwrap() {
        // Its head, and four bytes for each of its fields.
        starts.push(entry.to - 64 - 4 * reader.items().len() as u64);
    }
    let mut file = file.clone();
    file.altered.insert(starts[50], 99);
    let mut reader = Reader::open(Box::new(file)).unwrap();
    let (read, damaged) = drain(&mut reader);
    assert_eq!((read.len() as u64, damaged), (ENTRIES - 1, 1));
    let mut expected = whole;
    expected.remove(50);
    assert!(sorted(read) == sorted(expected));
}
