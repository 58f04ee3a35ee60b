//! The checkpoint on disk.
//!
//! One file, replaced whole (write, fsync, rename, fsync of the folder): a header line with version
//! and checksum, then one line of JSON a file. A crash at any instant leaves the former or the new
//! one. What cannot be read is set aside, never deleted, and told in the log as an error.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::record::{Cause, Sample, hex};

/// The newest layout that this agent reads, and the one that it writes.
pub const VERSION: u32 = 1;
const NAME: &str = "checkpoint.jsonl";
const LOCK: &str = "lock";
/// Settled ranges of a file that are saved; a restart repeats what further ones hold.
pub const ABOVE_MAX: usize = 16;
/// What an entry has in the file, about.
const ENTRY_BYTES: usize = 384;
/// Entries of files that are gone are forgotten after this long.
pub const FORGET_AFTER_SECONDS: u64 = 24 * 3600;

/// What makes a file the same file after a restart of the agent, a rotation or a compression.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FileKey {
    pub pod_uid: String,
    pub container: String,
    pub restart: u32,
    /// Length and hash of the first line.
    pub head: (u16, [u8; 16]),
}

impl FileKey {
    /// A file of a container, by length and hash of its first line.
    #[must_use]
    pub fn of_log(pod_uid: &str, container: &str, restart: u32, head: (u16, [u8; 16])) -> Self {
        Self {
            pod_uid: pod_uid.to_owned(),
            container: container.to_owned(),
            restart,
            head,
        }
    }

    /// A file of a journal, by the id in its header, which it keeps when it is renamed.
    #[must_use]
    pub fn of_journal(folder: &str, file_id: &[u8; 16]) -> Self {
        Self {
            pod_uid: folder.to_owned(),
            container: String::new(),
            restart: 0,
            head: (16, *file_id),
        }
    }

    /// No file: what says that something was there before.
    #[must_use]
    pub fn of_mark(mark: &str) -> Self {
        Self::of_log(mark, "", 0, (0, [0; 16]))
    }

    /// A file of a journal that cannot be read, so that nothing but its name is known.
    #[must_use]
    pub fn of_unreadable(folder: &str, path: &Path) -> Self {
        Self::of_log(folder, &path.display().to_string(), 0, (0, [0; 16]))
    }

    /// A plain file, by the id of its inode. What is written to it after it was cut is another: the next
    /// `generation`.
    #[must_use]
    pub fn of_plain(folder: &str, inode: [u8; 16], generation: u32) -> Self {
        Self {
            pod_uid: folder.to_owned(),
            container: String::new(),
            restart: generation,
            head: (0, inode),
        }
    }
}

/// How far a file is settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Every byte below is settled.
    pub offset: u64,
    /// Ranges above that are settled too, behind one that is not: the lowest [`ABOVE_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub above: Vec<(u64, u64)>,
    /// Of a journal's file, whose offset says how far it was read: units of which something below it is
    /// not settled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<Left>,
    /// Seconds since the Unix epoch when this last changed, or the file was last seen.
    pub at: u64,
    /// What there is to lose, should the file be gone at the next start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<Behind>,
    /// What it held, where its name and its first line do not tell that it is the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<Sample>,
}

/// What is not settled of one unit's entries, below the offset of a journal's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    pub unit: String,
    /// Where the first of them begins.
    pub from: u64,
    /// How many were passed over, and the bytes of all.
    pub entries: u64,
    pub bytes: u64,
}

/// A file that is not read to its end, or may still grow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behind {
    /// How long it was when it was last looked at.
    pub len: u64,
    /// The pod's folder and the container's in it.
    pub folder: String,
    /// Why what stands above the offset is lost already; no marker for it was taken yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
}

pub type Entries = BTreeMap<FileKey, Entry>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("state folder `{path}`: cannot be made or written")]
    Folder { path: PathBuf, source: io::Error },
    #[error("state folder `{path}`: another agent holds it; give each agent a folder of its own")]
    Held { path: PathBuf },
    #[error("checkpoint `{path}`")]
    Read { path: PathBuf, source: io::Error },
    #[error("checkpoint `{path}`: cannot be written; nothing is lost, a restart repeats more")]
    Write { path: PathBuf, source: io::Error },
}

/// Why a checkpoint was set aside.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("it is not a logsieve checkpoint")]
    Foreign,
    #[error("it was written by a newer agent (version {found}, this one reads up to {VERSION})")]
    Newer { found: u32 },
    #[error("it is torn or altered: its checksum does not match")]
    Torn,
}

#[derive(Serialize, Deserialize)]
struct Header {
    logsieve_checkpoint: u32,
    sha256: String,
}

/// What the store held when it was opened.
#[derive(Debug, Default)]
pub struct Loaded {
    pub entries: Entries,
    /// There was no checkpoint: the agent runs here for the first time.
    pub first_start: bool,
    /// A file that could not be read, where it lies now, and why.
    pub set_aside: Option<(PathBuf, Unreadable)>,
}

/// The state folder, held by this process alone.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    _lock: File,
}

impl Store {
    /// Makes the folder where it is missing, takes hold of it, and reads the checkpoint.
    ///
    /// # Errors
    /// When the folder cannot be used, or another agent holds it.
    pub fn open(folder: &Path) -> Result<(Self, Loaded), Error> {
        let in_folder = |source| Error::Folder {
            path: folder.to_owned(),
            source,
        };
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(in_folder)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(folder.join(LOCK))
            .map_err(in_folder)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let path = folder.to_owned();
                return Err(Error::Held { path });
            }
            Err(TryLockError::Error(source)) => return Err(in_folder(source)),
        }
        let store = Self {
            folder: folder.to_owned(),
            _lock: lock,
        };
        let loaded = store.load()?;
        Ok((store, loaded))
    }

    fn load(&self) -> Result<Loaded, Error> {
        let path = self.folder.join(NAME);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Ok(Loaded {
                    first_start: true,
                    ..Loaded::default()
                });
            }
            Err(source) => return Err(Error::Read { path, source }),
        };
        match decode(&bytes) {
            Ok(entries) => Ok(Loaded {
                entries,
                ..Loaded::default()
            }),
            Err(why) => {
                let aside = self.folder.join(format!("{NAME}.unreadable"));
                std::fs::rename(&path, &aside).map_err(|source| Error::Read { path, source })?;
                Ok(Loaded {
                    set_aside: Some((aside, why)),
                    ..Loaded::default()
                })
            }
        }
    }

    /// Replaces the checkpoint.
    ///
    /// # Errors
    /// When the disk refuses; the former checkpoint stands then.
    pub fn save(&self, entries: &Entries) -> Result<(), Error> {
        let path = self.folder.join(NAME);
        self.replace(&path, &encode(entries))
            .map_err(|source| Error::Write { path, source })
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let fresh = self.folder.join(format!("{NAME}.new"));
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&fresh)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&fresh, path)?;
        File::open(&self.folder)?.sync_all()
    }
}

/// The bytes of a checkpoint.
#[must_use]
pub fn encode(entries: &Entries) -> Vec<u8> {
    let header = |sha256: &[u8]| {
        let header = Header {
            logsieve_checkpoint: VERSION,
            sha256: hex(sha256),
        };
        serde_json::to_vec(&header).unwrap_or_default()
    };
    // As long as the one that takes its place.
    let mut bytes = header(&[0; 32]);
    bytes.push(b'\n');
    let body_from = bytes.len();
    bytes.reserve(entries.len() * ENTRY_BYTES);
    for pair in entries {
        // Neither keys nor values can fail to serialise: strings and numbers only.
        if serde_json::to_writer(&mut bytes, &pair).is_ok() {
            bytes.push(b'\n');
        }
    }
    let header = header(&Sha256::digest(&bytes[body_from..]));
    bytes[..header.len()].copy_from_slice(&header);
    bytes
}

/// Reads the bytes of a checkpoint.
///
/// # Errors
/// When they are not one, whole and of a known version.
pub fn decode(bytes: &[u8]) -> Result<Entries, Unreadable> {
    let newline = memchr::memchr(b'\n', bytes).ok_or(Unreadable::Foreign)?;
    let (header, body) = (&bytes[..newline], &bytes[newline + 1..]);
    let header: Header = serde_json::from_slice(header).map_err(|_| Unreadable::Foreign)?;
    if header.logsieve_checkpoint > VERSION {
        let found = header.logsieve_checkpoint;
        return Err(Unreadable::Newer { found });
    }
    if header.sha256 != hex(&Sha256::digest(body)) {
        return Err(Unreadable::Torn);
    }
    let lines = body.split(|b| *b == b'\n').filter(|l| !l.is_empty());
    lines
        .map(|line| serde_json::from_slice(line).map_err(|_| Unreadable::Foreign))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entries(n: u32) -> Entries {
        (0..n)
            .map(|restart| {
                let key = FileKey {
                    pod_uid: "0f1c".into(),
                    container: "app".into(),
                    restart,
                    head: (80, [7; 16]),
                };
                let offset = u64::from(restart) * 1000;
                let behind = (restart == 2).then(|| Behind {
                    len: 9000,
                    folder: "shop_api-0_0f1c/app".into(),
                    cause: Some(Cause::Truncated),
                });
                (
                    key,
                    Entry {
                        offset,
                        above: vec![(offset + 10, offset + 20); usize::from(restart == 1)],
                        left: vec![
                            Left {
                                unit: "kubelet.service".into(),
                                from: 7,
                                entries: 2,
                                bytes: 90,
                            };
                            usize::from(restart == 0)
                        ],
                        at: 1,
                        behind,
                        sample: (restart == 1).then_some(Sample {
                            at: 5,
                            first: [1; 16],
                            last: [2; 16],
                        }),
                    },
                )
            })
            .collect()
    }

    #[test]
    fn a_saved_checkpoint_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let (store, loaded) = Store::open(folder.path()).unwrap();
        assert!(loaded.first_start);
        store.save(&entries(3)).unwrap();
        drop(store);
        let (_, loaded) = Store::open(folder.path()).unwrap();
        assert!(!loaded.first_start);
        assert_eq!(loaded.entries, entries(3));
    }

    #[test]
    fn a_second_agent_on_the_same_state_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (_held, _) = Store::open(folder.path()).unwrap();
        let refused = Store::open(folder.path()).unwrap_err();
        assert!(matches!(refused, Error::Held { .. }));
    }

    #[test]
    fn a_torn_checkpoint_is_set_aside_and_said() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = encode(&entries(3));
        std::fs::write(folder.path().join(NAME), &bytes[..bytes.len() - 5]).unwrap();
        let (_, loaded) = Store::open(folder.path()).unwrap();
        let (aside, why) = loaded.set_aside.unwrap();
        assert_eq!(why, Unreadable::Torn);
        assert!(aside.exists());
        assert!(!loaded.first_start && loaded.entries.is_empty());
    }

    #[test]
    fn a_foreign_or_newer_checkpoint_is_refused_by_name() {
        assert_eq!(decode(b"hello"), Err(Unreadable::Foreign));
        assert_eq!(decode(b"{}\n"), Err(Unreadable::Foreign));
        let newer = b"{\"logsieve_checkpoint\":9,\"sha256\":\"\"}\n";
        assert_eq!(decode(newer), Err(Unreadable::Newer { found: 9 }));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_checkpoint_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
        }

        #[test]
        fn no_altered_byte_goes_unnoticed(n in 1_u32..4, at in any::<prop::sample::Index>(), bit in 0_u8..8) {
            let mut bytes = encode(&entries(n));
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            if let Ok(read) = decode(&bytes) {
                prop_assert_eq!(read, entries(n));
            }
        }
    }
}
