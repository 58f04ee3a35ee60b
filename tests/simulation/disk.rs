//! A disk in memory, behind the agent's seam for log files.
//!
//! It has what makes a real one hard: inode numbers that are used again at once, files that live on
//! without a name, reads that give less than was asked for, and hours in which nothing works. It also
//! tells what no reader can tell: when the last way to a file's bytes is gone, and who closed it.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use fastrand::Rng;
use logsieve::source::log_file::files::{Entry, Files, Inode, LogFile, Stat};
use logsieve::source::log_file::identity::HEAD_BYTES_MAX;

use crate::cpu;

/// A file, by a number that is never used again; its inode number is.
pub type Node = u64;

/// A gigabyte a second: what a read is charged.
const NANOS_PER_BYTE: u64 = 1;

#[derive(Clone)]
pub struct Disk(Arc<Mutex<Inner>>);

struct Inner {
    names: BTreeMap<PathBuf, Name>,
    files: BTreeMap<Node, File>,
    made: u64,
    rng: Rng,
    /// Reads give less than is asked for.
    short: bool,
    /// Nothing works.
    failing: bool,
    unreadable: Vec<Unreadable>,
    /// How often anything was written, where files tell when that was.
    writes: Option<u64>,
}

#[derive(Clone)]
enum Name {
    Folder,
    File(Node),
    Link(PathBuf),
}

#[derive(Default)]
struct File {
    number: u64,
    bytes: Vec<u8>,
    names: u64,
    handles: u64,
    /// How far it was read, and how long it was when its reader looked.
    read_to: u64,
    seen_to: u64,
    modified: u64,
}

/// A file whose bytes nobody can reach any more.
#[derive(Debug, Clone, Copy)]
pub struct Unreadable {
    pub node: Node,
    /// The agent closed it; otherwise its name went while the agent did not have it open.
    pub closed: bool,
    /// How long it was when its reader last looked.
    pub seen_to: u64,
}

impl Disk {
    pub fn new(rng: Rng) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            names: BTreeMap::new(),
            files: BTreeMap::new(),
            made: 0,
            rng,
            short: false,
            failing: false,
            unreadable: Vec::new(),
            writes: None,
        })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("nobody panics with the disk in hand")
    }

    pub fn weather(&self, short: bool, failing: bool) {
        let mut inner = self.inner();
        (inner.short, inner.failing) = (short, failing);
    }

    pub fn make_folder(&self, path: &Path) {
        let mut inner = self.inner();
        for folder in path.ancestors() {
            inner.names.insert(folder.to_owned(), Name::Folder);
        }
    }

    /// Makes an empty file, with the lowest inode number that is free.
    pub fn create(&self, path: &Path) -> Node {
        let mut inner = self.inner();
        inner.made += 1;
        let node = inner.made;
        let used: Vec<u64> = inner.files.values().map(|file| file.number).collect();
        let number = (1..).find(|n| !used.contains(n)).expect("a free number");
        let file = File {
            number,
            names: 1,
            ..File::default()
        };
        inner.files.insert(node, file);
        inner.names.insert(path.to_owned(), Name::File(node));
        node
    }

    /// Files tell from here on when they were last written to.
    pub fn tell_times(&self) {
        self.inner().writes = Some(0);
    }

    /// A copy tells the time of what it was made of.
    pub fn copy_time(&self, from: Node, to: Node) {
        let mut inner = self.inner();
        let modified = inner.files.get(&from).map(|file| file.modified);
        if let (Some(modified), Some(file)) = (modified, inner.files.get_mut(&to)) {
            file.modified = modified;
        }
    }

    /// Appends by a descriptor: the file may have no name any more.
    pub fn append(&self, node: Node, bytes: &[u8]) {
        let mut guard = self.inner();
        let inner = &mut *guard;
        if let Some(file) = inner.files.get_mut(&node) {
            file.bytes.extend_from_slice(bytes);
            if let Some(writes) = inner.writes.as_mut().filter(|_| !bytes.is_empty()) {
                *writes += 1;
                file.modified = *writes;
            }
        }
    }

    /// Writes a file anew, in place.
    pub fn rewrite(&self, node: Node, bytes: Vec<u8>) {
        if let Some(file) = self.inner().files.get_mut(&node) {
            file.bytes = bytes;
        }
    }

    /// Cuts a file to nothing; gives back how long it was when its reader last looked.
    pub fn truncate(&self, node: Node) -> u64 {
        let mut inner = self.inner();
        let Some(file) = inner.files.get_mut(&node) else {
            return 0;
        };
        file.bytes.clear();
        file.read_to = 0;
        std::mem::take(&mut file.seen_to)
    }

    pub fn is_open(&self, node: Node) -> bool {
        let inner = self.inner();
        inner.files.get(&node).is_some_and(|file| file.handles > 0)
    }

    /// How far a file was read.
    pub fn read_to(&self, node: Node) -> u64 {
        let inner = self.inner();
        inner.files.get(&node).map_or(0, |file| file.read_to)
    }

    pub fn bytes(&self, node: Node) -> Vec<u8> {
        let inner = self.inner();
        inner
            .files
            .get(&node)
            .map_or_else(Vec::new, |file| file.bytes.clone())
    }

    pub fn len(&self, node: Node) -> usize {
        let inner = self.inner();
        inner.files.get(&node).map_or(0, |file| file.bytes.len())
    }

    /// Removes a folder that has nothing in it.
    pub fn remove_folder(&self, folder: &Path) {
        if self.paths_in(folder).is_empty() {
            self.inner().names.remove(folder);
        }
    }

    pub fn link(&self, path: &Path, target: &Path) {
        self.inner()
            .names
            .insert(path.to_owned(), Name::Link(target.to_owned()));
    }

    pub fn rename(&self, from: &Path, to: &Path) {
        let mut inner = self.inner();
        if let Some(name) = inner.names.remove(from) {
            inner.names.insert(to.to_owned(), name);
        }
    }

    /// Takes a name away, and with the last one a file that nobody has open.
    pub fn unlink(&self, path: &Path) {
        let mut inner = self.inner();
        if let Some(Name::File(node)) = inner.names.remove(path) {
            if let Some(file) = inner.files.get_mut(&node) {
                file.names -= 1;
            }
            inner.free(node, false);
        }
    }

    /// Files and folders directly in a folder.
    pub fn paths_in(&self, folder: &Path) -> Vec<PathBuf> {
        let inner = self.inner();
        let within = |path: &&PathBuf| path.parent() == Some(folder);
        inner.names.keys().filter(within).cloned().collect()
    }

    pub fn node_at(&self, path: &Path) -> Option<Node> {
        match self.inner().names.get(path) {
            Some(Name::File(node)) => Some(*node),
            _ => None,
        }
    }

    /// Files that became unreadable since this was last asked.
    pub fn take_unreadable(&self) -> Vec<Unreadable> {
        std::mem::take(&mut self.inner().unreadable)
    }
}

impl Inner {
    fn free(&mut self, node: Node, closed: bool) {
        let lost = |file: &File| file.names == 0 && file.handles == 0;
        if self.files.get(&node).is_some_and(lost) {
            let seen_to = self.files.remove(&node).map_or(0, |file| file.seen_to);
            self.unreadable.push(Unreadable {
                node,
                closed,
                seen_to,
            });
        }
    }

    fn works(&self) -> io::Result<()> {
        if self.failing {
            // What a disk says that is about to die: EIO.
            return Err(io::Error::from_raw_os_error(5));
        }
        Ok(())
    }

    fn name(&self, path: &Path) -> io::Result<Name> {
        self.works()?;
        let name = self.names.get(path).cloned();
        name.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Files for Disk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        let mut inner = self.inner();
        let Name::File(node) = inner.name(path)? else {
            return Err(io::ErrorKind::IsADirectory.into());
        };
        if let Some(file) = inner.files.get_mut(&node) {
            file.handles += 1;
        }
        let disk = self.clone();
        let looks = Cell::new(0);
        Ok(Box::new(Handle { disk, node, looks }))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        let Name::Folder = self.inner().name(folder)? else {
            return Err(io::ErrorKind::NotADirectory.into());
        };
        let entry = |path: PathBuf| Entry {
            name: path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            is_dir: matches!(self.inner().names.get(&path), Some(Name::Folder)),
        };
        Ok(self.paths_in(folder).into_iter().map(entry).collect())
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        match self.inner().name(path)? {
            Name::Link(target) => Ok(target),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }
}

/// An open file. Dropping it may make the file unreadable.
struct Handle {
    disk: Disk,
    node: Node,
    /// The first look is that of whoever opens it; the next ones are its reader's.
    looks: Cell<u32>,
}

impl LogFile for Handle {
    fn stat(&self) -> io::Result<Stat> {
        let mut inner = self.disk.inner();
        inner.works()?;
        let file = inner.files.get_mut(&self.node);
        let file = file.ok_or(io::ErrorKind::NotFound)?;
        self.looks.set(self.looks.get() + 1);
        if self.looks.get() > 1 {
            file.seen_to = file.bytes.len() as u64;
        }
        Ok(Stat {
            inode: Inode {
                birth: self.node,
                device: 1,
                number: file.number,
            },
            len: file.bytes.len() as u64,
            links: file.names,
            modified: file.modified,
        })
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut guard = self.disk.inner();
        let inner = &mut *guard;
        inner.works()?;
        let file = inner.files.get(&self.node).ok_or(io::ErrorKind::NotFound)?;
        let rest = usize::try_from(offset)
            .ok()
            .and_then(|at| file.bytes.get(at..));
        let rest = rest.unwrap_or_default();
        let mut len = rest.len().min(into.len());
        if inner.short && len > 1 {
            len = inner.rng.usize(1..=len);
        }
        into[..len].copy_from_slice(&rest[..len]);
        // A file's head is read to know it; more than that, to take it.
        if into.len() > HEAD_BYTES_MAX
            && let Some(file) = inner.files.get_mut(&self.node)
        {
            file.read_to = file.read_to.max(offset + len as u64);
        }
        cpu::spend(Duration::from_nanos(len as u64 * NANOS_PER_BYTE));
        Ok(len)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut inner = self.disk.inner();
        if let Some(file) = inner.files.get_mut(&self.node) {
            file.handles -= 1;
        }
        inner.free(self.node, true);
    }
}
