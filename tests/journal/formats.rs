//! Every layout that a node of the last ten years may have, against `journalctl`; and that reading
//! goes on where it stopped.

use std::path::Path;

use logsieve::source::journal::reader::{Next, Reader};
use support::journal::{self, Compression, Layout, recompress};

use crate::sample::{self, assert_same, entries, open, read_all};

/// More than the first array of entries holds, and than one block.
const ENTRIES: u64 = 1500;

fn layouts() -> impl Iterator<Item = Layout> {
    (0..8).map(|bits| Layout {
        compact: bits & 1 > 0,
        keyed_hash: bits & 2 > 0,
        compress: bits & 4 > 0,
    })
}

#[test]
fn every_layout_is_read_as_journalctl_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    for layout in layouts() {
        let path = folder.path().join("a.journal");
        journal::make(&path, layout, &entries(ENTRIES)).unwrap();
        let expected = journal::read(&path).unwrap();
        assert_eq!(expected.len() as u64, ENTRIES);
        assert_same(read_all(&path), expected, &format!("{layout:?}"));
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn files_of_older_systemds_are_read_as_journalctl_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    for compression in [Compression::Lz4, Compression::Xz] {
        for compact in [false, true] {
            let path = folder.path().join("a.journal");
            let layout = Layout {
                compact,
                keyed_hash: compact,
                compress: false,
            };
            journal::make(&path, layout, &entries(140)).unwrap();
            assert!(recompress(&path, compression).unwrap() > 10);
            let expected = journal::read(&path).unwrap();
            assert_eq!(expected.len(), 140);
            assert_same(read_all(&path), expected, &format!("{compression:?}"));
            std::fs::remove_file(&path).unwrap();
        }
    }
}

/// Keys for sealing belong to a machine, so this file was made once: Debian's systemd 252, `--seal=yes`.
#[test]
fn a_sealed_file_is_read_as_journalctl_reads_it() {
    let packed = include_bytes!("sealed.journal.zst");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sealed.journal");
    std::fs::write(&path, zstd::decode_all(packed.as_slice()).unwrap()).unwrap();
    let expected = journal::read(&path).unwrap();
    assert_eq!(expected.len(), 200);
    assert_same(read_all(&path), expected, "sealed");
}

#[test]
fn reading_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    for layout in layouts().filter(|l| l.keyed_hash) {
        let path = folder.path().join("a.journal");
        journal::make(&path, layout, &entries(300)).unwrap();
        let mut reader = Reader::open(open(&path)).unwrap();
        let mut seen = Vec::new();
        while let Next::Entry(entry) = reader.next_entry().unwrap() {
            seen.push(entry);
        }
        assert_eq!((seen.len(), reader.unread()), (300, 0));
        let end = seen[299].to;
        assert_eq!(Reader::open(open(&path)).unwrap().end().unwrap(), end);
        for at in [0, 1, 2, 5, 77, 298, 299] {
            let mut reader = Reader::open(open(&path)).unwrap();
            reader.seek(seen[at].from).unwrap();
            assert_eq!(reader.next_entry().unwrap(), Next::Entry(seen[at]), "{at}");
            reader.seek(seen[at].to).unwrap();
            let next = seen.get(at + 1).map_or(Next::End, |e| Next::Entry(*e));
            assert_eq!(reader.next_entry().unwrap(), next, "behind {at}");
            let time = seen[at].realtime;
            assert_eq!(reader.seek_time(time).unwrap(), seen[at].from);
            assert_eq!(
                reader.next_entry().unwrap(),
                Next::Entry(seen[at]),
                "at {time}"
            );
        }
        reader.seek_time(u64::MAX).unwrap();
        assert_eq!(
            (reader.offset(), reader.next_entry().unwrap()),
            (end, Next::End)
        );
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn what_is_no_journal_is_refused() {
    let refused = |path: &Path| Reader::open(open(path)).err().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.journal");
    std::fs::write(&path, b"a plain line\n").unwrap();
    assert_eq!(refused(&path), "it is not a journal file");
    std::fs::write(&path, b"LPKSHHRH").unwrap();
    assert_eq!(refused(&path), "its header is cut short or makes no sense");
    journal::make(
        &folder.path().join("b.journal"),
        Layout::default(),
        &[sample::entry(0)],
    )
    .unwrap();
    let mut bytes = std::fs::read(folder.path().join("b.journal")).unwrap();
    bytes[13] = 1;
    std::fs::write(&path, bytes).unwrap();
    let newer = "it has features that this agent does not know (flags 0x100); a newer logsieve may";
    assert_eq!(refused(&path), newer);
}
