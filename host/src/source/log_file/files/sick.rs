//! For tests: the node's disk, but for what a test says fails. It is asked before each call, and its error is
//! what the call gives.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Disk, Entry, Files, LogFile, Stat};

/// What the disk is asked for.
pub enum Call<'a> {
    Open,
    List(&'a Path),
    Read,
}

type Fails = dyn Fn(Call<'_>) -> io::Result<()> + Send + Sync;

pub struct SickDisk(Arc<Fails>);

impl SickDisk {
    pub fn new(fails: impl Fn(Call<'_>) -> io::Result<()> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self(Arc::new(fails)))
    }
}

impl Files for SickDisk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        (self.0)(Call::Open)?;
        Ok(Box::new(SickFile(Disk.open(path)?, self.0.clone())))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        (self.0)(Call::List(folder))?;
        Disk.list(folder)
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        Disk.read_link(path)
    }
}

struct SickFile(Box<dyn LogFile>, Arc<Fails>);

impl LogFile for SickFile {
    fn stat(&self) -> io::Result<Stat> {
        self.0.stat()
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        (self.1)(Call::Read)?;
        self.0.read_at(into, offset)
    }
}
