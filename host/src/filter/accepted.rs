//! The last accepted module of each filter, with the settings that it was accepted with, kept on the
//! node: so that a restart with a bad module in the ConfigMap, or none, finds the chain whole.
//!
//! One file for each filter, 0600 in a folder of the agent's own (0700), replaced whole: a line with
//! the SHA-256 of all that follows, a line of JSON, then the module.

use std::fs::{self, DirBuilder, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::module::sha256_hex;
use crate::record::hex;

const MAGIC: &str = "logsieve-accepted 1 ";
const SUFFIX: &str = ".accepted";
/// Hash, name and settings; a file of settings has at most half of this.
const HEADER_BYTES_MAX: u64 = 2 * 1024 * 1024;

/// The folder.
pub struct Store(PathBuf);

/// What was accepted.
#[derive(Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The module, unpacked.
    pub bytes: Vec<u8>,
    /// The operator's settings, as JSON.
    pub settings: String,
}

#[derive(Serialize, Deserialize)]
struct Header {
    filter: String,
    settings: String,
}

impl Store {
    /// # Errors
    /// When the folder cannot be made.
    pub fn open(folder: &Path) -> io::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        Ok(Self(folder.to_owned()))
    }

    /// A name may hold anything, so the file is called by its hash.
    fn path(&self, filter: &str) -> PathBuf {
        self.0
            .join(format!("{}{SUFFIX}", sha256_hex(filter.as_bytes())))
    }

    /// Keeps what was accepted, in the place of what was before.
    ///
    /// # Errors
    /// When the disk refuses; what was kept before stands then.
    pub fn save(&self, filter: &str, settings: &str, module: &[u8]) -> io::Result<()> {
        let header = serde_json::to_string(&Header {
            filter: filter.to_owned(),
            settings: settings.to_owned(),
        })?;
        let mut sha256 = Sha256::new();
        [header.as_bytes(), b"\n", module]
            .iter()
            .for_each(|part| sha256.update(part));
        let path = self.path(filter);
        let new = path.with_extension("new");
        let mut file = File::options()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&new)?;
        writeln!(file, "{MAGIC}{}\n{header}", hex(&sha256.finalize()))?;
        file.write_all(module)?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        File::open(&self.0)?.sync_all()
    }

    /// What was last accepted; none as well if it is torn.
    #[must_use]
    pub fn load(&self, filter: &str) -> Option<Accepted> {
        let bytes = fs::read(self.path(filter)).ok()?;
        let accepted = read(&bytes, filter);
        if accepted.is_none() {
            tracing::warn!(filter, "the last accepted module is torn, and of no use");
        }
        accepted
    }

    /// The filters of which something is kept.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let files = fs::read_dir(&self.0).into_iter().flatten().flatten();
        files.filter_map(|file| name_in(&file.path())).collect()
    }

    /// Forgets all filters but these.
    pub fn keep_only<'a>(&self, filters: impl Iterator<Item = &'a str>) {
        let keep: Vec<PathBuf> = filters.map(|name| self.path(name)).collect();
        for entry in fs::read_dir(&self.0).into_iter().flatten().flatten() {
            if !keep.contains(&entry.path()) {
                // What cannot be removed takes room, and does no other harm.
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// The filter that a file is about, by its header alone.
fn name_in(path: &Path) -> Option<String> {
    let mut start = BufReader::new(File::open(path).ok()?).take(HEADER_BYTES_MAX);
    let (mut first, mut header) = (String::new(), String::new());
    start.read_line(&mut first).ok()?;
    start.read_line(&mut header).ok()?;
    first.strip_prefix(MAGIC)?;
    let header: Header = serde_json::from_str(&header).ok()?;
    Some(header.filter)
}

fn read(bytes: &[u8], filter: &str) -> Option<Accepted> {
    let rest = bytes.strip_prefix(MAGIC.as_bytes())?;
    let (hash, rest) = rest.split_at_checked(64)?;
    let rest = rest.strip_prefix(b"\n")?;
    if sha256_hex(rest).as_bytes() != hash {
        return None;
    }
    let end = memchr::memchr(b'\n', rest)?;
    let header: Header = serde_json::from_slice(&rest[..end]).ok()?;
    (header.filter == filter).then(|| Accepted {
        bytes: rest[end + 1..].to_vec(),
        settings: header.settings,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("accepted")).unwrap();
        (folder, store)
    }

    #[test]
    fn what_was_accepted_last_is_kept_whole() {
        let (_folder, store) = store();
        assert_eq!(store.load("../odd name"), None);
        store.save("../odd name", "{}", b"one").unwrap();
        store
            .save("../odd name", r#"{"a":"\n"}"#, b"two\n\0")
            .unwrap();
        store.save("other", "{}", b"three").unwrap();
        let accepted = store.load("../odd name").unwrap();
        assert_eq!(accepted.bytes, b"two\n\0");
        assert_eq!(accepted.settings, r#"{"a":"\n"}"#);
    }

    #[test]
    fn only_the_agent_can_read_or_change_it() {
        let (_folder, store) = store();
        store.save("a", "{}", b"module").unwrap();
        assert_eq!(fs::metadata(&store.0).unwrap().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(store.path("a")).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_torn_or_altered_file_is_of_no_use() {
        let (_folder, store) = store();
        store.save("a", "{}", b"module").unwrap();
        let whole = fs::read(store.path("a")).unwrap();
        for length in 0..whole.len() {
            fs::write(store.path("a"), &whole[..length]).unwrap();
            assert_eq!(store.load("a"), None, "cut to {length} bytes");
        }
        for at in 0..whole.len() {
            let mut altered = whole.clone();
            altered[at] ^= 1;
            fs::write(store.path("a"), altered).unwrap();
            assert_eq!(store.load("a"), None, "altered at byte {at}");
        }
    }

    #[test]
    fn filters_that_are_no_more_are_forgotten() {
        let (_folder, store) = store();
        store.save("a", "{}", b"a").unwrap();
        store.save("b", "{}", b"b").unwrap();
        let mut names = store.names();
        names.sort();
        assert_eq!(names, ["a", "b"]);
        store.keep_only(["b"].into_iter());
        assert_eq!(store.names(), ["b"]);
        assert_eq!(store.load("a"), None);
        assert_eq!(store.load("b").unwrap().bytes, b"b");
    }
}
