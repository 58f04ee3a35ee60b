//! A file that its writer adds to while it is read: what was read before a look is not what stands
//! there after it.

use logsieve::source::journal::reader::Reader;
use support::journal::{Layout, Writer, read};
use support::wait::until;

use crate::sample::{assert_same, drain, entries, open};

#[test]
fn what_a_writer_adds_is_read_once_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("live.journal");
    let all = entries(2000);
    let mut writer = Writer::start(&path, Layout::default()).unwrap();
    let (mut reader, mut got) = (None, Vec::new());
    for some in all.chunks(61) {
        writer.write(some).unwrap();
        // What is there by now, be it half of it.
        if reader.is_none() && path.exists() {
            reader = Reader::open(open(&path)).ok();
        }
        if let Some(reader) = &mut reader {
            reader.look().unwrap();
            got.extend(drain(reader).0);
        }
    }
    let mut reader = reader.unwrap_or_else(|| Reader::open(open(&path)).unwrap());
    until("everything is there", || {
        reader.look().unwrap();
        got.extend(drain(&mut reader).0);
        got.len() == all.len()
    });
    writer.finish().unwrap();
    assert_same(got, read(&path).unwrap(), "live");
}
