//! The list of a file's entries: arrays of offsets, each naming the next, the later the longer. Arrays and
//! entries are added at the file's end, so both only go up; a list that goes back is damaged, and
//! following it ends.

use super::format::{self, ARRAY_BYTES, kind, u64_at};
use super::objects::{Error, Objects};

/// A place in the list.
#[derive(Debug, Clone, Copy, Default)]
pub struct Chain {
    /// The array in hand; 0 before the first.
    array: u64,
    /// How many offsets it has room for, and which is next.
    slots: u64,
    slot: u64,
    /// Entries that lie before this place.
    read: u64,
}

impl Chain {
    #[must_use]
    pub fn read(&self) -> u64 {
        self.read
    }

    /// The next entry's offset; none at the end of those that are complete.
    pub fn next(&mut self, objects: &mut Objects) -> Result<Option<u64>, Error> {
        if self.read >= objects.header.entries || !self.enter(objects)? {
            return Ok(None);
        }
        let Some(offset) = self.get(objects, self.slot)? else {
            return Ok(None);
        };
        self.slot += 1;
        self.read += 1;
        Ok(Some(offset))
    }

    /// Goes past all entries, in order, of which `passes` says so: true for some at the start, and
    /// false for the rest. Says which was the last of them.
    pub fn skip_while(
        &mut self,
        objects: &mut Objects,
        mut passes: impl FnMut(&mut Objects, u64) -> Result<bool, Error>,
    ) -> Result<Option<u64>, Error> {
        let mut last = None;
        while self.read < objects.header.entries && self.enter(objects)? {
            let left = self.left(objects);
            let Some(offset) = self.get(objects, self.slot + left - 1)? else {
                break;
            };
            if !passes(objects, offset)? {
                break;
            }
            last = Some(offset);
            self.advance(left);
        }
        // What is looked for is in this array, or nowhere.
        let (mut low, mut high) = (0, self.left(objects));
        while low < high {
            let middle = low + (high - low) / 2;
            match self.get(objects, self.slot + middle)? {
                Some(offset) if passes(objects, offset)? => {
                    last = Some(offset);
                    low = middle + 1;
                }
                _ => high = middle,
            }
        }
        self.advance(low);
        Ok(last)
    }

    /// The last entry that is complete, from here on.
    pub fn last(&mut self, objects: &mut Objects) -> Result<Option<u64>, Error> {
        let mut last = None;
        while self.read < objects.header.entries && self.enter(objects)? {
            let left = self.left(objects);
            last = self.get(objects, self.slot + left - 1)?.or(last);
            self.advance(left);
        }
        Ok(last)
    }

    /// Entries of the array in hand that are not read, and complete.
    fn left(&self, objects: &Objects) -> u64 {
        let entries = objects.header.entries.saturating_sub(self.read);
        (self.slots - self.slot).min(entries)
    }

    fn advance(&mut self, by: u64) {
        self.slot += by;
        self.read += by;
    }

    /// Makes sure that the place is within an array, the next one if this is used up. False: there is
    /// none yet.
    fn enter(&mut self, objects: &mut Objects) -> Result<bool, Error> {
        if self.slot < self.slots {
            return Ok(true);
        }
        let next = match self.array {
            0 => objects.header.array,
            array => u64_at(objects.bytes(array, ARRAY_BYTES)?, 16),
        };
        if next == 0 {
            return Ok(false);
        }
        let size = if next > self.array {
            objects.object(next, kind::ARRAY)?
        } else {
            None
        };
        let list = size.and_then(|s| s.checked_sub(ARRAY_BYTES as u64));
        let slots = list.unwrap_or(0) / objects.header.slot_bytes() as u64;
        if slots == 0 {
            return Err(Error::Broken(next));
        }
        (self.array, self.slots, self.slot) = (next, slots, 0);
        Ok(true)
    }

    /// An offset of the array in hand; none where it is not written yet.
    #[inline]
    fn get(&self, objects: &mut Objects, slot: u64) -> Result<Option<u64>, Error> {
        let bytes = objects.header.slot_bytes();
        let at = self.array + ARRAY_BYTES as u64 + slot * bytes as u64;
        let compact = objects.header.compact;
        let found = objects.bytes(at, bytes)?;
        Ok(Some(format::offset(compact, found)).filter(|offset| *offset != 0))
    }
}
