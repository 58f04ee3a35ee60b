//! Finds the journal's files and opens each: `<root>/<machine-id>[.<namespace>]/<name>.journal`, and what
//! journald made of them: `<name>@<...>.journal` when it was rotated, `...journal~` after a crash.
//!
//! A file is known by the id in its header, which it keeps when it is renamed. Folders are listed once a
//! second, which costs less than to follow what journald does there; only files that are written to are
//! opened for that, since the others keep their names. One that cannot be read is tried again, ever more
//! rarely, and given up in the end, which is told with what is lost by it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::reader::{Error, Reader};
use super::{Config, FOLDER, Start};
use crate::record::Facts;
use crate::source::log_file::files::{Entry, Files, Inode};

/// Files of one folder that are followed; journald keeps 100 of its own.
const FILES_MAX: usize = 10_000;
/// How often a file is tried that cannot be read, and how many scans are let pass at most before it is again:
/// twice as many each time. A quarter of an hour for all.
const TRIES_MAX: u32 = 20;
const SCANS_MAX: u32 = 64;

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
    /// To be set by whoever cannot begin it: it is found again.
    pub refused: Arc<AtomicBool>,
}

/// An archived file that is not tried any more.
pub struct GivenUp {
    pub folder: String,
    pub path: PathBuf,
    /// Its id, where it was read before.
    pub file_id: Option<[u8; 16]>,
    /// How long it is; 0 where nobody knows, or nothing of it was to be read.
    pub bytes: u64,
    pub source: Error,
}

/// What is told of the folders.
pub enum Sighting {
    Found(Box<Found>),
    /// A file or folder could not be read, which is told once; it is tried again.
    Failed {
        path: PathBuf,
        source: Error,
    },
    GivenUp(GivenUp),
}

/// What is known of a file.
struct Known {
    inode: Inode,
    folder: String,
    file_id: [u8; 16],
    refused: Arc<AtomicBool>,
}

/// What could not be read.
#[derive(Default)]
struct Failure {
    tries: u32,
    /// Scans to let pass.
    wait: u32,
    /// The journal of a file that is given up; empty otherwise, and of folders.
    of: String,
    /// It is not tried any more, or holds up nobody.
    is_over: bool,
    file_id: Option<[u8; 16]>,
}

impl Failure {
    fn again(&mut self) {
        self.tries += 1;
        self.wait = 2_u32.saturating_pow(self.tries).min(SCANS_MAX);
    }

    /// Whether this scan passes it over.
    fn rests(&mut self) -> bool {
        let rests = self.is_over || self.wait > 0;
        self.wait = self.wait.saturating_sub(1);
        rests
    }
}

/// Lists folders and tells what is new.
pub struct Discover {
    files: Arc<dyn Files>,
    config: Arc<Config>,
    node: Arc<Facts>,
    known: BTreeMap<PathBuf, Known>,
    /// Files and folders that could not be read.
    failed: BTreeMap<PathBuf, Failure>,
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
            failed: BTreeMap::new(),
            begun,
            at_start: true,
        }
    }

    /// The files that are there: journal and id.
    pub fn present(&self) -> impl Iterator<Item = (&str, &[u8; 16])> {
        self.known.values().map(|k| (k.folder.as_str(), &k.file_id))
    }

    /// Files that are there and were given up: journal and path.
    pub fn given_up(&self) -> impl Iterator<Item = (&str, &Path)> {
        let files = self.failed.iter().filter(|(_, f)| !f.of.is_empty());
        files.map(|(path, failure)| (failure.of.as_str(), path.as_path()))
    }

    /// Whether a file that could not be read may still be.
    #[must_use]
    pub fn is_trying(&self) -> bool {
        self.failed.values().any(|f| !f.is_over)
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
        self.failed.retain(|path, _| seen.contains(path));
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
            let was_refused = self.was_refused(&path);
            let mut rests = || self.failed.get_mut(&path).is_some_and(Failure::rests);
            if !name.is_live && (self.known.contains_key(&path) || (!was_refused && rests())) {
                continue;
            }
            let looked = match was_refused {
                true => Err(io::Error::other("its beginning cannot be read").into()),
                false => self.look(&path, journal.clone()),
            };
            match looked {
                Ok(Some(found)) => tell(Sighting::Found(Box::new(found))),
                Ok(None) => {}
                // Renamed or deleted since the listing.
                Err(Error::Read(e)) if e.kind() == io::ErrorKind::NotFound => {}
                Err(source) => self.unreadable(path, journal, source, name.is_live, tell),
            }
        }
    }

    /// Whether whoever was told of a file could not begin it. If not, whatever it was is over.
    fn was_refused(&mut self, path: &Path) -> bool {
        let Some(known) = self.known.get(path) else {
            return false;
        };
        if !known.refused.load(Ordering::Relaxed) {
            self.failed.remove(path);
            return false;
        }
        let failure = self.failed.entry(path.to_owned()).or_default();
        failure.file_id = Some(known.file_id);
        self.known.remove(path);
        true
    }

    /// A file could not be read. What is written to gets another name in the end, and is told of under that.
    fn unreadable(
        &mut self,
        path: PathBuf,
        folder: String,
        source: Error,
        is_live: bool,
        tell: &mut dyn FnMut(Sighting),
    ) {
        let wanted = self.is_new(&folder) || self.config.start == Start::Beginning;
        let failure = self.failed.entry(path.clone()).or_default();
        failure.again();
        failure.is_over = is_live;
        let may_pass = matches!(source, Error::Read(_)) && failure.tries < TRIES_MAX;
        if !is_live && !may_pass {
            failure.is_over = true;
            failure.of.clone_from(&folder);
            let stat = self.files.open(&path).and_then(|file| file.stat());
            tell(Sighting::GivenUp(GivenUp {
                file_id: failure.file_id,
                bytes: stat.map_or(0, |stat| stat.len) * u64::from(wanted),
                folder,
                path,
                source,
            }));
        } else if failure.tries == 1 {
            tell(Sighting::Failed { path, source });
        }
    }

    /// Whether a file that appears of this journal is read from its beginning, whatever the configuration says
    /// of a start.
    fn is_new(&self, folder: &str) -> bool {
        !self.at_start || self.begun.contains(folder)
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
                let failure = self.failed.entry(path.clone()).or_default();
                failure.again();
                failure.is_over = true;
                if failure.tries == 1 {
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
        let file_id = reader.header().file_id;
        let renamed = self.known.values().any(|k| k.file_id == file_id);
        let is_new = self.is_new(&folder);
        let refused = Arc::new(AtomicBool::default());
        let known = Known {
            inode,
            folder: folder.clone(),
            file_id,
            refused: refused.clone(),
        };
        self.known.insert(path.to_owned(), known);
        Ok((!renamed).then(|| Found {
            folder,
            path: path.to_owned(),
            reader,
            is_new,
            config: self.config.clone(),
            node: self.node.clone(),
            refused,
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
    use crate::source::log_file::files::Disk;
    use crate::source::log_file::files::sick::{Call, SickDisk};
    use std::sync::atomic::AtomicU32;

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
        let files = Arc::new(Disk);
        let mut discover = Discover::new(files, &config, Facts::new(), HashSet::new());
        let mut failed = Vec::new();
        for _ in 0..2 {
            discover.scan(&mut |sighting| match sighting {
                Sighting::Failed { path, .. } => failed.push(path),
                Sighting::Found(_) | Sighting::GivenUp(_) => panic!("there is no file"),
            });
        }
        assert_eq!(failed, [path]);
        assert_eq!(discover.present().count(), 0);
    }

    /// A folder with one archived file that is no journal, and what is told of it in 2,000 scans on a disk
    /// that is sick for so many tries: when it failed, and when and with how many bytes it was given up.
    fn told(sick_for: u32) -> (Vec<u32>, Vec<(u32, u64)>) {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("0123");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("system@0001-0001.journal"), [7; 5000]).unwrap();
        let config = Config {
            paths: vec![root.path().to_owned()],
            ..Config::default()
        };
        let left = AtomicU32::new(sick_for);
        let (set, get) = (Ordering::Relaxed, Ordering::Relaxed);
        let is_sick = move || {
            left.fetch_update(set, get, |left| left.checked_sub(1))
                .is_ok()
        };
        let files = SickDisk::new(move |call| match call {
            Call::Open if is_sick() => Err(io::Error::from_raw_os_error(5)),
            _ => Ok(()),
        });
        let mut discover = Discover::new(files, &config, Facts::new(), HashSet::new());
        let (mut failed, mut given_up) = (Vec::new(), Vec::new());
        for scan in 0..2000 {
            discover.scan(&mut |sighting| match sighting {
                Sighting::Failed { .. } => failed.push(scan),
                Sighting::GivenUp(lost) => given_up.push((scan, lost.bytes)),
                Sighting::Found(_) => panic!("it is no journal"),
            });
            assert_eq!(discover.is_trying(), given_up.is_empty());
        }
        assert_eq!(discover.given_up().count(), 1);
        (failed, given_up)
    }

    #[test]
    fn a_file_that_cannot_be_read_is_tried_again_and_one_that_is_damaged_is_given_up() {
        // What it is shows at once, or once it can be read.
        assert_eq!(told(0), (vec![], vec![(0, 5000)]));
        let (failed, given_up) = told(3);
        assert_eq!((failed, given_up.len()), (vec![0], 1));
        assert!((3..30).contains(&given_up[0].0), "{given_up:?}");
    }

    #[test]
    fn a_file_that_can_never_be_read_is_given_up_after_a_quarter_of_an_hour() {
        let (failed, given_up) = told(u32::MAX);
        assert_eq!((failed, given_up.len()), (vec![0], 1));
        assert!((600..1800).contains(&given_up[0].0), "{given_up:?}");
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
