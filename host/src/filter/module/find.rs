//! Finds a module's file and reads it, with the examples beside it.
//!
//! Several directories in order of precedence; in each `NAME.wasm`, `NAME.wasm.gz`, `NAME.wasm.zst`,
//! then the same in parts (`.0`, `.1`, ...). A ConfigMap volume shows its files through the link
//! `..data`, which the kubelet changes at any moment: read by path, two files may be of different
//! generations (seen 6 times in 25 changes). So the link is read once, everything below what it
//! says, and if that is gone meanwhile, all of it again.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::packed::{self, Packing};
use super::{Error, parts, sha256_hex, stem};

/// What a kubelet's volume calls the generation that is in force.
const DATA: &str = "..data";
/// How often reading is tried where a generation goes away meanwhile.
const TRIES: usize = 5;
/// Bytes of a file of examples, and of one of settings.
const EXAMPLES_BYTES_MAX: u64 = 4 * 1024 * 1024;
const SETTINGS_BYTES_MAX: u64 = 1024 * 1024;

/// A module as it lies on the disk.
#[derive(Debug)]
pub struct Found {
    /// The file as people know it: not by its generation.
    pub path: PathBuf,
    /// The module, unpacked.
    pub bytes: Vec<u8>,
    /// SHA-256 of those, in hex: what names the module wherever it is in charge.
    pub hash: String,
    /// `NAME.examples.yaml` beside it, where there is one.
    pub examples: Option<String>,
    /// `NAME.settings.yaml` beside it, where there is one.
    pub settings: Option<String>,
}

/// Which files a module would be read from, and what would be different after a change of any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    path: PathBuf,
    packing: Packing,
    in_parts: bool,
    files: Vec<Stamp>,
    examples: Option<Stamp>,
    settings: Option<Stamp>,
}

/// A file at one moment. Inode numbers are used again at once, so times and the generation's name
/// stand beside them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    file: PathBuf,
    inode: (u64, u64),
    bytes: u64,
    changed: (i64, i64),
}

impl Stamp {
    fn of(file: PathBuf) -> Option<Self> {
        let known = fs::metadata(&file).ok().filter(fs::Metadata::is_file)?;
        Some(Self {
            file,
            inode: (known.dev(), known.ino()),
            bytes: known.len(),
            changed: (known.ctime(), known.ctime_nsec()),
        })
    }
}

/// Looks for a module: at its path if that is absolute, else in the first directory that has it.
///
/// # Errors
/// When it is nowhere.
pub fn locate(name: &Path, directories: &[PathBuf]) -> Result<Place, Error> {
    let found = match (name.is_absolute(), name.parent(), name.file_name()) {
        (true, Some(folder), Some(file)) => in_directory(folder, Path::new(file)),
        _ => directories.iter().find_map(|d| in_directory(d, name)),
    };
    found.ok_or_else(|| Error::Missing {
        name: name.to_owned(),
        looked: if name.is_absolute() {
            Vec::new()
        } else {
            directories.to_owned()
        },
    })
}

/// The folders in which a change of the module would show.
#[must_use]
pub fn folders(name: &Path, directories: &[PathBuf]) -> Vec<PathBuf> {
    let parent = |path: &Path| path.parent().map(Path::to_owned);
    if name.is_absolute() {
        return parent(name).into_iter().collect();
    }
    let below = directories.iter().filter_map(|d| parent(&d.join(name)));
    directories.iter().cloned().chain(below).collect()
}

/// The folder that a directory shows now: its generation, if it is a kubelet's volume.
#[must_use]
pub fn generation(directory: &Path) -> PathBuf {
    match fs::read_link(directory.join(DATA)) {
        Ok(data) => directory.join(data),
        Err(_) => directory.to_owned(),
    }
}

fn in_directory(directory: &Path, name: &Path) -> Option<Place> {
    let generation = generation(directory);
    let text = name.to_str()?;
    let packings: &[Packing] = match text.ends_with(".wasm") {
        true => &Packing::ALL,
        false => &[Packing::None],
    };
    let names = packings.iter().map(|p| format!("{text}{}", p.suffix()));
    names.into_iter().find_map(|text| {
        let whole: Vec<Stamp> = Stamp::of(generation.join(&text)).into_iter().collect();
        let in_parts = whole.is_empty();
        let part = |number| Stamp::of(generation.join(format!("{text}.{number}")));
        let files = match in_parts {
            true => (0..parts::PARTS_MAX).map_while(part).collect(),
            false => whole,
        };
        let first = files.first()?;
        let beside = |what: &str| {
            let file = format!("{}.{what}.yaml", stem(name));
            Stamp::of(first.file.with_file_name(file))
        };
        Some(Place {
            path: directory.join(&text),
            packing: Packing::of(&text),
            in_parts,
            examples: beside("examples"),
            settings: beside("settings"),
            files,
        })
    })
}

impl Place {
    /// The file as people know it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn read(&self) -> Result<Found, Error> {
        let path = || self.path.clone();
        let unreadable = |source| Error::Read {
            path: path(),
            source,
        };
        let read = |stamp: &Stamp| {
            let bytes = usize::try_from(stamp.bytes).unwrap_or(usize::MAX);
            packed::bounded(&mut File::open(&stamp.file)?, bytes)
        };
        let mut files: Vec<Vec<u8>> = Vec::new();
        for stamp in &self.files {
            files.push(read(stamp).map_err(unreadable)?);
        }
        let packed = match self.in_parts {
            true => parts::join(&files).map_err(|source| Error::Parts {
                path: path(),
                source,
            })?,
            false => files.swap_remove(0),
        };
        let bytes = self
            .packing
            .unpack(packed)
            .map_err(|source| Error::Unpack {
                path: path(),
                source,
            })?;
        let text = |stamp: &Option<Stamp>, most: u64| match stamp {
            None => Ok(None),
            // A filter that went without would run, and do something else.
            Some(stamp) if stamp.bytes > most => Err(Error::Beside {
                path: self
                    .path
                    .with_file_name(stamp.file.file_name().unwrap_or_default()),
                bytes: stamp.bytes,
                most,
            }),
            Some(stamp) => fs::read_to_string(&stamp.file)
                .map(Some)
                .map_err(unreadable),
        };
        Ok(Found {
            path: path(),
            hash: sha256_hex(&bytes),
            bytes,
            examples: text(&self.examples, EXAMPLES_BYTES_MAX)?,
            settings: text(&self.settings, SETTINGS_BYTES_MAX)?,
        })
    }
}

/// Reads a module, all of it of one generation.
///
/// # Errors
/// When it is nowhere, cannot be read or unpacked, or is not the one that `pin` names.
pub fn read(name: &Path, directories: &[PathBuf], pin: Option<&str>) -> Result<Found, Error> {
    let mut tries = 0;
    let found = loop {
        tries += 1;
        let place = locate(name, directories)?;
        match place.read() {
            // The generation went while it was read; there is a new one.
            Err(Error::Read { source, .. })
                if source.kind() == io::ErrorKind::NotFound && tries < TRIES => {}
            // Written in place while it was read.
            _ if tries < TRIES && locate(name, directories).ok().as_ref() != Some(&place) => {}
            done => break done?,
        }
    };
    match pin {
        Some(pin) if pin != found.hash => Err(Error::Pin {
            path: found.path,
            found: found.hash,
            pinned: pin.to_owned(),
        }),
        _ => Ok(found),
    }
}

#[cfg(test)]
mod tests;
