//! A ConfigMap volume, as a kubelet lays it out and changes it.
//!
//! A folder for each generation, the link `..data` to the one in force, and a link for each key through
//! it. A change makes a new folder, renames a new `..data` over the old, mends the links and removes
//! the old folder, in this order and in less than a millisecond (seen on Kubernetes 1.36). Nothing
//! happens when the content stays the same.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// A mounted ConfigMap, or several that are projected into one folder.
#[derive(Debug)]
pub struct ConfigMap {
    folder: PathBuf,
    generation: usize,
    files: BTreeMap<String, Vec<u8>>,
}

impl ConfigMap {
    /// An optional ConfigMap that does not exist yet: a volume without keys.
    pub fn mount(folder: &Path) -> Self {
        fs::create_dir(folder).expect("a folder below the test's own");
        set_mode(folder, 0o777);
        let mut volume = Self {
            folder: folder.to_owned(),
            generation: 0,
            files: BTreeMap::new(),
        };
        volume.change(BTreeMap::new());
        volume
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Gives a key this content.
    pub fn set(&mut self, key: &str, content: impl Into<Vec<u8>>) {
        let mut files = self.files.clone();
        files.insert(key.to_owned(), content.into());
        self.set_all(files);
    }

    /// Takes a key away.
    pub fn remove(&mut self, key: &str) {
        let mut files = self.files.clone();
        files.remove(key);
        self.set_all(files);
    }

    /// Replaces all keys in one change.
    pub fn set_all(&mut self, files: BTreeMap<String, Vec<u8>>) {
        if files != self.files {
            self.change(files);
        }
    }

    fn change(&mut self, files: BTreeMap<String, Vec<u8>>) {
        self.generation += 1;
        let name = format!("..2026_11_24_07_00_00.{}", self.generation);
        let new = self.folder.join(&name);
        fs::create_dir(&new).expect("a new generation");
        set_mode(&new, 0o755);
        for (key, content) in &files {
            fs::write(new.join(key), content).expect("a file of the generation");
            set_mode(&new.join(key), 0o644);
        }
        let data = self.folder.join("..data");
        let old = fs::read_link(&data).ok();
        let next = self.folder.join("..data_tmp");
        symlink(&name, &next).expect("a link to the new generation");
        fs::rename(&next, &data).expect("the new generation is in force");
        for key in files.keys().filter(|key| !self.files.contains_key(*key)) {
            let target = Path::new("..data").join(key);
            symlink(target, self.folder.join(key)).expect("a link for a new key");
        }
        for key in self.files.keys().filter(|key| !files.contains_key(*key)) {
            fs::remove_file(self.folder.join(key)).expect("the link of a removed key");
        }
        if let Some(old) = old {
            fs::remove_dir_all(self.folder.join(old)).expect("the old generation");
        }
        self.files = files;
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
}
