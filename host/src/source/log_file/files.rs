//! The seam for log files: every look at the node's disk goes through here.
//!
//! A simulation puts a folder of its own behind these traits, with short reads, torn writes and
//! reused inodes; the agent puts the real one.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::OFlags;

/// A pipe would block whoever opens it until somebody writes to it, and a device does worse.
const NONBLOCK: OFlags = OFlags::NONBLOCK;
/// Reading leaves no trace: else each look at a log that has grown would have its inode written anew.
const NOATIME: OFlags = OFlags::NOATIME;

/// What makes an *open* file the same file. Delete-then-create can reuse an inode, and a real kubelet
/// on ext4 gives the live log the same two numbers in turn, so the birth time belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Inode {
    /// Nanoseconds since the Unix epoch; 0 where the filesystem does not tell.
    pub birth: u64,
    pub device: u64,
    pub number: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    pub inode: Inode,
    /// Bytes.
    pub len: u64,
    /// Names that the file still has: 0 once it is unlinked, and only descriptors reach it.
    pub links: u64,
    /// When it was last written to, nanoseconds since the Unix epoch.
    pub modified: u64,
}

/// An open log file.
pub trait LogFile: Send {
    /// # Errors
    /// Whatever the disk says.
    fn stat(&self) -> io::Result<Stat>;
    /// Reads at an offset; fewer bytes than asked for is normal, 0 is the end for now.
    /// # Errors
    /// Whatever the disk says.
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize>;
    /// How many bytes, at least, stood behind its end and cannot be read; none where it is whole.
    fn missing(&self) -> Option<u64> {
        None
    }
}

/// One name in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    pub is_dir: bool,
}

/// A disk with log files.
pub trait Files: Send + Sync {
    /// # Errors
    /// Whatever the disk says.
    fn open(&self, path: &Path) -> io::Result<Box<dyn LogFile>>;
    /// Names in a folder, sorted. Names that are not UTF-8 are no pod's and are left out.
    /// # Errors
    /// Whatever the disk says.
    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>>;
    /// Where a link leads, not followed further.
    /// # Errors
    /// Whatever the disk says.
    fn read_link(&self, path: &Path) -> io::Result<PathBuf>;
}

/// The node's disk.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl Files for Disk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        let file = match open_with(path, NONBLOCK | NOATIME) {
            // It is for the file's owner to say.
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => open_with(path, NONBLOCK),
            opened => opened,
        }?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        Ok(Box::new(DiskFile(file)))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            // Pod folders of some runtimes are links, so a link is followed.
            let kind = entry.file_type()?;
            let is_dir = kind.is_dir() || (kind.is_symlink() && entry.path().is_dir());
            entries.push(Entry { name, is_dir });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        std::fs::read_link(path)
    }
}

#[allow(
    clippy::cast_possible_wrap,
    reason = "flags of open(2), which takes them signed"
)]
fn open_with(path: &Path, flags: OFlags) -> io::Result<File> {
    let mut options = File::options();
    let options = options.read(true).custom_flags(flags.bits() as i32);
    options.open(path)
}

struct DiskFile(File);

impl LogFile for DiskFile {
    fn stat(&self) -> io::Result<Stat> {
        let meta = self.0.metadata()?;
        let nanos = |time: io::Result<SystemTime>| {
            let since = time.ok()?.duration_since(UNIX_EPOCH).ok()?;
            u64::try_from(since.as_nanos()).ok()
        };
        let birth = nanos(meta.created()).unwrap_or(0);
        Ok(Stat {
            inode: Inode {
                birth,
                device: meta.dev(),
                number: meta.ino(),
            },
            len: meta.len(),
            links: meta.nlink(),
            modified: nanos(meta.modified()).unwrap_or(0),
        })
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        loop {
            match self.0.read_at(into, offset) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }
}

#[cfg(test)]
pub mod sick;

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::FileTimes;

    #[test]
    fn reading_a_log_does_not_change_when_it_was_read_last() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("0.log");
        std::fs::write(&path, "a line\n").unwrap();
        let long_ago = UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        let times = FileTimes::new().set_accessed(long_ago);
        File::options()
            .write(true)
            .open(&path)
            .and_then(|file| file.set_times(times))
            .unwrap();
        let file = Disk.open(&path).unwrap();
        assert_eq!(file.read_at(&mut [0; 100], 0).unwrap(), 7);
        let read_last = std::fs::metadata(&path).unwrap().accessed().unwrap();
        assert_eq!(read_last, long_ago);
    }
}
