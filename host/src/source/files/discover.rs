//! Finds plain files and opens each, as soon as it is there: a rotation that compresses deletes the plain
//! file at once.
//!
//! Everything is listed anew when a folder changes: these folders are few, and quiet. What is new is told
//! oldest first, by when it was last written to. A rotated file that grows (whoever writes it has not
//! heard of the rotation yet) is told again, for it may have been closed.

mod watch;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::config::Group;
use super::{Config, describe, folder, group_mark, name};
use crate::record::{Container, Facts};
use crate::source::container_log::Start;
use crate::source::log_file::decode::Format;
use crate::source::log_file::files::{Files, Inode, LogFile, Stat};
use crate::source::log_file::gz::GzFile;
use crate::source::log_file::sighting::{Found, Sighting};

pub use watch::watch;

/// Most listings of a folder in a row: a rename in the midst of one hides a file from it.
const LISTINGS_MAX: usize = 5;
/// A file that this many listings in a row do not show is gone.
const MISSED_MAX: u8 = 3;
/// Rotated files of one path; more are left out, the oldest first.
const ROTATED_MAX: usize = 100;

/// A file that was opened to see what it is.
struct Opened {
    path: PathBuf,
    rotated: bool,
    compressed: bool,
    file: Box<dyn LogFile>,
    stat: Stat,
}

/// What lanes know of a file.
struct Told {
    base: PathBuf,
    missed: u8,
    len: u64,
    live: bool,
    /// It was told, and not only seen.
    told: bool,
}

/// All files of one path.
struct Family {
    group: usize,
    missed: u8,
}

pub struct Discover {
    files: Arc<dyn Files>,
    groups: Vec<(String, Group)>,
    node: Facts,
    families: BTreeMap<PathBuf, Family>,
    told: HashMap<Inode, Told>,
    /// Paths and groups of which the checkpoint knew something at the start.
    begun: HashSet<String>,
    /// Groups of which it was said that they have too many files.
    full: BTreeSet<usize>,
    at_start: bool,
    /// Something was seen that has to be looked at again soon.
    unsettled: bool,
}

impl Discover {
    /// `begun`: the names in the checkpoint of files that were read before, and of their groups.
    #[must_use]
    pub fn new(
        files: Arc<dyn Files>,
        config: &Config,
        node: Facts,
        begun: HashSet<String>,
    ) -> Self {
        Self {
            files,
            groups: config.clone().into_iter().collect(),
            node,
            families: BTreeMap::new(),
            told: HashMap::new(),
            begun,
            full: BTreeSet::new(),
            at_start: true,
            unsettled: false,
        }
    }

    /// The folders that hold files, as far as they are there, and those in which one may appear.
    #[must_use]
    pub fn folders(&self) -> (BTreeSet<PathBuf>, BTreeSet<PathBuf>) {
        self.folders_and(&mut |_, _| ())
    }

    /// The same; `unlisted` are told those in which nobody can tell whether one is there.
    fn folders_and(
        &self,
        unlisted: &mut dyn FnMut(PathBuf, io::Error),
    ) -> (BTreeSet<PathBuf>, BTreeSet<PathBuf>) {
        let mut watched = BTreeSet::new();
        let patterns = self.groups.iter().flat_map(|(_, group)| &group.include);
        let mut watch = |folder| {
            watched.insert(folder);
        };
        let folders = patterns.flat_map(|p| p.folders(&*self.files, &mut watch, unlisted));
        (folders.collect(), watched)
    }

    /// Files that are on the disk: what their path is called in the checkpoint, and their inodes.
    pub fn present(&self) -> impl Iterator<Item = (String, Inode)> {
        let all = self.told.iter();
        all.map(|(inode, told)| (folder(&told.base), *inode))
    }

    /// What stands in the checkpoint for each group.
    pub fn marks(&self) -> impl Iterator<Item = String> {
        self.groups.iter().map(|(name, _)| group_mark(name))
    }

    /// The container of a path, with the name of its group.
    #[must_use]
    pub fn describe(&self, path: &Path) -> Arc<Container> {
        let mut container = Container::clone(&describe(&self.node, &folder(path)));
        if let Some(family) = self.families.get(path) {
            let group = self.groups[family.group].0.clone();
            container.facts.insert("log.file.group".to_owned(), group);
        }
        Arc::new(container)
    }

    /// Forgets what it has told: the next scan tells everything.
    pub fn tell_again(&mut self) {
        self.told.clear();
    }

    /// Lists everything, and tells what is new.
    pub fn scan(&mut self, tell: &mut dyn FnMut(Sighting)) {
        self.unsettled = false;
        let mut seen = HashSet::new();
        let (mut met, mut unlisted) = (BTreeSet::new(), BTreeSet::new());
        let mut by_family: BTreeMap<PathBuf, Vec<Opened>> = BTreeMap::new();
        let mut fail = |path: PathBuf, source| {
            unlisted.insert(path.clone());
            tell(Sighting::Failed { path, source });
        };
        for folder in self.folders_and(&mut fail).0 {
            match self.list(&folder) {
                Ok(opened) => {
                    for (base, opened) in opened {
                        by_family.entry(base).or_default().push(opened);
                    }
                }
                // It may appear yet.
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(source) => fail(folder, source),
            }
        }
        for (base, opened) in by_family {
            if self.family(&base) {
                seen.extend(opened.iter().map(|o| o.stat.inode));
                self.tell_family(&base, opened, tell);
                met.insert(base);
            }
        }
        // What stands in a folder that cannot be listed is not gone.
        let is_unlisted = |base: &Path| base.ancestors().any(|f| unlisted.contains(f));
        self.told.retain(|inode, told| {
            told.missed = if seen.contains(inode) || is_unlisted(&told.base) {
                0
            } else {
                told.missed + 1
            };
            told.missed < MISSED_MAX
        });
        let unlisted = self.families.keys().filter(|base| is_unlisted(base));
        met.extend(unlisted.cloned());
        self.forget_gone(&met, tell);
        if std::mem::take(&mut self.at_start) {
            tell(Sighting::Listed);
        }
    }

    /// Opens what a folder has of files that are meant; lists it again until nothing more shows.
    fn list(&self, folder: &Path) -> io::Result<Vec<(PathBuf, Opened)>> {
        let mut all: Vec<(PathBuf, Opened)> = Vec::new();
        for _ in 0..LISTINGS_MAX {
            let mut moved = false;
            for entry in self.files.list(folder)?.into_iter().filter(|e| !e.is_dir) {
                let Some(name) = name::read(&entry.name) else {
                    continue;
                };
                let base = folder.join(&name.base);
                if self.group_of(&base).is_none() {
                    continue;
                }
                let path = folder.join(&entry.name);
                let opened = self.open(path, &name);
                match opened {
                    Ok(opened) => {
                        let inode = opened.stat.inode;
                        let known = all.iter_mut().find(|(_, o)| o.stat.inode == inode);
                        match known {
                            // Under another name than a moment ago.
                            Some(known) => *known = (base, opened),
                            None => {
                                moved = true;
                                all.push((base, opened));
                            }
                        }
                    }
                    Err(e) if e.kind() == io::ErrorKind::NotFound => moved = true,
                    // No regular file, or nobody lets us: as if it were not there.
                    Err(error) => {
                        tracing::debug!(file = entry.name, %error, "a file is not read");
                    }
                }
            }
            if !moved {
                break;
            }
        }
        Ok(all)
    }

    fn open(&self, path: PathBuf, name: &name::Name) -> io::Result<Opened> {
        let file = self.files.open(&path)?;
        let stat = file.stat()?;
        Ok(Opened {
            path,
            rotated: name.rotated,
            compressed: name.compressed,
            file,
            stat,
        })
    }

    /// Which group a path belongs to: the first that means it.
    fn group_of(&self, base: &Path) -> Option<usize> {
        let means = |(_, group): &(String, Group)| {
            group.include.iter().any(|p| p.takes(base))
                && !group.exclude.iter().any(|p| p.takes(base))
        };
        self.groups.iter().position(means)
    }

    /// Whether a path is followed, or may be from now on.
    fn family(&mut self, base: &Path) -> bool {
        if self.families.contains_key(base) {
            return true;
        }
        let Some(group) = self.group_of(base) else {
            return false;
        };
        let (name, most) = (&self.groups[group].0, self.groups[group].1.files_max);
        let followed = self.families.values().filter(|f| f.group == group).count();
        if followed >= most {
            if self.full.insert(group) {
                let path = base.display();
                tracing::warn!(group = name, files_max = most, %path, "not read: there are too many files");
            }
            return false;
        }
        self.families
            .insert(base.to_owned(), Family { group, missed: 0 });
        true
    }

    fn tell_family(
        &mut self,
        base: &Path,
        mut opened: Vec<Opened>,
        tell: &mut dyn FnMut(Sighting),
    ) {
        // The newest first, as they are the ones that stay.
        opened.sort_by_key(|o| std::cmp::Reverse((!o.rotated, o.stat.modified)));
        opened.truncate(ROTATED_MAX);
        let live = opened.iter().find(|o| !o.rotated && !o.compressed);
        let live = live.map(|o| o.stat.inode);
        let folder = folder(base);
        let container = self.describe(base);
        let (group_name, group) = &self.groups[self.families[base].group];
        let format = Format::Plain { zone: group.zone.0 };
        let is_new = !self.begun.contains(&folder) && !self.begun.contains(&group_mark(group_name));
        let from_end = self.at_start && group.start == Start::End && is_new;
        for new in opened.into_iter().rev() {
            if !self.is_news(base, &new, live) {
                continue;
            }
            let (file, stat) = if new.compressed {
                match compressed(new.file) {
                    Ok(unpacked) => unpacked,
                    Err(source) => {
                        let path = new.path;
                        tell(Sighting::Failed { path, source });
                        continue;
                    }
                }
            } else {
                (new.file, new.stat)
            };
            tell(Sighting::Found(Found {
                folder: folder.clone(),
                container: container.clone(),
                restart: 0,
                from_end,
                compressed: new.compressed,
                format,
                file,
                stat,
                first: None,
                live,
                id_may_come: false,
            }));
        }
    }

    /// Whether a file is to be told: it is new, or is not what it was told to be.
    fn is_news(&mut self, base: &Path, opened: &Opened, live: Option<Inode>) -> bool {
        let live = live == Some(opened.stat.inode);
        let len = opened.stat.len;
        let Some(told) = self.told.get_mut(&opened.stat.inode) else {
            // While it is being compressed it is not whole, and nothing but time tells.
            let told = !opened.compressed || self.at_start;
            self.unsettled |= !told;
            let new = Told {
                base: base.to_owned(),
                missed: 0,
                len,
                live,
                told,
            };
            self.told.insert(opened.stat.inode, new);
            return told;
        };
        let grew = std::mem::replace(&mut told.len, len) != len;
        let becomes_live = live && !std::mem::replace(&mut told.live, live);
        if opened.compressed {
            self.unsettled |= grew;
            return !grew && !std::mem::replace(&mut told.told, true);
        }
        becomes_live || (grew && opened.rotated)
    }

    fn forget_gone(&mut self, met: &BTreeSet<PathBuf>, tell: &mut dyn FnMut(Sighting)) {
        self.families.retain(|base, family| {
            family.missed = if met.contains(base) {
                0
            } else {
                family.missed + 1
            };
            if family.missed < MISSED_MAX {
                self.unsettled |= family.missed > 0;
                return true;
            }
            let folder = folder(base);
            tell(Sighting::Gone { folder });
            self.full.remove(&family.group);
            false
        });
    }
}

fn compressed(file: Box<dyn LogFile>) -> io::Result<(Box<dyn LogFile>, Stat)> {
    let gz = GzFile::new(file)?;
    let stat = gz.stat()?;
    Ok((Box::new(gz), stat))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::log_file::files::sick::{Call, SickDisk};
    use std::sync::atomic::{AtomicBool, Ordering};

    /// By a name, or by a pattern whose own folder can be listed.
    #[test]
    fn what_stands_in_a_folder_that_cannot_be_listed_is_not_gone() {
        for (include, fails) in [("app/messages", "app"), ("*/messages", "")] {
            let root = tempfile::tempdir().unwrap();
            let below = |name: &str| root.path().join(name);
            std::fs::create_dir(below("app")).unwrap();
            std::fs::write(below("app/messages"), "one\n").unwrap();
            std::fs::write(below("app/messages.1"), "none\n").unwrap();
            let text = format!("{{ g: {{ include: ['{}'] }} }}", below(include).display());
            let config: Config = serde_saphyr::from_str(&text).unwrap();
            let (folder, is_sick) = (root.path().join(fails), Arc::new(AtomicBool::new(false)));
            let sick = is_sick.clone();
            let files = SickDisk::new(move |call| match call {
                Call::List(listed) if listed == folder && sick.load(Ordering::Relaxed) => {
                    Err(io::Error::other("the disk is about to die"))
                }
                _ => Ok(()),
            });
            let mut discover = Discover::new(files, &config, Facts::new(), HashSet::new());
            let mut scan = |fails: bool| {
                is_sick.store(fails, Ordering::Relaxed);
                let (mut found, mut gone, mut failed) = (0, 0, 0);
                discover.scan(&mut |sighting| match sighting {
                    Sighting::Found(_) => found += 1,
                    Sighting::Gone { .. } => gone += 1,
                    Sighting::Failed { .. } => failed += 1,
                    _ => {}
                });
                (found, gone, failed)
            };
            assert_eq!(scan(false), (2, 0, 0), "{include}");
            for _ in 0..=MISSED_MAX {
                assert_eq!(scan(true), (0, 0, 1), "{include}");
            }
            assert_eq!(scan(false), (0, 0, 0), "{include}");
        }
    }
}
