//! Reads one journal file, entry by entry, in the order in which they were written.
//!
//! It follows the arrays of entries and never looks for anything by hash, so it needs neither keys nor
//! hash tables. Nothing of the file is believed: offsets lie within it and only go up, sizes are
//! bounded, and what makes no sense is skipped and told. A writer adds entries while they are read: its
//! header says how many are complete, and what was read before the last look at it is forgotten.

use super::chain::Chain;
use super::format::{
    self, Compression, ENTRY_BYTES, Header, ITEMS_MAX, compression, id_at, kind, u64_at,
};
use super::objects::Objects;
use super::payload::{FIELD_BYTES_MAX, Unpacker};
use crate::source::log_file::files::{LogFile, Stat};

pub use super::objects::Error;

/// One entry. Its fields are `Reader::items`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The bytes of the file that are new with it: from the end of the entry before to its own end.
    pub from: u64,
    pub to: u64,
    /// Its number, which goes on from one file to the next.
    pub seqnum: u64,
    /// When journald received it, microseconds since the Unix epoch.
    pub realtime: u64,
    /// The same since the start of the machine.
    pub monotonic: u64,
    pub boot: [u8; 16],
}

/// What comes next in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    Entry(Entry),
    /// There was an entry, and it is damaged.
    Damaged,
    /// That was the last one, for now.
    End,
}

/// A field of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    pub name: &'a [u8],
    /// Any bytes, at most [`FIELD_BYTES_MAX`] of them, its name among these.
    pub value: &'a [u8],
    /// The value is longer, and the rest of it is not read.
    pub cut: bool,
}

/// A place in a file, to go back to.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    chain: Chain,
    at: u64,
}

impl Mark {
    /// Where the entry before it ends.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.at
    }
}

pub struct Reader {
    objects: Objects,
    chain: Chain,
    /// Where the last entry ended.
    at: u64,
    /// Where the fields of the entry in hand stand.
    items: Vec<u64>,
    unpacker: Unpacker,
}

impl Reader {
    /// Takes over a file.
    ///
    /// # Errors
    /// When it cannot be read, or is no journal.
    pub fn open(file: Box<dyn LogFile>) -> Result<Self, Error> {
        let objects = Objects::open(file)?;
        Ok(Self {
            chain: Chain::default(),
            at: objects.header.begin,
            objects,
            items: Vec::new(),
            unpacker: Unpacker::default(),
        })
    }

    #[must_use]
    pub fn header(&self) -> &Header {
        &self.objects.header
    }

    #[must_use]
    pub fn stat(&self) -> &Stat {
        &self.objects.stat
    }

    /// Where the last entry ended that was read.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.at
    }

    /// Entries that stood there at the last look, and were not read.
    #[must_use]
    pub fn unread(&self) -> u64 {
        self.objects
            .header
            .entries
            .saturating_sub(self.chain.read())
    }

    /// Asks the file what has been written since. What was read before is forgotten if anything was.
    ///
    /// # Errors
    /// When it cannot be read, or is no journal any more: whoever deletes one makes it empty.
    pub fn look(&mut self) -> Result<(), Error> {
        self.objects.look()
    }

    /// Gives memory back until the next read.
    pub fn idle(&mut self) {
        self.objects.window.idle();
        self.unpacker = Unpacker::default();
    }

    /// The next entry.
    ///
    /// # Errors
    /// When the file cannot be read, or its list of entries not be followed any further.
    pub fn next_entry(&mut self) -> Result<Next, Error> {
        match self.chain.next(&mut self.objects)? {
            None => Ok(Next::End),
            Some(offset) if offset < self.at => Ok(Next::Damaged),
            Some(offset) => Ok(self.entry(offset)?.map_or(Next::Damaged, Next::Entry)),
        }
    }

    /// Where the fields of the last entry stand, for `field`.
    #[must_use]
    pub fn items(&self) -> &[u64] {
        &self.items
    }

    fn entry(&mut self, offset: u64) -> Result<Option<Entry>, Error> {
        self.items.clear();
        let Some(size) = self.objects.object(offset, kind::ENTRY)? else {
            return Ok(None);
        };
        let head = self.objects.bytes(offset, ENTRY_BYTES)?;
        let entry = Entry {
            from: self.at,
            to: offset + size,
            seqnum: u64_at(head, 16),
            realtime: u64_at(head, 24),
            monotonic: u64_at(head, 32),
            boot: id_at(head, 40),
        };
        let item = self.objects.header.item_bytes();
        let bytes = usize::try_from(size).unwrap_or(usize::MAX);
        let count = bytes.saturating_sub(ENTRY_BYTES) / item;
        if bytes < ENTRY_BYTES || count > ITEMS_MAX {
            return Ok(None);
        }
        let from = offset + ENTRY_BYTES as u64;
        let compact = self.objects.header.compact;
        let list = self.objects.bytes(from, count * item)?;
        self.items.extend(
            list.chunks_exact(item)
                .map(|item| format::offset(compact, item)),
        );
        self.at = entry.to;
        Ok(Some(entry))
    }

    /// A field of the last entry; none where it is damaged.
    ///
    /// # Errors
    /// Whatever the disk says.
    #[inline]
    pub fn field(&mut self, offset: u64) -> Result<Option<Field<'_>>, Error> {
        let Some(size) = self.objects.object(offset, kind::DATA)? else {
            return Ok(None);
        };
        let flags = self.objects.bytes(offset, 2)?.get(1).copied();
        let head = self.objects.header.data_bytes() as u64;
        let (Some(compression), Some(len)) = (flags.and_then(compression), size.checked_sub(head))
        else {
            return Ok(None);
        };
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let most = FIELD_BYTES_MAX + 1;
        let raw = self.objects.bytes(offset + head, len.min(most))?;
        let payload = match compression {
            Compression::None => raw,
            // Cut short it would be damaged.
            _ if len > most => return Ok(None),
            _ => match self.unpacker.unpack(compression, raw) {
                Some(payload) => payload,
                None => return Ok(None),
            },
        };
        Ok(split(payload))
    }

    /// The place where it stands.
    #[must_use]
    pub fn mark(&self) -> Mark {
        let (chain, at) = (self.chain, self.at);
        Mark { chain, at }
    }

    /// Goes on from a place where it stood before.
    pub fn go_to(&mut self, mark: Mark) {
        (self.chain, self.at) = (mark.chain, mark.at);
    }

    /// Goes on with the first entry that stands at `offset` or behind it.
    ///
    /// # Errors
    /// When the file cannot be read, or its list of entries not be followed so far.
    pub fn seek(&mut self, offset: u64) -> Result<(), Error> {
        let mut chain = Chain::default();
        chain.skip_while(&mut self.objects, |_, entry| Ok(entry < offset))?;
        self.chain = chain;
        self.at = offset.max(self.objects.header.begin);
        Ok(())
    }

    /// Goes on with the first entry that was received at `realtime` or later, microseconds since the
    /// Unix epoch; says where the one before ends.
    ///
    /// # Errors
    /// As [`Self::seek`].
    pub fn seek_time(&mut self, realtime: u64) -> Result<u64, Error> {
        let mut chain = Chain::default();
        let last = chain.skip_while(&mut self.objects, |objects, entry| {
            let size = objects.object(entry, kind::ENTRY)?;
            let head = objects.bytes(entry, ENTRY_BYTES)?;
            Ok(size.is_some() && u64_at(head, 24) < realtime)
        })?;
        self.chain = chain;
        self.at = self.end_of(last)?;
        Ok(self.at)
    }

    /// Where the last entry ends that was there at the last look.
    ///
    /// # Errors
    /// As [`Self::seek`].
    pub fn end(&mut self) -> Result<u64, Error> {
        let mut chain = self.chain;
        let last = chain.last(&mut self.objects)?;
        Ok(self.end_of(last)?.max(self.at))
    }

    fn end_of(&mut self, entry: Option<u64>) -> Result<u64, Error> {
        let Some(offset) = entry else {
            return Ok(self.objects.header.begin);
        };
        Ok(match self.objects.object(offset, kind::ENTRY)? {
            Some(size) => offset + size,
            None => self.objects.header.begin,
        })
    }
}

/// `NAME=value`; none where there is no name.
#[inline]
fn split(payload: &[u8]) -> Option<Field<'_>> {
    let cut = payload.len() > FIELD_BYTES_MAX;
    let payload = &payload[..payload.len().min(FIELD_BYTES_MAX)];
    let equals = memchr::memchr(b'=', payload).filter(|at| *at > 0)?;
    Some(Field {
        name: &payload[..equals],
        value: &payload[equals + 1..],
        cut,
    })
}
