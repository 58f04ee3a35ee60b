//! Patterns of paths, as shells read them: `*` and `?` stand for parts of one name, and never for a slash, so
//! that a pattern names the depth of what it takes.

use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::record::Globs;
use crate::source::log_file::files::Files;

/// Folders that one pattern may come to.
const FOLDERS_MAX: usize = 1024;

/// An absolute path whose names may have `*` and `?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// All names but the last, and the last.
    folders: Vec<String>,
    name: Globs,
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = text
            .strip_prefix('/')
            .ok_or_else(|| format!("`{text}` does not start with `/`"))?;
        let mut names: Vec<String> = names.split('/').map(str::to_owned).collect();
        if names.iter().any(|n| n.is_empty() || n == "." || n == "..") {
            return Err(format!(
                "`{text}` has a name that is none: empty, `.` or `..`"
            ));
        }
        if names.iter().any(|n| n == "**") {
            return Err(format!("`{text}` has a `**`; name each level by a `*`"));
        }
        let name = names.pop().unwrap_or_default();
        Ok(Self {
            folders: names,
            name: Globs::One(name),
        })
    }
}

impl Pattern {
    /// The folders that hold its files, as far as they are there. `watched` are told those in which one of
    /// them may appear, and `unlisted` those in which nobody can tell whether one is there.
    pub fn folders(
        &self,
        files: &dyn Files,
        watched: &mut dyn FnMut(PathBuf),
        unlisted: &mut dyn FnMut(PathBuf, io::Error),
    ) -> Vec<PathBuf> {
        let mut all = vec![PathBuf::from("/")];
        for name in &self.folders {
            if !name.contains(['*', '?']) {
                all.iter_mut().for_each(|folder| folder.push(name));
                continue;
            }
            let glob = Globs::One(name.clone());
            let mut below = Vec::new();
            for folder in all {
                let listed = match files.list(&folder) {
                    Ok(listed) => listed,
                    Err(error) => {
                        // One that is missing may appear yet.
                        if error.kind() != io::ErrorKind::NotFound {
                            unlisted(folder.clone(), error);
                        }
                        Vec::new()
                    }
                };
                let fits = listed.into_iter();
                let fits = fits.filter(|e| e.is_dir && glob.matches(&e.name));
                below.extend(fits.map(|e| folder.join(e.name)));
                below.truncate(FOLDERS_MAX);
                watched(there(files, folder));
            }
            all = below;
        }
        all.iter().cloned().for_each(|f| watched(there(files, f)));
        all
    }

    /// Whether a file of one of its folders is meant.
    #[must_use]
    pub fn takes_name(&self, name: &str) -> bool {
        self.name.matches(name)
    }

    /// Whether a path fits.
    #[must_use]
    pub fn takes(&self, path: &Path) -> bool {
        let Some(names) = path.to_str().and_then(|p| p.strip_prefix('/')) else {
            return false;
        };
        let mut names: Vec<&str> = names.split('/').collect();
        let Some(last) = names.pop() else {
            return false;
        };
        let folders = self.folders.iter().zip(&names);
        names.len() == self.folders.len()
            && folders
                .into_iter()
                .all(|(g, n)| Globs::One(g.clone()).matches(n))
            && self.takes_name(last)
    }
}

/// The folder, or the next one above that is there.
fn there(files: &dyn Files, mut folder: PathBuf) -> PathBuf {
    while files.list(&folder).is_err() && folder.pop() {}
    folder
}

impl<'de> serde::Deserialize<'de> for Pattern {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::log_file::files::Disk;

    #[test]
    fn a_pattern_stays_within_names() {
        let takes =
            |glob: &str, path: &str| glob.parse::<Pattern>().unwrap().takes(Path::new(path));
        assert!(takes("/var/log/messages", "/var/log/messages"));
        assert!(takes("/var/log/*/*.log", "/var/log/app/a.log"));
        assert!(!takes("/var/log/*", "/var/log/app/a.log"));
        assert!(!takes("/var/log/*", "/var/other"));
        for wrong in [
            "var/log/x",
            "/var/../x",
            "/var//x",
            "/var/log/",
            "/var/**/x",
        ] {
            assert!(wrong.parse::<Pattern>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_pattern_knows_its_folders() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["a1/logs", "a2/logs", "b/logs"] {
            std::fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        let glob = format!("{}/a*/logs/*.log", root.path().display());
        let mut watched = Vec::new();
        let mut none = |folder: PathBuf, _| panic!("{}", folder.display());
        let pattern: Pattern = glob.parse().unwrap();
        let folders = pattern.folders(&Disk, &mut |folder| watched.push(folder), &mut none);
        let below = |name| root.path().join(name);
        assert_eq!(folders, [below("a1/logs"), below("a2/logs")]);
        assert_eq!(watched, [below(""), below("a1/logs"), below("a2/logs")]);
        let missing = format!("{}/b/later/logs/x", root.path().display());
        watched.clear();
        let pattern: Pattern = missing.parse().unwrap();
        let folders = pattern.folders(&Disk, &mut |folder| watched.push(folder), &mut none);
        assert_eq!(folders, [below("b/later/logs")]);
        assert_eq!(watched, [below("b")]);
    }
}
