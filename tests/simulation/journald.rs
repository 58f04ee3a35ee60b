//! journald on the disk in memory: files that systemd's own writer made, seen to grow part by part, rotated,
//! and deleted as journald deletes them: the name goes, and what the file held.

mod made;

use std::path::{Path, PathBuf};
use std::time::Duration;

use fastrand::Rng;
use logsieve::clock::Now;
use support::kubelet::Stream;

use crate::books::journal::Piece;
use crate::books::{Books, Record};
use crate::disk::{Disk, Node};
use crate::faults::Kind;

use made::{FILES, Made};

pub const ROOT: &str = "/var/log/journal";
const FOLDER: &str = "/var/log/journal/3d1219c7c4c5404aaa1f6d2a48adfda4";
/// Units by the number that faults know, as their streams are called. The last is the kernel, that has none.
pub const UNITS: [&str; 5] = ["plain.service", HOLDS, JUDGED, "levels.service", "kernel"];
/// Its filter holds the last record back, and blocks at times.
pub const HOLDS: &str = "holds.service";
/// Its filter fails on some records, which are kept in quarantine.
pub const JUDGED: &str = "judged.service";
/// Those whose records no filter sees.
pub const UNFILTERED: [&str; 3] = ["plain.service", "levels.service", "kernel"];

/// A file of the journal, from its creation on.
struct File {
    node: Node,
    path: PathBuf,
    /// How many of its parts stand there.
    parts: usize,
}

pub struct Journald {
    disk: Disk,
    rng: Rng,
    /// The first account of a unit.
    first: usize,
    files: Vec<File>,
    /// Files that were deleted.
    deleted: usize,
    /// The live file is to show this at the next tick: it was seen half written.
    torn: Option<(Node, Vec<u8>)>,
    grows: Duration,
}

impl Journald {
    pub fn new(disk: Disk, rng: Rng, books: &mut Books) -> Self {
        disk.make_folder(Path::new(FOLDER));
        let first = books.accounts.len();
        assert_eq!(first, made::FIRST_ACCOUNT, "its entries say whose they are");
        for unit in UNITS {
            books.open_unit(unit);
        }
        Self {
            disk,
            rng,
            first,
            files: Vec::new(),
            deleted: 0,
            torn: None,
            grows: Duration::ZERO,
        }
    }

    /// What the journal is called in books and checkpoint.
    pub fn folder() -> String {
        format!("{}{FOLDER}/system", logsieve::source::journal::FOLDER)
    }

    pub fn owns(&self, node: Node) -> bool {
        self.files.iter().any(|file| file.node == node)
    }

    /// Lets everybody write until now.
    pub fn tick(&mut self, now: Now, writing: bool, books: &mut Books) {
        self.settle_torn();
        if writing && self.grows <= now.mono {
            self.grows = now.mono + Duration::from_millis(self.rng.u64(50..900));
            self.grow(books);
        }
    }

    pub fn meets(&mut self, kind: Kind, books: &mut Books) {
        match kind {
            Kind::RotateJournal => {
                while self.live().is_some() {
                    self.grow(books);
                }
            }
            Kind::Vacuum => self.vacuum(books),
            _ => {}
        }
    }

    /// The file that is written to, unless all its parts are.
    fn live(&self) -> Option<usize> {
        let last = self.files.len().checked_sub(1)?;
        (self.files[last].parts < FILES[last].parts.len()).then_some(last)
    }

    /// Writes the next part; where all stand there, the file is rotated and the next one made.
    fn grow(&mut self, books: &mut Books) {
        self.settle_torn();
        let Some(at) = self.live() else {
            if self.files.len() < FILES.len() {
                self.open_next(books);
            }
            return;
        };
        let (made, file) = (&FILES[at], &mut self.files[at]);
        let (node, part) = (file.node, file.parts);
        file.parts += 1;
        let before = part.checked_sub(1);
        let stood = before.map_or(0, |before| made.parts[before].entries);
        note(
            made,
            stood..made.parts[part].entries,
            self.first,
            node,
            books,
        );
        let bytes = made.bytes(part, part);
        match before.filter(|_| self.rng.bool()) {
            // What the header tells is written last.
            Some(before) => {
                self.disk.rewrite(node, made.bytes(part, before));
                self.torn = Some((node, bytes));
            }
            None => self.disk.rewrite(node, bytes),
        }
        if self.files[at].parts == FILES[at].parts.len() {
            self.rotate(at);
        }
    }

    fn open_next(&mut self, books: &mut Books) {
        let path = Path::new(FOLDER).join("system.journal");
        let node = self.disk.create(&path);
        let made = &FILES[self.files.len()];
        books.opened_journal(node, &Self::folder(), &made.file_id);
        self.files.push(File {
            node,
            path,
            parts: 0,
        });
        if self.rng.bool() {
            self.grow(books);
        }
    }

    /// The file is closed, and has another name; now and then journald crashed, and nobody closed it.
    fn rotate(&mut self, at: usize) {
        self.settle_torn();
        let closed = self.rng.u8(..4) > 0;
        let file = &mut self.files[at];
        let mut bytes = self.disk.bytes(file.node);
        let end = if closed { ".journal" } else { ".journal~" };
        bytes[made::STATE_AT] = if closed { made::ARCHIVED } else { made::ONLINE };
        self.disk.rewrite(file.node, bytes);
        let path = Path::new(FOLDER).join(format!("system@{at:04}{end}"));
        self.disk.rename(&file.path, &path);
        file.path = path;
    }

    fn settle_torn(&mut self) {
        if let Some((node, bytes)) = self.torn.take() {
            self.disk.rewrite(node, bytes);
        }
    }

    /// Deletes the oldest file that is not written to.
    fn vacuum(&mut self, books: &mut Books) {
        let live = self.live().unwrap_or(self.files.len());
        if self.deleted < live {
            let file = &self.files[self.deleted];
            self.disk.unlink(&file.path);
            let seen_to = self.disk.truncate(file.node);
            books.vacuumed(file.node, seen_to);
            self.deleted += 1;
        }
    }
}

/// These entries stand in the file from now on.
fn note(made: &Made, which: std::ops::Range<usize>, first: usize, node: Node, books: &mut Books) {
    for entry in &made.entries[which] {
        let account = first + entry.unit;
        let records = &mut books.accounts[account].records;
        assert_eq!(records.len(), entry.number, "entries come in order");
        let record = Record::new(
            entry.text.clone(),
            entry.time_ms,
            Stream::Stdout,
            entry.is_poison,
        );
        records.push(record);
        let piece = Piece {
            from: entry.from,
            to: entry.to,
            account,
            record: entry.number,
        };
        books.wrote_entry(node, piece);
    }
}
