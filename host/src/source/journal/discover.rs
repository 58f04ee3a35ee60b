//! Finds the journal's files and opens each: `<root>/<machine-id>[.<namespace>]/<name>.journal`, and what
//! journald made of them: `<name>@<...>.journal` when it was rotated, `...journal~` after a crash.
//!
//! A file is known by the id in its header, which it keeps when it is renamed. Folders are listed once a
//! second, which costs less than to follow what journald does there; only files that are written to are
//! opened for that, since the others keep their names.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::reader::{Error, Reader};
use super::{Config, FOLDER};
use crate::record::Facts;
use crate::source::log_file::files::{Entry, Files, Inode};

/// Files of one folder that are followed; journald keeps 100 of its own.
const FILES_MAX: usize = 10_000;

/// A file that nobody follows yet.
pub struct Found {
    /// The journal that it is a part of, as books and checkpoint call it.
    pub folder: String,
    pub path: PathBuf,
    pub reader: Reader,
    /// It appeared while the agent ran, or the agent has read of this journal before: so it is read
    /// from its beginning, whatever the configuration says of a start.
    pub is_new: bool,
    pub config: Arc<Config>,
    /// Facts of the node.
    pub node: Arc<Facts>,
}

/// What is told of the folders.
pub enum Sighting {
    Found(Box<Found>),
    /// A file could not be read, which is told once.
    Failed {
        path: PathBuf,
        source: Error,
    },
}

/// What is known of a file.
struct Known {
    inode: Inode,
    folder: String,
    file_id: [u8; 16],
}

/// Lists folders and tells what is new.
pub struct Discover {
    files: Arc<dyn Files>,
    config: Arc<Config>,
    node: Arc<Facts>,
    known: BTreeMap<PathBuf, Known>,
    /// Files that could not be read.
    failed: BTreeSet<PathBuf>,
    /// Journals of which the checkpoint knows something.
    begun: HashSet<String>,
    at_start: bool,
}

impl Discover {
    /// `begun`: journals of which the checkpoint knows something.
    #[must_use]
    pub fn new(
        files: Arc<dyn Files>,
        config: &Config,
        node: Facts,
        begun: HashSet<String>,
    ) -> Self {
        Self {
            files,
            config: Arc::new(config.clone()),
            node: Arc::new(node),
            known: BTreeMap::new(),
            failed: BTreeSet::new(),
            begun,
            at_start: true,
        }
    }

    /// The files that are there: journal and id.
    pub fn present(&self) -> impl Iterator<Item = (&str, &[u8; 16])> {
        self.known.values().map(|k| (k.folder.as_str(), &k.file_id))
    }

    /// Lists everything.
    pub fn scan(&mut self, tell: &mut dyn FnMut(Sighting)) {
        let mut seen = BTreeSet::new();
        for root in &self.config.clone().paths {
            for folder in self.list(root, &mut seen, tell) {
                if folder.is_dir {
                    self.scan_folder(&root.join(&folder.name), &mut seen, tell);
                }
            }
        }
        self.known.retain(|path, _| seen.contains(path));
        self.failed.retain(|path| seen.contains(path));
        self.at_start = false;
    }

    fn scan_folder(
        &mut self,
        folder: &Path,
        seen: &mut BTreeSet<PathBuf>,
        tell: &mut dyn FnMut(Sighting),
    ) {
        let entries = self.list(folder, seen, tell).into_iter();
        let entries = entries.filter(|e| !e.is_dir).take(FILES_MAX);
        for entry in entries {
            let Some(name) = name(&entry.name) else {
                continue;
            };
            let path = folder.join(&entry.name);
            let journal = format!("{FOLDER}{}/{}", folder.display(), name.journal);
            seen.insert(path.clone());
            let known = self.known.contains_key(&path) || self.failed.contains(&path);
            if known && !name.is_live {
                continue;
            }
            match self.look(&path, journal) {
                Ok(Some(found)) => tell(Sighting::Found(Box::new(found))),
                Ok(None) => {}
                // Renamed or deleted since the listing.
                Err(Error::Read(e)) if e.kind() == io::ErrorKind::NotFound => {}
                Err(source) => {
                    if self.failed.insert(path.clone()) {
                        tell(Sighting::Failed { path, source });
                    }
                }
            }
        }
    }

    /// What is in a folder. One of the two places is missing on nearly every node; one that cannot be
    /// listed for another reason is told of, and listed again.
    fn list(
        &mut self,
        folder: &Path,
        seen: &mut BTreeSet<PathBuf>,
        tell: &mut dyn FnMut(Sighting),
    ) -> Vec<Entry> {
        match self.files.list(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                let path = folder.to_owned();
                seen.insert(path.clone());
                if self.failed.insert(path.clone()) {
                    let source = error.into();
                    tell(Sighting::Failed { path, source });
                }
                Vec::new()
            }
        }
    }

    /// Opens a file; none if it is known.
    fn look(&mut self, path: &Path, folder: String) -> Result<Option<Found>, Error> {
        let file = self.files.open(path)?;
        let inode = file.stat()?.inode;
        if self.known.get(path).is_some_and(|k| k.inode == inode) {
            return Ok(None);
        }
        let reader = Reader::open(file)?;
        self.failed.remove(path);
        let file_id = reader.header().file_id;
        let renamed = self.known.values().any(|k| k.file_id == file_id);
        let is_new = !self.at_start || self.begun.contains(&folder);
        let known = Known {
            inode,
            folder: folder.clone(),
            file_id,
        };
        self.known.insert(path.to_owned(), known);
        Ok((!renamed).then(|| Found {
            folder,
            path: path.to_owned(),
            reader,
            is_new,
            config: self.config.clone(),
            node: self.node.clone(),
        }))
    }
}

/// What a file's name tells.
struct Name<'a> {
    /// `system`, `user-1000`: files of one name follow each other.
    journal: &'a str,
    /// It is written to, and its name will be another's.
    is_live: bool,
}

fn name(name: &str) -> Option<Name<'_>> {
    let stem = name.strip_suffix('~').unwrap_or(name);
    let stem = stem.strip_suffix(".journal")?;
    let journal = stem.split('@').next().filter(|j| !j.is_empty())?;
    Some(Name {
        journal,
        is_live: stem == journal && !name.ends_with('~'),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that is missing is none; a file in the place of one is told of, once.
    #[test]
    fn what_cannot_be_listed_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        std::fs::write(&path, "").unwrap();
        let config = Config {
            paths: vec![folder.path().join("missing"), path.clone()],
            ..Config::default()
        };
        let files = Arc::new(crate::source::log_file::files::Disk);
        let mut discover = Discover::new(files, &config, Facts::new(), HashSet::new());
        let mut failed = Vec::new();
        for _ in 0..2 {
            discover.scan(&mut |sighting| match sighting {
                Sighting::Failed { path, .. } => failed.push(path),
                Sighting::Found(found) => panic!("{}", found.path.display()),
            });
        }
        assert_eq!(failed, [path]);
        assert_eq!(discover.present().count(), 0);
    }

    #[test]
    fn a_name_tells_which_journal_it_is_a_part_of_and_whether_it_is_written_to() {
        let parsed = |text| name(text).map(|n| (n.journal, n.is_live));
        assert_eq!(parsed("system.journal"), Some(("system", true)));
        assert_eq!(parsed("user-1000.journal"), Some(("user-1000", true)));
        let rotated = "system@0005f1c2-0000000000000001-00061a.journal";
        assert_eq!(parsed(rotated), Some(("system", false)));
        assert_eq!(
            parsed("system@0005f1c2-00061a.journal~"),
            Some(("system", false))
        );
        for other in ["fss", "system.log", "@1.journal", ".journal"] {
            assert_eq!(parsed(other), None, "{other}");
        }
    }
}
