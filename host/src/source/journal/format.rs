//! The layout of a journal file, as systemd publishes it (`JOURNAL_FILE_FORMAT.md`, and the structures
//! of `journal-def.h`): little-endian numbers at fixed places, objects at multiples of eight bytes.
//!
//! Nothing here is believed: whoever takes an offset or a size from a file checks it first.

/// Every journal file starts so.
pub const SIGNATURE: [u8; 8] = *b"LPKSHHRH";
/// The oldest header that was ever written, bytes: up to the time of the last entry.
pub const HEADER_BYTES_MIN: u64 = 208;
/// A header is read so far; what newer versions add behind is not needed.
pub const HEADER_BYTES: usize = 208;
/// Objects start at multiples of this.
pub const ALIGN: u64 = 8;

const COMPRESSED_XZ: u32 = 1;
const COMPRESSED_LZ4: u32 = 1 << 1;
const KEYED_HASH: u32 = 1 << 2;
const COMPRESSED_ZSTD: u32 = 1 << 3;
const COMPACT: u32 = 1 << 4;
const KNOWN: u32 = COMPRESSED_XZ | COMPRESSED_LZ4 | KEYED_HASH | COMPRESSED_ZSTD | COMPACT;

/// What stands before every object: type, flags, size.
pub const OBJECT_BYTES: usize = 16;
/// The head of an entry; its items follow.
pub const ENTRY_BYTES: usize = 64;
/// The head of an array of entries; their offsets follow.
pub const ARRAY_BYTES: usize = 24;
/// The head of a piece of data in a file that is not compact, and in one that is.
const DATA_BYTES: usize = 64;
const DATA_BYTES_COMPACT: usize = 72;

/// Most fields of one entry: journald takes 1,024, and an entry that was merged may have more.
pub const ITEMS_MAX: usize = 16 * 1024;

/// Numbers of the kinds of objects.
pub mod kind {
    pub const DATA: u8 = 1;
    pub const ENTRY: u8 = 3;
    pub const ARRAY: u8 = 6;
}

/// How a piece of data is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    None,
    Xz,
    Lz4,
    Zstd,
}

/// Why a file is no journal that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Foreign {
    #[error("it is not a journal file")]
    Signature,
    #[error("its header is cut short or makes no sense")]
    Header,
    #[error("it has features that this agent does not know (flags {0:#x}); a newer logsieve may")]
    Newer(u32),
}

/// What of the header is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub compact: bool,
    /// Whether nobody writes to it any more: it was closed, or rotated.
    pub state: State,
    /// Never the same for two files.
    pub file_id: [u8; 16],
    pub header_bytes: u64,
    /// Where the first entry may begin: behind the tables for searching, which are made with the file.
    pub begin: u64,
    pub entries: u64,
    /// Number of the last entry and of the first, which go on from one file to the next.
    pub tail_seqnum: u64,
    pub head_seqnum: u64,
    /// The first array of entries; 0 where there is none.
    pub array: u64,
    /// When the first entry was received, microseconds since the Unix epoch.
    pub head_realtime: u64,
}

/// What its writer says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Offline,
    Online,
    Archived,
}

/// The number of 8 bytes at `at`; 0 where they are not there.
#[inline]
#[must_use]
pub fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let eight = bytes.get(at..at + 8).and_then(|b| b.try_into().ok());
    eight.map_or(0, u64::from_le_bytes)
}

/// The number of 4 bytes at `at`; 0 where they are not there.
#[inline]
#[must_use]
pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..at + 4).and_then(|b| b.try_into().ok());
    four.map_or(0, u32::from_le_bytes)
}

/// The id of 16 bytes at `at`; zeros where they are not there.
#[must_use]
pub fn id_at(bytes: &[u8], at: usize) -> [u8; 16] {
    let id = bytes.get(at..at + 16).and_then(|b| b.try_into().ok());
    id.unwrap_or_default()
}

impl Header {
    /// Reads a header.
    ///
    /// # Errors
    /// When the file is no journal, or one of a kind that is not known.
    pub fn parse(bytes: &[u8]) -> Result<Self, Foreign> {
        if bytes.get(..8) != Some(&SIGNATURE) {
            return Err(Foreign::Signature);
        }
        let flags = u32_at(bytes, 12);
        if flags & !KNOWN != 0 {
            return Err(Foreign::Newer(flags & !KNOWN));
        }
        let header_bytes = u64_at(bytes, 88);
        let state = match bytes.get(16) {
            Some(0) => State::Offline,
            Some(1) => State::Online,
            Some(2) => State::Archived,
            _ => return Err(Foreign::Header),
        };
        let short = bytes.len() < HEADER_BYTES || header_bytes < HEADER_BYTES_MIN;
        if short || !header_bytes.is_multiple_of(ALIGN) {
            return Err(Foreign::Header);
        }
        Ok(Self {
            compact: flags & COMPACT != 0,
            state,
            file_id: id_at(bytes, 24),
            header_bytes,
            begin: begin(bytes, header_bytes),
            entries: u64_at(bytes, 152),
            tail_seqnum: u64_at(bytes, 160),
            head_seqnum: u64_at(bytes, 168),
            array: u64_at(bytes, 176),
            head_realtime: u64_at(bytes, 184),
        })
    }

    /// Bytes of one offset in an array of entries.
    #[inline]
    #[must_use]
    pub fn slot_bytes(&self) -> usize {
        if self.compact { 4 } else { 8 }
    }

    /// Bytes of one item of an entry.
    #[inline]
    #[must_use]
    pub fn item_bytes(&self) -> usize {
        if self.compact { 4 } else { 16 }
    }

    /// Bytes before the payload of a piece of data.
    #[inline]
    #[must_use]
    pub fn data_bytes(&self) -> usize {
        if self.compact {
            DATA_BYTES_COMPACT
        } else {
            DATA_BYTES
        }
    }
}

/// The offset that an array or an item has at the start of `bytes`.
#[inline]
#[must_use]
pub fn offset(compact: bool, bytes: &[u8]) -> u64 {
    if compact {
        u64::from(u32_at(bytes, 0))
    } else {
        u64_at(bytes, 0)
    }
}

/// How an object's flags say that it is compressed; none where they contradict themselves.
#[inline]
#[must_use]
pub fn compression(flags: u8) -> Option<Compression> {
    match flags & 7 {
        0 => Some(Compression::None),
        1 => Some(Compression::Xz),
        2 => Some(Compression::Lz4),
        4 => Some(Compression::Zstd),
        _ => None,
    }
}

/// The end of both hash tables, where that makes sense: the first list of entries lies behind the first
/// entry.
fn begin(bytes: &[u8], header_bytes: u64) -> u64 {
    let end = |at: usize| u64_at(bytes, at).saturating_add(u64_at(bytes, at + 8));
    let (tables, list) = (end(104).max(end(120)), u64_at(bytes, 176));
    if tables > header_bytes && (list == 0 || tables < list) {
        tables
    } else {
        header_bytes
    }
}
