//! One file of a journal: where reading stands, how far it is settled, and when nothing more can come.
//! Its offsets are those of the file itself, so they mean the same to whoever opens it next.

use std::path::PathBuf;
use std::time::Duration;

use crate::checkpoint::board::Board;
use crate::checkpoint::store::{Behind, FileKey};
use crate::checkpoint::watermark::Watermark;
use crate::clock::Now;
use crate::lane::Setup;
use crate::lane::account::Kept;
use crate::lane::account::extent::Extent;
use crate::source::journal::discover::Found;
use crate::source::journal::format::State;
use crate::source::journal::reader::{Error, Reader};
use crate::source::journal::select::Fields;
use crate::source::journal::streams::Streams;
use crate::source::journal::{Config, Start};
use crate::source::log_file::looks::Looks;

/// A file whose successor is there gets so long for late entries, where its writer did not say that it
/// is done: after a crash it never does.
const SUPERSEDED: Duration = Duration::from_secs(2);

pub struct File {
    pub path: PathBuf,
    pub reader: Reader,
    pub sorter: Streams,
    /// The journal's number of each of the file's streams, in one generation of them.
    pub known: Vec<Option<usize>>,
    pub generation: u64,
    pub extent: Extent,
    pub key: FileKey,
    /// Read to its end, and nothing can be added to it.
    pub read_out: bool,
    /// When the next file appeared.
    pub superseded_at: Option<Duration>,
    looks: Looks,
}

/// Where a file begins of which the checkpoint knows nothing.
fn begin(reader: &mut Reader, start: Start, now: Now) -> Result<u64, Error> {
    match start {
        Start::Beginning => Ok(reader.offset()),
        Start::End => reader.end(),
        Start::Back(back) => {
            let back = u64::try_from(back.as_micros()).unwrap_or(u64::MAX);
            reader.seek_time((now.wall / 1000).saturating_sub(back))
        }
    }
}

impl Kept for File {
    fn extent(&self) -> &Extent {
        &self.extent
    }

    fn extent_mut(&mut self) -> &mut Extent {
        &mut self.extent
    }

    fn key(&self) -> Option<&FileKey> {
        Some(&self.key)
    }

    fn commit(&self, board: &Board, folder: &str, now: Now) {
        let settled = self.extent.watermark();
        let waits = settled.prefix() < self.extent.seen_to() || !self.read_out;
        let behind = waits.then(|| Behind {
            len: self.extent.seen_to(),
            folder: folder.to_owned(),
            cause: None,
        });
        board.commit(&self.key, settled, behind, now.wall / 1_000_000_000);
    }
}

impl File {
    /// Goes on where the last run of the agent stopped, or begins where the configuration says.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(
        found: Found,
        key: FileKey,
        config: &Config,
        now: Now,
        setup: &Setup,
    ) -> Result<Self, Error> {
        let mut reader = found.reader;
        let end = reader.end()?;
        let known = setup.board.watermark(&key);
        // Shorter than what was settled of it: it was damaged meanwhile, and all of it is looked at.
        let settled = match known.filter(|known| known.end() <= end) {
            Some(known) => known,
            None if found.is_new => Watermark::at(reader.offset()),
            None => Watermark::at(begin(&mut reader, config.start, now)?),
        };
        reader.seek(settled.prefix())?;
        let mut extent = Extent::resume(setup.next_file_id(), settled);
        extent.saw(end);
        reader.idle();
        Ok(Self {
            path: found.path,
            reader,
            sorter: Streams::new(Fields::new(config.fields.clone())),
            known: Vec::new(),
            generation: 0,
            extent,
            key,
            read_out: false,
            superseded_at: None,
            looks: Looks::from(now.mono),
        })
    }

    /// When its first entry was received; one without entries comes last.
    #[must_use]
    pub fn began(&self) -> u64 {
        match self.reader.header().head_realtime {
            0 => u64::MAX,
            began => began,
        }
    }

    #[must_use]
    pub fn is_due(&self, now: Duration) -> bool {
        self.reader.unread() > 0 || self.looks.next() <= now
    }

    #[must_use]
    pub fn next_look(&self) -> Duration {
        self.looks.next()
    }

    /// Asks what was added; soon again if anything was, ever later if not.
    ///
    /// # Errors
    /// When it cannot be read, or was emptied.
    pub fn look(&mut self, now: Duration) -> Result<(), Error> {
        let (before, end) = (self.reader.header().entries, self.extent.seen_to());
        self.reader.look()?;
        if self.reader.header().entries == before {
            if self.looks.are_rare() {
                self.reader.idle();
            }
        } else {
            self.extent.saw(self.reader.end()?);
        }
        self.looks.looked(now, self.extent.seen_to() - end);
        if self.reader.unread() == 0 {
            self.end_if_over(now);
        }
        Ok(())
    }

    fn end_if_over(&mut self, now: Duration) {
        let late = |since: Duration| now.saturating_sub(since) >= SUPERSEDED;
        let archived = self.reader.header().state == State::Archived;
        if archived || self.superseded_at.is_some_and(late) {
            self.read_out = true;
            self.reader.idle();
        }
    }

    /// Goes to the next entry that is not settled. Says how far to read at most, as `Follow` does.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn skip_settled(&mut self) -> Result<Option<u64>, Error> {
        let offset = self.reader.offset();
        let (from, until) = self.extent.watermark().next_unsettled(offset);
        if from != offset {
            self.reader.seek(from)?;
        }
        let again = (from < self.extent.read_to()).then(|| self.extent.read_to());
        Ok(until.into_iter().chain(again).min())
    }

    /// Goes back to the oldest entry that is not settled.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn rewind(&mut self) -> Result<(), Error> {
        let prefix = self.extent.watermark().prefix();
        if prefix < self.reader.offset() {
            self.reader.look()?;
            self.reader.seek(prefix)?;
            self.read_out &= self.reader.unread() == 0;
        }
        Ok(())
    }

    /// Whether it can be closed.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.read_out && self.extent.unread() + self.extent.unsettled() == 0
    }
}
