//! Parts of a journal file in memory: blocks that are read when they are asked for, and a bounded number
//! of them, however long the file is.
//!
//! A journal is not mapped: its writer cuts files and punches holes into those that it deletes, and a
//! page that is gone would end the agent (SIGBUS). Entries and what they point at lie close together,
//! so nearly all of a file is read once, front to back, in blocks of 64 KiB.

use std::io;

use crate::source::log_file::files::LogFile;

const BLOCK_BYTES: usize = 64 * 1024;
/// Blocks in memory: 2 MiB.
const BLOCKS: usize = 32;
/// No block has this number.
const NO_BLOCK: u64 = u64::MAX;

/// Blocks of one file.
#[derive(Default)]
pub struct Window {
    bytes: Vec<u8>,
    slots: Vec<Slot>,
    /// For what lies across the edge of blocks.
    joined: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Slot {
    block: u64,
    /// Bytes that the file had of it.
    len: usize,
}

const EMPTY: Slot = Slot {
    block: NO_BLOCK,
    len: 0,
};

impl Window {
    /// Forgets what was read: the file may have changed since.
    pub fn forget(&mut self) {
        self.slots.fill(EMPTY);
    }

    /// Gives the memory back until the next read.
    pub fn idle(&mut self) {
        *self = Self::default();
    }

    /// The `len` bytes at `offset`; fewer where the file ends before.
    ///
    /// # Errors
    /// Whatever the disk says.
    #[inline]
    pub fn get(&mut self, file: &dyn LogFile, offset: u64, len: usize) -> io::Result<&[u8]> {
        let (block, at) = place(offset);
        if at + len > BLOCK_BYTES {
            return self.join(file, offset, len);
        }
        let (from, held) = self.block(file, block)?;
        let to = (at + len).min(held);
        Ok(&self.bytes[from + at.min(to)..from + to])
    }

    #[cold]
    fn join(&mut self, file: &dyn LogFile, offset: u64, len: usize) -> io::Result<&[u8]> {
        let mut joined = std::mem::take(&mut self.joined);
        joined.clear();
        while joined.len() < len {
            let (block, at) = place(offset + joined.len() as u64);
            let (from, held) = self.block(file, block)?;
            let to = (at + len - joined.len()).min(held);
            if to <= at {
                break;
            }
            joined.extend_from_slice(&self.bytes[from + at..from + to]);
        }
        self.joined = joined;
        Ok(&self.joined)
    }

    /// Where a block lies in memory, and how much of it there is.
    #[inline]
    fn block(&mut self, file: &dyn LogFile, block: u64) -> io::Result<(usize, usize)> {
        let slot = (block % BLOCKS as u64) as usize;
        match self.slots.get(slot) {
            Some(held) if held.block == block => Ok((slot * BLOCK_BYTES, held.len)),
            _ => self.read(file, block, slot),
        }
    }

    #[cold]
    fn read(&mut self, file: &dyn LogFile, block: u64, slot: usize) -> io::Result<(usize, usize)> {
        if self.slots.is_empty() {
            self.slots = vec![EMPTY; BLOCKS];
            self.bytes = vec![0; BLOCKS * BLOCK_BYTES];
        }
        self.slots[slot] = EMPTY;
        let from = slot * BLOCK_BYTES;
        let into = &mut self.bytes[from..from + BLOCK_BYTES];
        let Some(offset) = block.checked_mul(BLOCK_BYTES as u64) else {
            return Ok((from, 0));
        };
        let mut len = 0;
        while len < BLOCK_BYTES {
            match file.read_at(&mut into[len..], offset + len as u64)? {
                0 => break,
                read => len += read,
            }
        }
        self.slots[slot] = Slot { block, len };
        Ok((from, len))
    }
}

#[inline]
fn place(offset: u64) -> (u64, usize) {
    let block = BLOCK_BYTES as u64;
    (offset / block, (offset % block) as usize)
}
