//! A disk that does not give what stands there: it is asked ever more rarely, and all is read
//! once it does.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::bench::{Node, run_on};
use crate::source::log_file::files::{Disk, Entry, Files, LogFile, Stat};

/// A disk whose files cannot be read while it is sick.
#[derive(Clone, Default)]
struct SickDisk(Arc<AtomicBool>);

impl Files for SickDisk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        let file = Disk.open(path)?;
        Ok(Box::new(SickFile(file, self.clone())))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        Disk.list(folder)
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        Disk.read_link(path)
    }
}

struct SickFile(Box<dyn LogFile>, SickDisk);

impl LogFile for SickFile {
    fn stat(&self) -> io::Result<Stat> {
        self.0.stat()
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        if self.1.0.load(Ordering::Relaxed) {
            return Err(io::Error::from_raw_os_error(5));
        }
        self.0.read_at(into, offset)
    }
}

#[test]
fn a_file_that_cannot_be_read_is_tried_ever_more_rarely_and_read_when_it_can() {
    let mut node = Node::new();
    node.print("0.log", 30_000);
    let disk = SickDisk::default();
    let mut run = run_on(Arc::new(disk.clone()), &node, None, |_| {});
    run.step();
    // It was seen that more stands there.
    let read = run.numbers().len();
    assert!((1..30_000).contains(&read), "{read}");
    disk.0.store(true, Ordering::Relaxed);
    run.steps(10);
    let failures = run.read_failures();
    assert!((3..12).contains(&failures), "{failures} tries");
    disk.0.store(false, Ordering::Relaxed);
    run.steps(11);
    assert_eq!(run.numbers(), (1..=30_000).collect::<Vec<u32>>());
    assert_eq!(run.read_failures(), failures);
    assert_eq!(run.ledger().lost_bytes, 0);
}
