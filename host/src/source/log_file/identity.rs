//! What makes a file the same file across restarts of the agent, rotation and compression.
//!
//! Inode, name and size do not last that long. The head does: a hash of the first line (at most its
//! first 1 KiB), which carries the runtime's time stamp to the nanosecond. That time also tells in which
//! order two files were written, where birth times are too coarse (ext4 takes them from a clock that
//! ticks every 4 ms) or those of compressed copies.

use std::io;

use sha2::{Digest, Sha256};

use super::decode::{cri, docker_json};
use super::files::LogFile;

/// Most bytes of the first line that are hashed.
pub const HEAD_BYTES_MAX: usize = 1024;

/// Length and hash of a file's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Head {
    pub len: u16,
    pub hash: [u8; 16],
}

impl Head {
    /// The head of a file that starts with `bytes`; none while its first line is not complete.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let window = &bytes[..bytes.len().min(HEAD_BYTES_MAX)];
        let len = match memchr::memchr(b'\n', window) {
            Some(newline) => newline + 1,
            None if window.len() == HEAD_BYTES_MAX => HEAD_BYTES_MAX,
            None => return None,
        };
        let digest = Sha256::digest(&window[..len]);
        let mut hash = [0; 16];
        hash.copy_from_slice(&digest[..16]);
        Some(Self {
            len: u16::try_from(len).ok()?,
            hash,
        })
    }
}

/// What the beginning of a file tells, once its first line is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstLine {
    pub head: Head,
    /// Its time, nanoseconds since the Unix epoch; none where it is no runtime's line.
    pub time: Option<u64>,
}

impl FirstLine {
    /// Reads the beginning of a file; none while its first line is not complete.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn read(file: &dyn LogFile) -> io::Result<Option<Self>> {
        let mut bytes = [0; HEAD_BYTES_MAX];
        let mut len = 0;
        while len < bytes.len() {
            match file.read_at(&mut bytes[len..], len as u64)? {
                0 => break,
                n => len += n,
            }
        }
        Ok(Self::of(&bytes[..len]))
    }

    fn of(bytes: &[u8]) -> Option<Self> {
        let head = Head::of(bytes)?;
        let line = &bytes[..usize::from(head.len)];
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let mut times = cri::Times::default();
        let cri = times.parse(line).map(|(time, ..)| time);
        let mut scratch = docker_json::Scratch::default();
        let time =
            cri.or_else(|| docker_json::line(line, &mut times, &mut scratch).map(|l| l.time));
        Some(Self { head, time })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_known_once_the_first_line_is_complete_and_never_changes() {
        assert_eq!(Head::of(b""), None);
        assert_eq!(Head::of(b"2026 out"), None);
        let head = Head::of(b"2026 out\n").unwrap();
        assert_eq!(Head::of(b"2026 out\nmore\n"), Some(head));
        assert_ne!(Head::of(b"2026 err\n"), Some(head));
        let long = vec![b'x'; 5000];
        assert_eq!(Head::of(&long[..1024]), Head::of(&long));
        assert_eq!(Head::of(&long[..1023]), None);
    }

    #[test]
    fn a_first_line_tells_its_time_whoever_wrote_it() {
        let time = |text: &str| FirstLine::of(text.as_bytes()).unwrap().time;
        let cri = time("1970-01-01T00:00:02Z stdout F x\n");
        let docker =
            time("{\"log\":\"x\\n\",\"stream\":\"stdout\",\"time\":\"1970-01-01T00:00:02Z\"}\n");
        assert_eq!((cri, docker), (Some(2_000_000_000), Some(2_000_000_000)));
        assert_eq!(time("no time\n"), None);
    }
}
