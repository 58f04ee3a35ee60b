//! One container's folder, listed until nothing moves under the listing.
//!
//! The kubelet renames and deletes while names are read and files are opened, so one listing can miss
//! a file that was there all the time. What is new is therefore handed on only when a further
//! listing shows nothing new: so a file is not read before an older one that the first listing missed.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use super::path;
use crate::source::log_file::files::{Files, Inode, LogFile, Stat};
use crate::source::log_file::gz::GzFile;
use crate::source::log_file::identity::{FirstLine, Head};

/// Most listings in a row; a folder that changes faster is listed again by its next event.
const LISTINGS_MAX: usize = 5;

/// A file in the folder.
pub struct Listed {
    pub restart: u32,
    /// The time in its name, once it is rotated.
    pub rotated: Option<String>,
    pub compressed: bool,
    pub file: Box<dyn LogFile>,
    pub stat: Stat,
    pub first: Option<FirstLine>,
    /// The folder that its name leads to, where that is a link, as with docker.
    pub linked: Option<PathBuf>,
}

impl Listed {
    /// Files sorted by this are in the order in which they were written.
    fn order(&self) -> impl Ord + use<> {
        let time = self.first.and_then(|f| f.time).unwrap_or(u64::MAX);
        let live = self.rotated.is_none();
        let birth = self.stat.inode.birth;
        (self.restart, live, time, self.rotated.clone(), birth)
    }
}

/// What is known of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    Nothing,
    /// It is known, but its first line was not complete yet.
    WithoutHead,
    All,
}

/// What listing a folder came to.
#[derive(Default)]
pub struct Listing {
    /// Every file that is there.
    pub seen: Vec<Inode>,
    /// Those that were not known, oldest first.
    pub new: Vec<Listed>,
    /// The file that each restart writes, or wrote last.
    pub live: HashMap<u32, Inode>,
    /// Heads of known files that have become known.
    pub heads: Vec<(Inode, Head)>,
    /// What could not be opened, and why.
    pub failed: Vec<(PathBuf, io::Error)>,
}

/// Lists a container's folder, and opens every file in it that `known` does not know.
///
/// # Errors
/// When the folder cannot be listed.
pub fn list(
    files: &dyn Files,
    folder: &Path,
    known: &dyn Fn(&Inode) -> Known,
) -> io::Result<Listing> {
    let mut listing = Listing::default();
    for _ in 0..LISTINGS_MAX {
        let mut moved = false;
        listing.failed.clear();
        listing.live.clear();
        for entry in files.list(folder)?.iter().filter(|e| !e.is_dir) {
            let Some(name) = path::file_name(&entry.name) else {
                continue;
            };
            let path = folder.join(&entry.name);
            match listing.open(files, &path, &name, known) {
                Ok(new) => moved |= new,
                // Renamed or deleted since the listing.
                Err(e) if e.kind() == io::ErrorKind::NotFound => moved = true,
                Err(source) => listing.failed.push((path, source)),
            }
        }
        if !moved {
            break;
        }
    }
    listing.new.sort_by_cached_key(Listed::order);
    Ok(listing)
}

impl Listing {
    /// Opens one file; says whether it is new.
    fn open(
        &mut self,
        files: &dyn Files,
        path: &Path,
        name: &path::FileName<'_>,
        known: &dyn Fn(&Inode) -> Known,
    ) -> io::Result<bool> {
        let mut file = files.open(path)?;
        let mut stat = file.stat()?;
        if name.rotated.is_none() {
            self.live.insert(name.restart, stat.inode);
        }
        if self.seen.contains(&stat.inode) {
            return Ok(false);
        }
        let known = known(&stat.inode);
        let mut first = None;
        if known == Known::Nothing && name.compressed {
            let gz = GzFile::new(file)?;
            stat = gz.stat()?;
            first = FirstLine::read(&gz)?;
            gz.idle();
            file = Box::new(gz);
        } else if known != Known::All && stat.len > 0 {
            first = FirstLine::read(&*file)?;
        }
        self.seen.push(stat.inode);
        if known != Known::Nothing {
            self.heads.extend(first.map(|f| (stat.inode, f.head)));
            return Ok(false);
        }
        self.new.push(Listed {
            restart: name.restart,
            rotated: name.rotated.map(str::to_owned),
            compressed: name.compressed,
            file,
            stat,
            first,
            linked: folder_behind(files, path),
        });
        Ok(true)
    }
}

/// Where a link's target lies; none for what is no link.
fn folder_behind(files: &dyn Files, path: &Path) -> Option<PathBuf> {
    let target = files.read_link(path).ok()?;
    Some(path.parent()?.join(target).parent()?.to_owned())
}
