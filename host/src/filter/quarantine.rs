//! Where poisonous records wait, on the node.
//!
//! A line of JSON for each record, with the text that the failing filter was handed: what a filter
//! was to take out never leaves the node. Files are 0600, and a line is on the disk before its record
//! settles. The store is bounded in bytes and files, and never makes room by itself: whoever reads
//! it deletes it. While it is full, filters that need it stop their containers as under `block`. A
//! thread of its own writes, since an fsync would stop a lane for all its containers.

mod line;
pub mod notice;

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{TrySendError, sync_channel};

use bytesize::ByteSize;
use serde::Deserialize;

use super::instance::Failure;
use crate::record::{Columns, Container};
use crate::telemetry::metrics::QuarantineMetrics;

/// A file that has reached this many bytes is ended, and the next begun.
const FILE_BYTES: u64 = 1024 * 1024;
/// Batches that may wait to be written.
const QUEUE_MAX: usize = 16;
/// How often an entry is written whose file is deleted meanwhile.
const TRIES: usize = 5;
/// What files are called, behind their number.
const SUFFIX: &str = ".jsonl";

/// How much quarantine may keep.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub bytes_max: ByteSize,
    pub files_max: usize,
    /// Where else it is told that records are kept.
    pub notices: Option<notice::Config>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bytes_max: ByteSize::mib(256),
            files_max: 1000,
            notices: None,
        }
    }
}

/// Records of one batch that a filter failed on.
#[derive(Debug)]
pub struct Entry {
    pub filter: String,
    /// Its module's hash.
    pub module: String,
    pub container: Arc<Container>,
    pub columns: Columns,
    /// Why, for the records in order.
    pub reasons: Vec<Reason>,
}

/// Why a number of records in a row are kept.
#[derive(Debug)]
pub struct Reason {
    pub records: usize,
    pub kind: &'static str,
    pub text: String,
}

impl Reason {
    #[must_use]
    pub fn of(records: usize, failure: &Failure) -> Self {
        Self {
            records,
            kind: failure.kind(),
            text: failure.to_string(),
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        self.kind == other.kind && self.text == other.text
    }
}

/// What became of records that were handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Pending,
    /// They are on the disk.
    Kept,
    Refused(&'static str),
}

const FULL: &str = "it is full";
const FAILED: &str = "its folder cannot be written";

/// Tells what became of records that were handed over.
#[derive(Debug, Clone, Default)]
pub struct Ticket(Arc<AtomicU8>);

impl Ticket {
    #[must_use]
    pub fn fate(&self) -> Fate {
        match self.0.load(Ordering::Acquire) {
            0 => Fate::Pending,
            1 => Fate::Kept,
            2 => Fate::Refused(FULL),
            _ => Fate::Refused(FAILED),
        }
    }

    fn end(&self, fate: Fate) {
        let number = match fate {
            Fate::Pending => 0,
            Fate::Kept => 1,
            Fate::Refused(cause) if cause == FULL => 2,
            Fate::Refused(_) => 3,
        };
        self.0.store(number, Ordering::Release);
    }
}

/// Takes records to be kept, for all lanes.
#[derive(Clone)]
pub struct Keeper(Arc<dyn Fn(Box<Entry>) -> Handed + Send + Sync>);

/// A ticket, or the records given back while the queue is full.
pub type Handed = Result<Ticket, Box<Entry>>;

impl Keeper {
    /// Writes where it is asked to, in the caller's thread: for tests and simulations.
    #[must_use]
    pub fn in_place(store: Store) -> Self {
        let store = std::sync::Mutex::new(store);
        Self(Arc::new(move |entry: Box<Entry>| {
            let ticket = Ticket::default();
            let mut store = store
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            ticket.end(store.keep(&entry));
            Ok(ticket)
        }))
    }

    /// Starts the thread that writes; it ends with the last keeper.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(mut store: Store) -> io::Result<Self> {
        let (to, entries) = sync_channel::<(Box<Entry>, Ticket)>(QUEUE_MAX);
        std::thread::Builder::new()
            .name("quarantine".into())
            .spawn(move || {
                for (entry, ticket) in entries {
                    ticket.end(store.keep(&entry));
                }
            })?;
        Ok(Self(Arc::new(move |entry: Box<Entry>| {
            let ticket = Ticket::default();
            match to.try_send((entry, ticket.clone())) {
                Ok(()) => Ok(ticket),
                Err(TrySendError::Full((entry, _))) => Err(entry),
                Err(TrySendError::Disconnected(_)) => {
                    ticket.end(Fate::Refused(FAILED));
                    Ok(ticket)
                }
            }
        })))
    }

    /// Hands records over.
    pub(super) fn keep(&self, entry: Box<Entry>) -> Handed {
        (self.0)(entry)
    }
}

/// The file that is written to.
struct Current {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl Current {
    /// Puts lines behind what it holds. False: nobody would find them.
    fn append(&mut self, lines: &[u8]) -> io::Result<bool> {
        self.file.write_all(lines)?;
        self.file.sync_data()?;
        // Asked once it is on the disk: whoever has read a file deletes it at any moment before.
        let found = self.is_there()?;
        self.bytes += lines.len() as u64;
        Ok(found)
    }

    /// Takes away what there is of lines that could not be put there.
    fn cut_back(&self) -> io::Result<()> {
        self.file.set_len(self.bytes)
    }

    /// Whether it lies under its name still: nobody would find what is written to it else.
    fn is_there(&self) -> io::Result<bool> {
        let own = self.file.metadata()?;
        match fs::metadata(&self.path) {
            Ok(named) => Ok((named.dev(), named.ino()) == (own.dev(), own.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// The folder of quarantine.
pub struct Store {
    folder: PathBuf,
    config: Config,
    metrics: QuarantineMetrics,
    current: Option<Current>,
    next: u64,
    bytes: u64,
    files: usize,
    line: Vec<u8>,
    failing: bool,
}

impl Store {
    /// Opens the folder, and makes it where it is missing.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn open(folder: &Path, config: Config, metrics: QuarantineMetrics) -> io::Result<Self> {
        let mut store = Self {
            folder: folder.to_owned(),
            config,
            metrics,
            current: None,
            next: 1,
            bytes: 0,
            files: 0,
            line: Vec::new(),
            failing: false,
        };
        store.look()?;
        Ok(store)
    }

    /// Writes an entry, and says what became of it: all of it is kept, or none.
    pub fn keep(&mut self, entry: &Entry) -> Fate {
        self.line.clear();
        line::write(entry, &mut self.line);
        let fate = match self.write() {
            Ok(true) => Fate::Kept,
            Ok(false) => Fate::Refused(FULL),
            Err(error) => {
                self.metrics.failures.inc();
                if !self.failing {
                    let folder = self.folder.display();
                    tracing::error!(%folder, %error, "quarantine cannot be written; its filters' containers stop");
                }
                Fate::Refused(FAILED)
            }
        };
        self.failing = fate == Fate::Refused(FAILED);
        fate
    }

    fn write(&mut self) -> io::Result<bool> {
        let more = self.line.len() as u64;
        for _ in 0..TRIES {
            if !self.has_room(more) {
                // Somebody may have made room.
                self.look()?;
                if !self.has_room(more) {
                    return Ok(false);
                }
            }
            let mut current = match self.current.take() {
                Some(current) => current,
                None => self.begin()?,
            };
            match current.append(&self.line) {
                Ok(true) => {
                    self.bytes += more;
                    self.current = Some(current).filter(|c| c.bytes < FILE_BYTES);
                    self.show();
                    return Ok(true);
                }
                Ok(false) => {}
                Err(error) => {
                    // Each failure would leave a file behind, until there is room for no more of them.
                    if current.cut_back().is_ok() {
                        self.current = Some(current);
                    }
                    return Err(error);
                }
            }
            self.look()?;
        }
        Err(io::ErrorKind::NotFound.into())
    }

    fn has_room(&self, more: u64) -> bool {
        let files = self.files + usize::from(self.current.is_none());
        self.bytes + more <= self.config.bytes_max.as_u64() && files <= self.config.files_max
    }

    fn begin(&mut self) -> io::Result<Current> {
        let path = self.folder.join(format!("{:08}{SUFFIX}", self.next));
        let mut options = fs::OpenOptions::new();
        options.append(true).create_new(true).mode(0o600);
        let file = options.open(&path)?;
        self.next += 1;
        // The name has to outlive a crash as well.
        if let Err(error) = File::open(&self.folder).and_then(|folder| folder.sync_all()) {
            // What cannot be deleted either is counted at the next look.
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        self.files += 1;
        Ok(Current {
            path,
            file,
            bytes: 0,
        })
    }

    /// Counts what is there; makes the folder where it is missing.
    fn look(&mut self) -> io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(&self.folder)?;
        (self.bytes, self.files) = (0, 0);
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(number) = name.to_str().and_then(|name| name.strip_suffix(SUFFIX)) else {
                continue;
            };
            if let Ok(number) = number.parse::<u64>() {
                self.next = self.next.max(number + 1);
            }
            self.files += 1;
            self.bytes += entry.metadata().map_or(0, |m| m.len());
        }
        if let Some(current) = &self.current
            && !current.is_there()?
        {
            self.current = None;
        }
        self.show();
        Ok(())
    }

    fn show(&self) {
        let gauge = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        self.metrics.bytes.set(gauge(self.bytes));
        self.metrics.files.set(gauge(self.files as u64));
    }
}

#[cfg(test)]
mod tests;
