//! Compiled code, kept on the node: a start or a swap to a module seen before compiles nothing.
//!
//! One file for each module and engine, 0600 in a folder of the agent's own (0700). Its name ends in
//! the SHA-256 of what is in it, so a torn or foreign file is recognised before a byte of it is trusted
//! (wasmtime's own cache checks no content). Files are mapped, not read into memory; beyond the bound, the
//! one used longest ago goes first.

use std::fs::{self, DirBuilder, File, Permissions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use crate::record::hex;

const SUFFIX: &str = ".native";
/// Read at once when a file is checked.
const PIECE_BYTES: usize = 256 * 1024;

/// A folder of compiled code.
pub struct Cache {
    folder: PathBuf,
    bytes_max: u64,
    /// Tells this engine's code from that of any other build or configuration.
    engine: u64,
}

impl Cache {
    /// # Errors
    /// When the folder cannot be made, or is not this user's alone.
    pub fn open(folder: &Path, bytes_max: u64, engine: &wasmtime::Engine) -> io::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let known = fs::metadata(folder)?;
        if known.uid() != rustix::process::geteuid().as_raw() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        fs::set_permissions(folder, Permissions::from_mode(0o700))?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        // A core module is made a component by code of this crate's version.
        env!("CARGO_PKG_VERSION").hash(&mut hasher);
        let cache = Self {
            folder: folder.to_owned(),
            bytes_max,
            engine: hasher.finish(),
        };
        cache.clear_half_written();
        Ok(cache)
    }

    fn stem(&self, module: &str) -> String {
        format!("{module}-{:016x}-", self.engine)
    }

    /// The code of a module (named by its hash), if it is here and whole.
    #[must_use]
    pub fn get(&self, engine: &wasmtime::Engine, module: &str) -> Option<Component> {
        let stem = self.stem(module);
        let names = fs::read_dir(&self.folder).ok()?.flatten();
        let mut names = names.filter_map(|entry| entry.file_name().into_string().ok());
        let name = names.find(|name| name.starts_with(&stem))?;
        let path = self.folder.join(&name);
        let wanted = name.strip_prefix(&stem)?.strip_suffix(SUFFIX)?;
        let found = self.load(engine, &path, wanted);
        if found.is_none() {
            tracing::warn!(
                file = name,
                "compiled code is torn or foreign, and is made again"
            );
            // What cannot be removed is found, told and passed over again.
            let _ = fs::remove_file(&path);
        }
        found
    }

    fn load(&self, engine: &wasmtime::Engine, path: &Path, wanted: &str) -> Option<Component> {
        let file = File::open(path).ok()?;
        if hash(&file).ok()? != wanted {
            return None;
        }
        let now = rustix::fs::Timespec {
            tv_sec: 0,
            tv_nsec: rustix::fs::UTIME_NOW,
        };
        let times = rustix::fs::Timestamps {
            last_access: now,
            last_modification: now,
        };
        // A folder that cannot be written to still serves; it forgets what was used last.
        let _ = rustix::fs::futimens(&file, &times);
        component(engine, &file)
    }

    /// A file for the compiler to write to; `put` takes it over.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn room(&self) -> io::Result<tempfile::NamedTempFile> {
        tempfile::Builder::new()
            .prefix(HALF_WRITTEN)
            .tempfile_in(&self.folder)
    }

    /// Takes code over, makes room, and gives the component.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn put(
        &self,
        engine: &wasmtime::Engine,
        module: &str,
        written: tempfile::NamedTempFile,
    ) -> io::Result<Component> {
        let hash = hash(&File::open(written.path())?)?;
        written.as_file().sync_all()?;
        let path = self
            .folder
            .join(format!("{}{hash}{SUFFIX}", self.stem(module)));
        written.persist(&path)?;
        let component = self.load(engine, &path, &hash);
        self.shrink();
        component.ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Removes what was used longest ago, until the rest fits. A mapped file may be removed.
    fn shrink(&self) {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            if let Ok(known) = entry.metadata() {
                let used = (known.mtime(), known.mtime_nsec());
                files.push((used, known.len(), entry.path()));
            }
        }
        files.sort();
        let mut sum: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, bytes, path) in files {
            if sum <= self.bytes_max {
                return;
            }
            if fs::remove_file(path).is_ok() {
                sum -= bytes;
            }
        }
    }

    fn clear_half_written(&self) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            if entry
                .file_name()
                .to_string_lossy()
                .starts_with(HALF_WRITTEN)
            {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// A file in memory, for code that the disk does not take.
///
/// # Errors
/// When there is no more memory or descriptor.
pub fn memory() -> io::Result<File> {
    let flags = rustix::fs::MemfdFlags::CLOEXEC;
    Ok(rustix::fs::memfd_create("compiled", flags)?.into())
}

/// Maps code that is whole and the compiler's: a file of the folder that was checked, or one in memory.
pub fn component(engine: &wasmtime::Engine, file: &File) -> Option<Component> {
    // The very file, whatever lies under its name by now.
    let opened = format!("/proc/self/fd/{}", file.as_raw_fd());
    // SAFETY: code must come from wasmtime's compiler, unaltered, and stay so while it is mapped.
    // Only this user's processes can write into the folder (its owner and mode were checked and
    // set), only `put` does, with what the compiler gave, and the hash in the name was taken
    // then: what a crash tore or a disk altered does not match it. A file in memory has no name, and
    // was written by the child alone, which ended well. wasmtime itself refuses code of another
    // version, configuration or CPU. Nobody writes to either any more.
    let component = unsafe { Component::deserialize_file(engine, opened) };
    component.ok()
}

/// What names begin with while the compiler writes.
const HALF_WRITTEN: &str = "half-";

fn hash(mut file: &File) -> io::Result<String> {
    let mut sha256 = Sha256::new();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hex(&sha256.finalize())),
            read => sha256.update(&piece[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// A component with one function that is called `name`.
    fn code(engine: &wasmtime::Engine, name: &str) -> Vec<u8> {
        let text = format!(
            r#"(component (core module $m (func (export "f"))) (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f"))) (export "{name}" (func $f)))"#
        );
        engine
            .precompile_component(&wat::parse_str(text).unwrap())
            .unwrap()
    }

    struct Test {
        folder: tempfile::TempDir,
        engine: wasmtime::Engine,
    }

    impl Test {
        fn new() -> Self {
            Self {
                folder: tempfile::tempdir().unwrap(),
                engine: wasmtime::Engine::default(),
            }
        }

        fn cache(&self, bytes_max: u64) -> Cache {
            let folder = self.folder.path().join("compiled");
            Cache::open(&folder, bytes_max, &self.engine).unwrap()
        }

        fn put(&self, cache: &Cache, module: &str) {
            let mut room = cache.room().unwrap();
            room.write_all(&code(&self.engine, module)).unwrap();
            cache.put(&self.engine, module, room).unwrap();
        }

        fn files(&self) -> Vec<PathBuf> {
            let files = fs::read_dir(self.folder.path().join("compiled")).unwrap();
            files.map(|entry| entry.unwrap().path()).collect()
        }

        fn exports(&self, cache: &Cache, module: &str) -> Option<String> {
            let component = cache.get(&self.engine, module)?;
            let ty = component.component_type();
            let name = ty.exports(&self.engine).next()?.0.to_owned();
            Some(name)
        }
    }

    #[test]
    fn code_is_found_again_by_its_module() {
        let test = Test::new();
        let cache = test.cache(u64::MAX);
        assert_eq!(test.exports(&cache, "a"), None);
        test.put(&cache, "a");
        test.put(&cache, "b");
        let cache = test.cache(u64::MAX);
        assert_eq!(test.exports(&cache, "a").as_deref(), Some("a"));
        assert_eq!(test.exports(&cache, "b").as_deref(), Some("b"));
    }

    #[test]
    fn the_folder_is_the_agents_alone() {
        let test = Test::new();
        let folder = test.folder.path().join("compiled");
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, Permissions::from_mode(0o777)).unwrap();
        let cache = test.cache(u64::MAX);
        test.put(&cache, "a");
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        assert_eq!(
            fs::metadata(&test.files()[0]).unwrap().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn a_torn_or_altered_file_is_made_again_and_never_run() {
        let test = Test::new();
        let cache = test.cache(u64::MAX);
        let breaks: [fn(&mut Vec<u8>); 4] = [
            |bytes| bytes.truncate(bytes.len() / 2),
            |bytes| bytes.truncate(0),
            |bytes| {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
            },
            |bytes| bytes.push(0),
        ];
        for damage in breaks {
            test.put(&cache, "a");
            let [file] = &test.files()[..] else {
                panic!("one file");
            };
            let mut bytes = fs::read(file).unwrap();
            damage(&mut bytes);
            fs::write(file, bytes).unwrap();
            assert_eq!(test.exports(&cache, "a"), None);
            assert!(test.files().is_empty(), "the broken file is gone");
        }
    }

    #[test]
    fn a_foreign_file_with_a_right_hash_is_refused_by_the_engine() {
        let test = Test::new();
        let cache = test.cache(u64::MAX);
        let bytes = b"#!/bin/sh\n";
        let name = format!(
            "{}{}{SUFFIX}",
            cache.stem("a"),
            super::super::module::sha256_hex(bytes)
        );
        fs::write(cache.folder.join(name), bytes).unwrap();
        assert_eq!(test.exports(&cache, "a"), None);
    }

    #[test]
    fn code_of_another_engine_is_not_found() {
        let test = Test::new();
        test.put(&test.cache(u64::MAX), "a");
        let mut config = wasmtime::Config::new();
        config.epoch_interruption(true);
        let other = Test {
            folder: test.folder,
            engine: wasmtime::Engine::new(&config).unwrap(),
        };
        assert_eq!(other.exports(&other.cache(u64::MAX), "a"), None);
        assert_eq!(other.files().len(), 1, "whose it is may need it yet");
    }

    #[test]
    fn past_its_bound_what_was_used_longest_ago_goes_first() {
        let test = Test::new();
        let one = code(&test.engine, "a").len() as u64;
        let cache = test.cache(one * 5 / 2);
        test.put(&cache, "a");
        test.put(&cache, "b");
        // Times on a disk may be as coarse as a tick of the kernel.
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert!(test.exports(&cache, "a").is_some());
        std::thread::sleep(std::time::Duration::from_millis(20));
        test.put(&cache, "c");
        assert_eq!(test.exports(&cache, "b"), None);
        assert!(test.exports(&cache, "a").is_some() && test.exports(&cache, "c").is_some());
        assert_eq!(test.files().len(), 2);
    }

    #[test]
    fn what_a_crash_left_half_written_is_cleared() {
        let test = Test::new();
        let room = test.cache(u64::MAX).room().unwrap();
        room.keep().unwrap();
        assert_eq!(test.files().len(), 1);
        let _ = test.cache(u64::MAX);
        assert!(test.files().is_empty());
    }
}
