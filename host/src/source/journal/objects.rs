//! The objects of one journal file, each checked before it is believed: that it lies within the file, where
//! an object may lie, and is of the kind that is expected.

use std::io;

use super::format::{ALIGN, Foreign, HEADER_BYTES, Header, OBJECT_BYTES, u64_at};
use super::window::Window;
use crate::source::log_file::files::{LogFile, Stat};

/// What stops the reading of a file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the journal cannot be read")]
    Read(#[from] io::Error),
    #[error(transparent)]
    Foreign(#[from] Foreign),
    /// What a list of entries says of itself or of the next one makes no sense.
    #[error("its list of entries is damaged at byte {0}")]
    Broken(u64),
}

/// An open file.
pub struct Objects {
    file: Box<dyn LogFile>,
    pub window: Window,
    pub header: Header,
    /// The file as it was at the last look.
    pub stat: Stat,
}

impl Objects {
    /// Takes over a file.
    ///
    /// # Errors
    /// When it cannot be read, or is no journal.
    pub fn open(file: Box<dyn LogFile>) -> Result<Self, Error> {
        let stat = file.stat()?;
        let header = read_header(&*file)?;
        Ok(Self {
            file,
            window: Window::default(),
            header,
            stat,
        })
    }

    /// Reads the header again. What was read before is forgotten if anything was added.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn look(&mut self) -> Result<(), Error> {
        let stat = self.file.stat()?;
        let header = read_header(&*self.file)?;
        if header.file_id != self.header.file_id || header.compact != self.header.compact {
            return Err(Foreign::Header.into());
        }
        if header.entries != self.header.entries || stat.len != self.stat.len {
            self.window.forget();
        }
        (self.stat, self.header) = (stat, header);
        Ok(())
    }

    /// The `len` bytes at `offset`; fewer where the file ends before.
    ///
    /// # Errors
    /// Whatever the disk says.
    #[inline]
    pub fn bytes(&mut self, offset: u64, len: usize) -> io::Result<&[u8]> {
        self.window.get(&*self.file, offset, len)
    }

    /// The size of the object of this kind at `offset`; none if no such object stands there.
    ///
    /// # Errors
    /// Whatever the disk says.
    #[inline]
    pub fn object(&mut self, offset: u64, kind: u8) -> Result<Option<u64>, Error> {
        let aligned = offset.is_multiple_of(ALIGN) && offset >= self.header.header_bytes;
        if !aligned || offset >= self.stat.len {
            return Ok(None);
        }
        let len = self.stat.len;
        let head = self.bytes(offset, OBJECT_BYTES)?;
        let size = u64_at(head, 8);
        let fits = offset.checked_add(size).is_some_and(|end| end <= len);
        let is_one = head.len() == OBJECT_BYTES && head[0] == kind;
        Ok((is_one && fits && size >= OBJECT_BYTES as u64).then_some(size))
    }
}

fn read_header(file: &dyn LogFile) -> Result<Header, Error> {
    let mut bytes = [0; HEADER_BYTES];
    let mut len = 0;
    while len < bytes.len() {
        match file.read_at(&mut bytes[len..], len as u64)? {
            0 => break,
            read => len += read,
        }
    }
    Ok(Header::parse(&bytes[..len])?)
}
