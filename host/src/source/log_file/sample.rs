//! What makes a plain file the same file, and another one a copy of it.
//!
//! A container's log begins with a time to the nanosecond, so its first line names it. A plain one may
//! begin like any other: `dmesg` is the same for kilobytes with every boot. What differs there is what
//! stands further down. So an open file, and one that the checkpoint knows by device, inode and birth
//! time, is the same as long as it is no shorter than it was, and holds the same first bytes and the same bytes
//! below that length; else it was cut, and is another. A file of another inode with the same bytes there
//! is a copy, compressed or not. (Two that hold the very same bytes cannot be told apart by anything.)

use std::io;

use sha2::{Digest, Sha256};

use super::files::{Inode, LogFile};
use crate::record::Sample;

/// So many bytes are compared at either place: some lines of any log.
const WINDOW_BYTES: usize = 512;

/// What a file of at least `at` bytes holds; none where it holds nothing, or less by now.
///
/// # Errors
/// Whatever the disk says.
pub fn sample(file: &dyn LogFile, at: u64) -> io::Result<Option<Sample>> {
    let (Some(first), Some(last)) = (first(file, at)?, last(file, at)?) else {
        return Ok(None);
    };
    Ok((at > 0).then_some(Sample { at, first, last }))
}

/// Whether a file that is `len` bytes long holds what was seen.
///
/// # Errors
/// Whatever the disk says.
pub fn fits(sample: &Sample, file: &dyn LogFile, len: u64) -> io::Result<bool> {
    // What is next to nothing to read comes first: of a compressed file the rest has to be unpacked.
    Ok(len >= sample.at
        && first(file, sample.at)? == Some(sample.first)
        && last(file, sample.at)? == Some(sample.last))
}

/// The same for a compressed file: one that is just as long, and begins the same, needs no unpacking.
///
/// # Errors
/// Whatever the disk says.
pub fn fits_compressed(sample: &Sample, file: &dyn LogFile, len: u64) -> io::Result<bool> {
    if len == sample.at {
        return Ok(first(file, len)? == Some(sample.first));
    }
    fits(sample, file, len)
}

/// What names a file on its disk.
#[must_use]
pub fn inode_id(inode: &Inode) -> [u8; 16] {
    let mut hasher = Sha256::new();
    for part in [inode.device, inode.number, inode.birth] {
        hasher.update(part.to_le_bytes());
    }
    half(&hasher.finalize())
}

fn first(file: &dyn LogFile, at: u64) -> io::Result<Option<[u8; 16]>> {
    hash(file, 0, at.min(WINDOW_BYTES as u64))
}

fn last(file: &dyn LogFile, at: u64) -> io::Result<Option<[u8; 16]>> {
    hash(file, at.saturating_sub(WINDOW_BYTES as u64), at)
}

/// Of the bytes `from..to`, at most a window; none where they are not all there.
fn hash(file: &dyn LogFile, from: u64, to: u64) -> io::Result<Option<[u8; 16]>> {
    let mut bytes = [0; WINDOW_BYTES];
    let wanted = usize::try_from(to - from).unwrap_or(WINDOW_BYTES);
    let mut len = 0;
    while len < wanted {
        match file.read_at(&mut bytes[len..wanted], from + len as u64)? {
            0 => return Ok(None),
            read => len += read,
        }
    }
    Ok(Some(half(&Sha256::digest(&bytes[..wanted]))))
}

fn half(digest: &[u8]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    half
}

#[cfg(test)]
mod tests {
    use super::super::files::{Disk, Files};
    use super::*;

    fn file(text: &str) -> (tempfile::NamedTempFile, Box<dyn LogFile>) {
        let path = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(path.path(), text).unwrap();
        let file = Disk.open(path.path()).unwrap();
        (path, file)
    }

    fn boot(micros: u32) -> String {
        let same = "[    0.000000] Linux version 6.1.0 (builder@host)\n".repeat(40);
        format!("{same}[    1.{micros:06}] clocksource: tsc\n")
    }

    #[test]
    fn files_that_begin_the_same_are_told_apart_by_what_follows() {
        let (of_first, of_second) = (boot(123_456), boot(123_457));
        let len = of_first.len() as u64;
        let (_kept, first) = file(&of_first);
        let seen = sample(&*first, len).unwrap().unwrap();
        let (_kept, second) = file(&of_second);
        assert!(!fits(&seen, &*second, len).unwrap());
        let (_kept, copy) = file(&(of_first.clone() + "and on\n"));
        assert!(fits(&seen, &*copy, len + 7).unwrap());
        let (_kept, cut) = file(&of_first[..of_first.len() - 1]);
        assert!(!fits(&seen, &*cut, len - 1).unwrap());
    }

    #[test]
    fn a_file_that_holds_nothing_is_like_no_other() {
        let (_kept, empty) = file("");
        assert_eq!(sample(&*empty, 0).unwrap(), None);
        assert_eq!(sample(&*empty, 10).unwrap(), None);
    }
}
