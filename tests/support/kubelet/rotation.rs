//! The rotation of a log file, step by step in the order in which the kubelet takes them.
//!
//! Exactly one rotated file is plain at a time, and is packed only by the next rotation. Between
//! the rename and the reopening there is no live file, and what is printed goes into the renamed
//! one.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::container::{Container, create};
use super::{MAX_FILES, cri};

/// One step of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Deletes the oldest packed file, when there are as many as may be.
    DeleteOldest,
    /// Packs the plain rotated file into one that ends in `.tmp`.
    Pack,
    /// Gives the packed file its name, which ends in `.gz`.
    NamePacked,
    /// Deletes the file that was packed.
    DeletePlain,
    /// Renames the live file; the container goes on writing into it.
    Rename,
    /// Creates a new live file, and the container writes there from now on.
    Reopen,
}

/// The steps of a rotation, in order.
pub const ROTATION: [Step; 6] = [
    Step::DeleteOldest,
    Step::Pack,
    Step::NamePacked,
    Step::DeletePlain,
    Step::Rename,
    Step::Reopen,
];

impl Container {
    /// Rotates the log file: all steps.
    pub fn rotate(&mut self) {
        for step in ROTATION {
            self.step(step);
        }
    }

    /// Takes one step of a rotation. Steps that find nothing to do, do nothing.
    pub fn step(&mut self, step: Step) {
        match step {
            Step::DeleteOldest => {
                let packed = self.rotated(".gz");
                // The live file, the one that is being rotated, and so many packed ones.
                if packed.len() > MAX_FILES - 3 {
                    fs::remove_file(&packed[0]).expect("a packed file of our own");
                }
            }
            Step::Pack => self.plain().iter().for_each(pack),
            Step::NamePacked => {
                for path in self.rotated(".tmp") {
                    fs::rename(&path, path.with_extension("gz")).expect("the packed file");
                }
            }
            Step::DeletePlain => {
                let packed = self.rotated(".gz");
                for path in self
                    .plain()
                    .iter()
                    .filter(|path| packed.contains(&with(path, ".gz")))
                {
                    fs::remove_file(path).expect("the plain file");
                }
            }
            Step::Rename => {
                let stamp = self.stamp();
                let rotated = with(&self.live_path(), &format!(".{stamp}"));
                fs::rename(self.live_path(), rotated).expect("the live file");
            }
            Step::Reopen => self.live = create(&self.live_path()),
        }
    }

    /// The rotated plain files of the present instance; outside a rotation there is at most one.
    pub fn plain(&self) -> Vec<PathBuf> {
        self.rotated("")
    }

    /// The packed files of the present instance, oldest first.
    pub fn packed(&self) -> Vec<PathBuf> {
        self.rotated(".gz")
    }

    /// The rotated files of the present instance with this ending behind the time, oldest first.
    fn rotated(&self, ending: &str) -> Vec<PathBuf> {
        let prefix = format!("{}.log.", self.restarts);
        let is_rotated = |name: &str| {
            let stamp = name
                .strip_prefix(&prefix)
                .and_then(|rest| rest.strip_suffix(ending));
            stamp.is_some_and(|stamp| !stamp.contains('.') && stamp.contains('-'))
        };
        let mut paths: Vec<PathBuf> = fs::read_dir(&self.folder)
            .expect("the container's folder")
            .flatten()
            .filter(|entry| entry.file_name().to_str().is_some_and(is_rotated))
            .map(|entry| entry.path())
            .collect();
        paths.sort();
        paths
    }

    /// The time in the name of a rotated file, `YYYYMMDD-HHMMSS`. No two rotations of a container
    /// have the same, since the kubelet looks only every few seconds.
    fn stamp(&mut self) -> String {
        let now = self.clock.read() / 1_000_000_000;
        self.rotated_at = now.max(self.rotated_at + 1);
        cri::time(self.rotated_at * 1_000_000_000)
            .strftime("%Y%m%d-%H%M%S")
            .to_string()
    }
}

fn pack(plain: &PathBuf) {
    let out = create(&with(plain, ".tmp"));
    let mut encoder = GzEncoder::new(out, Compression::default());
    let mut file = File::open(plain).expect("the plain file");
    io::copy(&mut file, &mut encoder)
        .and_then(|_| encoder.finish())
        .expect("the packed file");
}

/// A path with something appended to its name.
fn with(path: &std::path::Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
