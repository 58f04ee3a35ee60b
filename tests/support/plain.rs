//! A plain log of a node, and what `logrotate` and its like do to it.
//!
//! It writes numbered lines with a time stamp and remembers what must arrive. The writer holds its
//! descriptor through a rotation until it is told to open the path anew, as a daemon does.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::kubelet::{Expected, Stream, token};

/// A log, and who writes it.
pub struct PlainLog {
    path: PathBuf,
    file: File,
    /// Its number among the logs of a test.
    number: usize,
    next: usize,
    expected: Vec<Expected>,
}

impl PlainLog {
    /// # Panics
    /// When the file cannot be made.
    pub fn new(path: &Path, number: usize) -> Self {
        fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("a folder");
        PlainLog {
            path: path.to_owned(),
            file: open(path),
            number,
            next: 0,
            expected: Vec::new(),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was written, in order.
    pub fn expected(&self) -> &[Expected] {
        &self.expected
    }

    /// Writes so many lines, each with its time, in one write.
    pub fn write(&mut self, lines: usize, words: &str) {
        let mut text = String::new();
        for _ in 0..lines {
            let now = jiff::Timestamp::now();
            let line = format!(
                "{now:.3} host app: {} {words}",
                token(self.number, self.next)
            );
            self.next += 1;
            text += &line;
            text.push('\n');
            self.expected.push(Expected {
                container: self.path.display().to_string(),
                stream: Stream::Stdout,
                time_ms: now.as_millisecond(),
                text: line,
            });
        }
        self.write_raw(text.as_bytes());
    }

    /// Writes these bytes, which nobody expects.
    pub fn write_raw(&mut self, bytes: &[u8]) {
        self.file.write_all(bytes).expect("the log can be written");
    }

    /// `path` with an ending.
    pub fn with(&self, ending: &str) -> PathBuf {
        PathBuf::from(format!("{}{ending}", self.path.display()))
    }

    /// Renames it; whoever writes it goes on in the renamed file.
    pub fn rename(&self, ending: &str) {
        fs::rename(&self.path, self.with(ending)).expect("it can be renamed");
    }

    /// Opens the path anew, as after SIGHUP.
    pub fn reopen(&mut self) {
        self.file = open(&self.path);
    }

    /// Makes room for `.1`, as far as there are numbered files, compressed or not.
    pub fn shift(&self, most: usize) {
        for number in (1..most).rev() {
            for end in ["", ".gz"] {
                let old = self.with(&format!(".{number}{end}"));
                if old.exists() {
                    let new = self.with(&format!(".{}{end}", number + 1));
                    fs::rename(old, new).expect("it can be renamed");
                }
            }
        }
    }

    /// What `copytruncate` does: copies all, then cuts the original.
    pub fn copy_and_truncate(&self, ending: &str) {
        fs::copy(&self.path, self.with(ending)).expect("it can be copied");
        self.truncate();
    }

    pub fn truncate(&self) {
        self.file.set_len(0).expect("it can be cut");
    }
}

/// Compresses a file in place, as gzip does: the plain one goes when the other is whole.
///
/// # Panics
/// When the disk refuses.
pub fn compress(path: &Path) {
    let packed = PathBuf::from(format!("{}.gz", path.display()));
    let file = File::create(packed).expect("a file");
    let mut encoder = GzEncoder::new(file, Compression::fast());
    let text = fs::read(path).expect("it can be read");
    encoder.write_all(&text).expect("it can be packed");
    encoder.finish().expect("it can be packed");
    fs::remove_file(path).expect("it can be deleted");
}

fn open(path: &Path) -> File {
    let mut options = File::options();
    options
        .append(true)
        .create(true)
        .open(path)
        .expect("the log can be opened")
}
