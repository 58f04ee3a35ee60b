//! A plain file is known by what it holds, since its first bytes may repeat; and reading may go on in a copy of
//! it.

use std::{io, iter};

use super::Tail;
use crate::record::Sample;
use crate::source::log_file::files::LogFile;
use crate::source::log_file::sample::{self, fits, fits_compressed};

impl Tail {
    /// It is a plain file, and known by what it holds.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn make_plain(&mut self) -> io::Result<()> {
        self.plain = true;
        self.sample = self.take_sample(self.stat.len)?;
        Ok(())
    }

    /// What it held at the last look; of a plain file.
    #[must_use]
    pub fn sample(&self) -> Option<Sample> {
        self.sample
    }

    pub(super) fn take_sample(&self, len: u64) -> io::Result<Option<Sample>> {
        if !self.plain || self.is_whole {
            return Ok(None);
        }
        sample::sample(&*self.file, len)
    }

    /// What it held at the last looks, the latest first.
    pub fn samples(&self) -> impl Iterator<Item = Sample> {
        iter::once(self.sample).chain(self.former).flatten()
    }

    pub(super) fn saw(&mut self, next: Option<Sample>) {
        if next.is_some() && next != self.sample {
            self.former.rotate_right(1);
            self.former[0] = std::mem::replace(&mut self.sample, next);
        }
    }

    /// Whether it is a copy of a file that held this, the latest first: it holds what was seen there as far
    /// as it goes, for it may have been made before the last of these looks.
    pub fn copies(&self, mut seen: impl Iterator<Item = Sample>) -> bool {
        let within = seen.find(|sample| sample.at <= self.stat.len);
        // What cannot be compared now is compared again.
        within.is_some_and(|sample| self.holds(&sample).unwrap_or(false))
    }

    /// Whether it holds what was seen of another one, or of itself before.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn holds(&self, seen: &Sample) -> io::Result<bool> {
        if self.is_whole {
            return fits_compressed(seen, &*self.file, self.stat.len);
        }
        fits(seen, &*self.file, self.stat.len)
    }

    /// Goes on in a copy that holds what this one held, at its end where it holds less than was read. Gives
    /// back the file itself, for what is written to it now.
    pub fn go_on_in(&mut self, copy: Self) -> Box<dyn LogFile> {
        self.stat = copy.stat;
        self.is_whole = copy.is_whole;
        (self.sample, self.former) = (copy.sample, copy.former);
        self.cut = false;
        self.looks = copy.looks;
        // A look back may have found what took the place of it.
        self.line = None;
        self.go_to(self.offset);
        std::mem::replace(&mut self.file, copy.file)
    }

    /// Goes on at `offset`, or at its end where that comes first, as in a copy that lacks what was read.
    pub fn go_to(&mut self, offset: u64) {
        self.seek(match self.is_whole || self.cut {
            true => offset,
            false => offset.min(self.stat.len),
        });
    }

    /// Whether it still holds what it held at the last look.
    pub(super) fn holds_the_same(&self) -> io::Result<bool> {
        let Some(sample) = self.sample.filter(|_| !self.is_whole) else {
            return Ok(true);
        };
        // Shorter than at the last look: a read finds that out.
        fits(&sample, &*self.file, u64::MAX)
    }
}
