//! A rotated file that the kubelet compressed, read as if it were plain.
//!
//! Offsets are of uncompressed bytes, so the checkpoint of the plain file holds for it. It is
//! decompressed as it is read, front to back. A read may go back by what a chunk left of a line;
//! going back further starts anew. The decompressor (some 80 KiB) exists only between the first read
//! and the last: many such files may wait in line.

use std::cell::RefCell;
use std::io::{self, Read};

use flate2::read::MultiGzDecoder;

use super::files::{LogFile, Stat};

/// Header and trailer of an empty one, bytes.
const GZ_BYTES_MIN: u64 = 18;
/// The trailer has the length modulo this.
const LENGTH_MODULO: u64 = 1 << 32;
/// Bytes decompressed at once to be skipped.
const SKIP_BYTES: usize = 16 * 1024;
/// So many bytes are kept to be read once more: a runtime's longest line and its head.
const RECENT_BYTES: usize = 32 * 1024;

/// A compressed file.
pub struct GzFile {
    state: RefCell<State>,
    stat: Stat,
}

struct State {
    reading: Reading,
    /// Uncompressed bytes that the decompressor has given.
    at: u64,
    /// The last of what was read, and where it ends.
    recent: Vec<u8>,
    recent_end: u64,
    /// Uncompressed length, as far as it is known.
    len: u64,
    /// A byte that was read to see whether there is more than the trailer says.
    ahead: Option<u8>,
}

enum Reading {
    Idle(Box<dyn LogFile>),
    Running(Box<MultiGzDecoder<FromStart>>),
    /// Between two of the others, within a function.
    Moving,
}

/// Compressed bytes, from the first on.
struct FromStart {
    file: Box<dyn LogFile>,
    at: u64,
}

impl Read for FromStart {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(into, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl GzFile {
    /// Takes over a compressed file.
    ///
    /// # Errors
    /// Whatever the disk says; `InvalidData` and the like when it is none, as far as its ends tell.
    pub fn new(file: Box<dyn LogFile>) -> io::Result<Self> {
        let stat = file.stat()?;
        if stat.len < GZ_BYTES_MIN {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut trailer = [0; 4];
        let mut got = 0;
        while got < trailer.len() {
            match file.read_at(&mut trailer[got..], stat.len - 4 + got as u64)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => got += n,
            }
        }
        let mut state = State {
            reading: Reading::Idle(file),
            at: 0,
            recent: Vec::new(),
            recent_end: 0,
            len: u64::from(u32::from_le_bytes(trailer)),
            ahead: None,
        };
        if state.len == 0 {
            // Nothing, a multiple of 4 GiB, or the zeros that a crash of the node left.
            state.look_ahead()?;
            state.idle();
        }
        Ok(Self {
            state: RefCell::new(state),
            stat,
        })
    }

    /// Lets go of the decompressor until the next read.
    pub fn idle(&self) {
        self.state.borrow_mut().idle();
    }
}

impl LogFile for GzFile {
    fn stat(&self) -> io::Result<Stat> {
        let state = self.state.borrow();
        let links = match &state.reading {
            Reading::Idle(file) => file.stat()?.links,
            Reading::Running(decoder) => decoder.get_ref().file.stat()?.links,
            Reading::Moving => self.stat.links,
        };
        Ok(Stat {
            len: state.len,
            links,
            ..self.stat
        })
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.state.borrow_mut();
        if into.is_empty() || offset >= state.len {
            return Ok(0);
        }
        let read = state.read_at(into, offset);
        if read.is_err() || state.recent_end >= state.len {
            state.idle();
        }
        read
    }
}

impl State {
    fn idle(&mut self) {
        self.reading = match std::mem::replace(&mut self.reading, Reading::Moving) {
            Reading::Running(decoder) => Reading::Idle(decoder.into_inner().file),
            other => other,
        };
        self.at = 0;
        self.ahead = None;
    }

    fn decoder(&mut self) -> io::Result<&mut MultiGzDecoder<FromStart>> {
        self.reading = match std::mem::replace(&mut self.reading, Reading::Moving) {
            Reading::Idle(file) => {
                Reading::Running(Box::new(MultiGzDecoder::new(FromStart { file, at: 0 })))
            }
            other => other,
        };
        match &mut self.reading {
            Reading::Running(decoder) => Ok(decoder),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    fn read_at(&mut self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let known = self.read_recent(into, offset);
        let read = known + self.decompress(&mut into[known..], offset + known as u64)?;
        let kept = read.min(RECENT_BYTES);
        self.recent.clear();
        self.recent.extend_from_slice(&into[read - kept..read]);
        self.recent_end = offset + read as u64;
        Ok(read)
    }

    fn read_recent(&self, into: &mut [u8], offset: u64) -> usize {
        let back = self.recent_end.checked_sub(offset).map(usize::try_from);
        let Some(Ok(back)) = back.filter(|b| b.as_ref().is_ok_and(|b| *b <= self.recent.len()))
        else {
            return 0;
        };
        let recent = &self.recent[self.recent.len() - back..];
        let known = recent.len().min(into.len());
        into[..known].copy_from_slice(&recent[..known]);
        known
    }

    fn decompress(&mut self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        if into.is_empty() || offset >= self.len {
            return Ok(0);
        }
        if offset < self.at {
            self.idle();
        }
        let mut skipped = [0; SKIP_BYTES];
        while self.at < offset {
            let most = usize::try_from(offset - self.at).unwrap_or(SKIP_BYTES);
            if self.next(&mut skipped[..most.min(SKIP_BYTES)])? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let mut read = 0;
        while read < into.len() && self.at < self.len {
            match self.next(&mut into[read..])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => read += n,
            }
        }
        self.look_ahead()?;
        Ok(read)
    }

    fn next(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if let Some(byte) = self.ahead.take() {
            into[0] = byte;
            self.at += 1;
            return Ok(1);
        }
        let room = usize::try_from(self.len - self.at).unwrap_or(usize::MAX);
        let room = room.min(into.len());
        let read = self.decoder()?.read(&mut into[..room])?;
        self.at += read as u64;
        Ok(read)
    }

    /// At the end that the trailer names, looks whether it is the end.
    fn look_ahead(&mut self) -> io::Result<()> {
        if self.at == self.len && self.ahead.is_none() {
            let mut byte = [0];
            if self.decoder()?.read(&mut byte)? > 0 {
                self.ahead = Some(byte[0]);
                self.len += LENGTH_MODULO;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::log_file::files::{Disk, Files};
    use std::io::Write;
    use std::path::Path;

    fn gz(path: &Path, text: &[u8]) -> io::Result<GzFile> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        std::fs::write(path, encoder.finish().unwrap()).unwrap();
        GzFile::new(Disk.open(path).unwrap())
    }

    #[test]
    fn a_compressed_file_is_read_at_any_offset() {
        let folder = tempfile::tempdir().unwrap();
        let text: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let file = gz(&folder.path().join("0.gz"), &text).unwrap();
        assert_eq!(file.stat().unwrap().len, text.len() as u64);
        for offset in [0, 300_000, 7, 399_999, 100_000, 400_000] {
            let mut into = vec![0; 1000];
            let read = file.read_at(&mut into, offset as u64).unwrap();
            assert_eq!(into[..read], text[offset..text.len().min(offset + 1000)]);
            file.idle();
        }
    }

    /// As a tail does: the rest of a line is read again with the next chunk.
    #[test]
    fn what_a_chunk_left_of_a_line_is_read_again_without_starting_anew() {
        let folder = tempfile::tempdir().unwrap();
        let text: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let file = gz(&folder.path().join("0.gz"), &text).unwrap();
        let (mut at, mut chunk) = (0, vec![0; 10_000]);
        while at < text.len() {
            let read = file.read_at(&mut chunk, at as u64).unwrap();
            assert_eq!(chunk[..read], text[at..at + read]);
            at += if at + read == text.len() {
                read
            } else {
                read - 100
            };
            let state = file.state.borrow();
            assert!(at == text.len() || matches!(state.reading, Reading::Running(_)));
            assert!(state.at == 0 || state.at >= at as u64);
        }
    }

    #[test]
    fn a_damaged_file_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("0.gz");
        gz(&path, &[b'x'; 10_000]).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[12] ^= 0xff;
        std::fs::write(&path, &bytes).unwrap();
        let file = GzFile::new(Disk.open(&path).unwrap()).unwrap();
        assert!(file.read_at(&mut [0; 10_000], 0).is_err());
        bytes.extend_from_slice(&[0; 64]);
        std::fs::write(&path, &bytes).unwrap();
        let zeros = GzFile::new(Disk.open(&path).unwrap());
        let read = zeros.and_then(|file| file.read_at(&mut [0; 10_000], 0));
        assert!(read.is_err(), "zeros at its end pass for no length");
        std::fs::write(&path, b"short").unwrap();
        assert!(GzFile::new(Disk.open(&path).unwrap()).is_err());
    }
}
