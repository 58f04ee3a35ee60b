//! A rotated file that the kubelet compressed, read as if it were plain.
//!
//! Offsets are of uncompressed bytes, so the checkpoint of the plain file holds for it. It is
//! decompressed as it is read, front to back. A read may go back by what a chunk left of a line;
//! going back further starts anew. The decompressor (some 80 KiB) exists only between the first read
//! and the last: many such files may wait in line.
//!
//! Its trailer says how long it is, which is believed until the end is seen: it may be longer (if it has
//! several members, or more than 4 GiB), and then grows as it is read. Where it is damaged it ends, and
//! what stands behind that is missing.

use std::cell::RefCell;
use std::io::{self, BufReader, ErrorKind, Read};

use flate2::bufread::MultiGzDecoder;

use super::files::{LogFile, Stat};

/// Header and trailer of an empty one, bytes.
const GZ_BYTES_MIN: u64 = 18;
/// No byte of a compressed file stands for more (RFC 1951: 258 bytes for two codes of one bit).
const RATIO_MAX: u64 = 1032;
/// Bytes decompressed at once to be skipped.
const SKIP_BYTES: usize = 16 * 1024;
/// Compressed bytes read at once.
const READ_BYTES: usize = 32 * 1024;
/// In front of damage, bytes are taken one by one.
const CAREFUL_BYTES: u64 = 64 * 1024;
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
    /// Compressed length, and the uncompressed one that the trailer tells.
    packed: u64,
    told: u64,
    /// Uncompressed length, as far as it is known.
    len: u64,
    end: End,
    /// Damage is near.
    careful: bool,
    /// A byte that was read to see whether there is more than the trailer says.
    ahead: Option<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Unseen,
    Whole,
    /// So many bytes are missing behind it, at least.
    Damaged(u64),
}

enum Reading {
    Idle(Box<dyn LogFile>),
    Running(Box<MultiGzDecoder<BufReader<FromStart>>>),
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
    /// Whatever the disk says; `InvalidData` and the like when it is no compressed file, as far as its
    /// ends tell.
    pub fn new(file: Box<dyn LogFile>) -> io::Result<Self> {
        let stat = file.stat()?;
        if stat.len < GZ_BYTES_MIN {
            return Err(ErrorKind::InvalidData.into());
        }
        let mut trailer = [0; 4];
        let mut got = 0;
        while got < trailer.len() {
            match file.read_at(&mut trailer[got..], stat.len - 4 + got as u64)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                n => got += n,
            }
        }
        let told = u64::from(u32::from_le_bytes(trailer));
        let may_be = told <= stat.len.saturating_mul(RATIO_MAX);
        let mut state = State {
            reading: Reading::Idle(file),
            at: 0,
            recent: Vec::new(),
            recent_end: 0,
            packed: stat.len,
            told,
            len: if may_be { told } else { 0 },
            end: End::Unseen,
            careful: false,
            ahead: None,
        };
        if state.len == 0 {
            // Nothing, a multiple of 4 GiB, the zeros that a crash of the node left, or no length.
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
            Reading::Running(decoder) => decoder.get_ref().get_ref().file.stat()?.links,
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
        if into.is_empty() || state.is_end(offset) {
            return Ok(0);
        }
        let read = state.read_at(into, offset);
        if read.is_err() || state.is_end(state.recent_end) {
            state.idle();
        }
        read
    }

    fn missing(&self) -> Option<u64> {
        match self.state.borrow().end {
            End::Damaged(missing) => Some(missing),
            End::Unseen | End::Whole => None,
        }
    }
}

impl State {
    fn is_end(&self, offset: u64) -> bool {
        self.end != End::Unseen && offset >= self.len
    }

    fn idle(&mut self) {
        self.reading = match std::mem::replace(&mut self.reading, Reading::Moving) {
            Reading::Running(decoder) => Reading::Idle(decoder.into_inner().into_inner().file),
            other => other,
        };
        self.at = 0;
        self.ahead = None;
    }

    fn decoder(&mut self) -> io::Result<&mut MultiGzDecoder<BufReader<FromStart>>> {
        self.reading = match std::mem::replace(&mut self.reading, Reading::Moving) {
            Reading::Idle(file) => {
                let packed = BufReader::with_capacity(READ_BYTES, FromStart { file, at: 0 });
                Reading::Running(Box::new(MultiGzDecoder::new(packed)))
            }
            other => other,
        };
        match &mut self.reading {
            Reading::Running(decoder) => Ok(decoder),
            _ => Err(ErrorKind::Other.into()),
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
        if into.is_empty() || self.is_end(offset) {
            return Ok(0);
        }
        if offset < self.at {
            self.idle();
        }
        let mut skipped = [0; SKIP_BYTES];
        while self.at < offset {
            let most = usize::try_from(offset - self.at).unwrap_or(SKIP_BYTES);
            if self.next(&mut skipped[..most.min(SKIP_BYTES)])? == 0 {
                return Ok(0);
            }
        }
        let mut read = 0;
        while read < into.len() {
            match self.next(&mut into[read..])? {
                0 => break,
                n => read += n,
            }
        }
        self.look_ahead()?;
        Ok(read)
    }

    /// The next bytes; 0 is the end.
    fn next(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if let Some(byte) = self.ahead.take() {
            into[0] = byte;
            self.at += 1;
            return Ok(1);
        }
        if self.is_end(self.at) {
            return Ok(0);
        }
        let room = self.room().min(into.len());
        let read = match self.decoder()?.read(&mut into[..room]) {
            Ok(read) => read,
            Err(error) if !is_damage(&error) => return Err(error),
            Err(_) if self.careful => {
                self.ends_damaged();
                return Ok(0);
            }
            Err(_) => {
                self.go_back_carefully()?;
                return self.next(into);
            }
        };
        self.at += read as u64;
        self.len = self.len.max(self.at);
        if read == 0 {
            (self.len, self.end) = (self.at, End::Whole);
        }
        Ok(read)
    }

    /// How much may be decompressed at once: what stands in front of damage in the same piece is not
    /// given.
    fn room(&self) -> usize {
        let left = self.len.saturating_sub(self.at);
        let room = match self.end {
            End::Unseen if self.careful => 1,
            End::Unseen => u64::MAX,
            End::Whole => left,
            End::Damaged(_) => left.saturating_sub(CAREFUL_BYTES).max(1),
        };
        usize::try_from(room).unwrap_or(usize::MAX)
    }

    /// Starts anew, and comes up to where it is once more.
    fn go_back_carefully(&mut self) -> io::Result<()> {
        let at = self.at;
        self.idle();
        let mut skipped = [0; SKIP_BYTES];
        while self.at + CAREFUL_BYTES < at {
            let most = usize::try_from(at - CAREFUL_BYTES - self.at).unwrap_or(SKIP_BYTES);
            let read = self.decoder()?.read(&mut skipped[..most.min(SKIP_BYTES)])?;
            if read == 0 {
                break;
            }
            self.at += read as u64;
        }
        self.careful = true;
        while self.at < at && self.next(&mut skipped[..1])? > 0 {}
        Ok(())
    }

    /// At the end that the trailer names, looks whether it is the end.
    fn look_ahead(&mut self) -> io::Result<()> {
        if self.at >= self.len && self.end == End::Unseen && self.ahead.is_none() {
            let mut byte = [0];
            if self.next(&mut byte)? > 0 {
                self.at -= 1;
                self.ahead = Some(byte[0]);
            }
        }
        Ok(())
    }

    /// What the trailer tells is believed as far as what is left of the file can hold it.
    fn ends_damaged(&mut self) {
        let taken = match &self.reading {
            Reading::Running(decoder) => {
                let packed = decoder.get_ref();
                packed.get_ref().at - packed.buffer().len() as u64
            }
            Reading::Idle(_) | Reading::Moving => 0,
        };
        let most = self.packed.saturating_sub(taken).saturating_mul(RATIO_MAX);
        let missing = self.told.saturating_sub(self.at).min(most);
        (self.len, self.end) = (self.at, End::Damaged(missing));
    }
}

/// Whether it is the file's content that cannot be read, and not the disk.
fn is_damage(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::UnexpectedEof
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::log_file::files::{Disk, Files};
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;
    use std::path::Path;

    fn gz(path: &Path, text: &[u8]) -> io::Result<GzFile> {
        std::fs::write(path, packed(text)).unwrap();
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

    /// All that can be read of a file, and what it says is missing.
    fn read_all(path: &Path, bytes: &[u8]) -> (Vec<u8>, Option<u64>, GzFile) {
        std::fs::write(path, bytes).unwrap();
        let file = GzFile::new(Disk.open(path).unwrap()).unwrap();
        let (mut all, mut chunk) = (Vec::new(), vec![0; 30_000]);
        loop {
            let read = file.read_at(&mut chunk, all.len() as u64).unwrap();
            if read == 0 {
                let missing = file.missing();
                assert_eq!(file.stat().unwrap().len, all.len() as u64);
                return (all, missing, file);
            }
            all.extend_from_slice(&chunk[..read]);
            // It is known that there is more, before it is asked for.
            assert!(file.stat().unwrap().len >= all.len() as u64);
        }
    }

    fn packed(text: &[u8]) -> Vec<u8> {
        packed_at(text, Compression::fast())
    }

    fn packed_at(text: &[u8], level: Compression) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), level);
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn numbers(count: u32) -> Vec<u8> {
        (0..count).flat_map(u32::to_le_bytes).collect()
    }

    /// The trailer tells the length of the last one only.
    #[test]
    fn a_file_of_several_members_is_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("0.gz");
        let members = [&numbers(50_000)[..], b"", b"short", &numbers(20_000)];
        let bytes = members.map(packed).concat();
        let (all, missing, file) = read_all(&path, &bytes);
        assert_eq!((all == members.concat(), missing), (true, None));
        // Whoever goes on behind what the trailer tells learns how long it is.
        let file_again = GzFile::new(Disk.open(&path).unwrap()).unwrap();
        let mut into = [0; 7];
        let at = file.stat().unwrap().len - 7;
        assert!(file_again.stat().unwrap().len < at);
        assert_eq!(file_again.read_at(&mut into, at).unwrap(), 7);
        assert_eq!(into[..], all[all.len() - 7..]);
        assert_eq!(file_again.read_at(&mut into, at + 7).unwrap(), 0);
    }

    #[test]
    fn a_damaged_trailer_takes_nothing_from_what_stands_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("0.gz");
        let whole = packed(&numbers(100_000));
        for (at, told) in [(4, u32::MAX), (4, 7_000_000), (8, 1)] {
            let mut bytes = whole.clone();
            let at = bytes.len() - at;
            bytes[at..at + 4].copy_from_slice(&told.to_le_bytes());
            let (all, missing, _) = read_all(&path, &bytes);
            assert_eq!(
                (all == numbers(100_000), missing),
                (true, Some(0)),
                "{told}"
            );
        }
    }

    #[test]
    fn of_a_damaged_file_the_part_before_the_damage_is_read_and_the_rest_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("0.gz");
        let text = numbers(100_000);
        // In blocks that are not compressed, of which each says twice how long it is.
        let mut blocks = packed_at(&text, Compression::none());
        let first = usize::from(u16::from_le_bytes([blocks[11], blocks[12]]));
        blocks[10 + 5 + first + 3] ^= 1;
        let (all, missing, _) = read_all(&path, &blocks);
        // The decompressor keeps back a byte in front of the damage.
        assert!(all == text[..first - 1], "{} of {first}", all.len());
        assert_eq!(missing, Some((text.len() - all.len()) as u64));
        let whole = packed(&text);
        let middle = whole.len() / 2;
        // Nothing but what stands there tells how long it was.
        let (all, missing, _) = read_all(&path, &whole[..middle]);
        assert!(
            text.starts_with(&all) && all.len() > 100_000,
            "{}",
            all.len()
        );
        assert_eq!(missing, Some(0));
        let zeros = [&whole[..], &[0; 64]].concat();
        let (all, missing, _) = read_all(&path, &zeros);
        assert_eq!((all == text, missing), (true, Some(0)));
    }

    #[test]
    fn what_is_too_short_to_be_compressed_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("0.gz");
        std::fs::write(&path, b"short").unwrap();
        assert!(GzFile::new(Disk.open(&path).unwrap()).is_err());
    }
}
