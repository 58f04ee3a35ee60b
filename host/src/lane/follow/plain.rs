//! What is different with plain files: neither name nor first line says which of them is which.
//!
//! The checkpoint knows them by inode and by what they held (`source::log_file::sample`). A rotated file
//! whose inode is new may be a copy: what `copytruncate` made before it cut the original, what a
//! compression left in its place, or somebody's backup. It is set aside until that is clear. When the original
//! is cut, reading goes on in the copy as if nothing had happened: it holds what was not read yet, and
//! what was and is not settled. So only what was written between the copy and the cut is lost, which no
//! reader can prevent; what of that was seen is counted. What of it was read as well is in no copy: it is
//! on its way, and lost only if it comes back.

use std::time::Duration;

use super::Follow;
use super::file::File;
use crate::checkpoint::board::Board;
use crate::checkpoint::store::{Entry, FileKey};
use crate::checkpoint::watermark::Watermark;
use crate::clock::Now;
use crate::lane::Setup;
use crate::lane::account::Kept;
use crate::record::{Cause, Sample};
use crate::source::log_file::files::{LogFile, Stat};
use crate::source::log_file::sample::inode_id;
use crate::source::log_file::sighting::Found;

/// Files that may be copies; past it the oldest is read as a file of its own.
const ASIDE_MAX: usize = 16;
/// How long a file that was cut waits for its copy to be found.
const COPY_WAIT: Duration = Duration::from_secs(5);
/// How long a rotated file may be empty, or wait for the one that is written to.
const CLEAR_WAIT: Duration = Duration::from_secs(10);

/// Files that were cut lately, whose copies may still be found.
const CUT_MAX: usize = 4;

/// A file that was cut, and what it held at the last looks, the latest first.
pub(super) struct Cut {
    key: FileKey,
    seen: Vec<Sample>,
}

/// The file's own entry, if it still holds what it held.
fn own(board: &Board, folder: &str, file: &File) -> Option<(FileKey, Entry)> {
    let id = inode_id(&file.tail.stat().inode);
    let known = board.of_owner(folder).into_iter();
    let mut known: Vec<_> = known.filter(|(key, _)| key.head.1 == id).collect();
    known.sort_by_key(|(key, _)| std::cmp::Reverse(key.restart));
    known.into_iter().find(|(_, entry)| holds(file, entry))
}

/// Whether it holds what the checkpoint knows of some file.
fn holds(file: &File, entry: &Entry) -> bool {
    let settled = Watermark::of(entry.offset, &entry.above);
    let sampled = match &entry.sample {
        Some(sample) => file.tail.holds(sample).unwrap_or(false),
        // Nothing was ever seen of it; of a compressed one nothing changes.
        None => file.compressed || settled.end() == 0,
    };
    sampled && settled.end() <= file.tail.stat().len
}

impl Follow {
    /// Takes a plain file over, or sets it aside.
    pub(super) fn meet(&mut self, mut file: File, now: Now, setup: &Setup) {
        let board = &setup.board;
        let inode = file.tail.stat().inode;
        if let Some((key, entry)) = own(board, &self.account.folder, &file) {
            file.know_as(key, Some(Watermark::of(entry.offset, &entry.above)));
        } else if self.live != Some(inode) {
            self.aside.push(file);
            if self.aside.len() > ASIDE_MAX {
                let oldest = self.aside.remove(0);
                self.take_in(oldest, now, setup);
            }
            return self.sort_aside(now, setup);
        }
        self.take_in(file, now, setup);
        self.sort_aside(now, setup);
    }

    /// Reads a file as one of its own.
    fn take_in(&mut self, mut file: File, now: Now, setup: &Setup) {
        if file.key().is_none() {
            let id = inode_id(&file.tail.stat().inode);
            file.know_as(setup.board.fresh_plain(&self.account.folder, id), None);
        }
        file.commit(&setup.board, &self.account.folder, now);
        self.insert(file, self.live, now);
    }

    /// Finds out what the files are that may be copies: those that wait for their original to be cut
    /// stay.
    pub fn sort_aside(&mut self, now: Now, setup: &Setup) {
        let is_open = |f: &File| Some(f.tail.stat().inode) == self.live;
        let live_is_here = self.live.is_none() || self.files.iter().any(is_open);
        let mut aside = std::mem::take(&mut self.aside);
        // Those that were written first come first.
        aside.sort_by_key(|f| f.tail.stat().modified);
        for mut file in aside {
            if file.tail.look(now.mono).is_err() {
                // What it holds cannot be compared with anything now.
                self.aside.push(file);
                continue;
            }
            let late = now.mono.saturating_sub(file.tail.grew_at) >= CLEAR_WAIT;
            let clear = live_is_here && (file.tail.stat().len > 0 || file.compressed);
            if !clear && !late {
                self.aside.push(file);
                continue;
            }
            let mut open = self.files.iter_mut();
            if let Some(original) = open.find_map(|o| is_copy(&file, o, now).then_some(o)) {
                if file.is_unlinked() && !original.tail.is_cut() {
                    // Somebody's copy, that came to nothing.
                    setup.metrics.source.open_files.dec();
                } else {
                    self.aside.push(file);
                }
                continue;
            }
            if self.claim(&mut file, setup) {
                self.take_in(file, now, setup);
            } else {
                self.aside.push(file);
            }
        }
    }

    /// It may be what became of a file that is gone: its entry is the copy's from here on. False: what was
    /// read of that is on its way, and whether it is to be read again is not known yet.
    fn claim(&self, file: &mut File, setup: &Setup) -> bool {
        let (board, folder) = (&setup.board, &self.account.folder);
        let is_cut = |key: &FileKey| {
            let mut cut = self.cut.iter().filter(|cut| cut.key == *key);
            cut.any(|cut| file.tail.copies(cut.seen.iter().copied()))
        };
        let known = board.of_owner(folder).into_iter();
        let known = known.filter(|(key, entry)| {
            let may = entry.sample.is_some() && !self.has_key(key);
            may && (holds(file, entry) || is_cut(key))
        });
        let Some((key, entry)) = known.max_by_key(|(_, entry)| entry.offset) else {
            return true;
        };
        if self.account.books.is_on_way(&key) {
            return false;
        }
        let stat = file.tail.stat();
        let settled = Watermark::of(entry.offset, &entry.above).up_to(stat.len);
        let fresh = board.fresh_plain(folder, inode_id(&stat.inode));
        file.know_as(fresh, Some(settled));
        // What there was to lose of it is here.
        board.told(&key);
        true
    }

    /// Remembers a file that is cut now, by what it held: a copy may be found later.
    pub(super) fn note_cut(&mut self, place: usize) {
        let file = &self.files[place];
        let Some(key) = file.key().cloned() else {
            return;
        };
        if self.cut.len() >= CUT_MAX {
            self.cut.remove(0);
        }
        let seen = file.tail.samples().collect();
        self.cut.push(Cut { key, seen });
    }

    /// Whether a file that was cut still waits for its copy: for a while, and while it has something to
    /// lose.
    pub(super) fn awaits_copy(&mut self, place: usize, now: Now) -> bool {
        let file = &mut self.files[place];
        let since = *file.cut_at.get_or_insert(now.mono);
        let extent = &file.extent;
        let to_lose = extent.unread() + extent.unsettled() > 0;
        to_lose && now.mono.saturating_sub(since) < COPY_WAIT
    }

    /// Goes on reading in a copy of what the file held before it was cut, if there is one. What is
    /// written to the file from here on comes behind it.
    pub(super) fn go_on_in_copy(&mut self, place: usize, now: Now, setup: &Setup) -> bool {
        let inode = self.files[place].tail.stat().inode;
        let Some(descriptor) = self.read_copy(place, Cause::Truncated, now, setup) else {
            return false;
        };
        let file = &mut self.files[place];
        let successor = Found {
            folder: self.account.folder.clone(),
            container: file.found.clone(),
            restart: file.restart,
            from_end: false,
            compressed: false,
            format: file.format,
            // What stands there already is found out at the first look.
            stat: Stat {
                inode,
                len: 0,
                links: 1,
                modified: 0,
            },
            file: descriptor,
            first: None,
            live: Some(inode),
            id_may_come: false,
        };
        let id = setup.next_file_id();
        let mut next = File::new(successor, id, false, now.mono, Duration::ZERO);
        next.container = file.container.clone();
        next.learn_key(&setup.board, &self.account.folder, now);
        file.superseded_at = Some(now.mono);
        if place + 1 < self.files.len() {
            // It was renamed meanwhile, and the next one was found before the cut was.
            next.superseded_at = Some(now.mono);
        }
        self.files.insert(place + 1, next);
        true
    }

    /// Goes on reading in a copy of a file that is deleted, and lets go of that; false: there is none.
    pub(super) fn leave_for_copy(&mut self, place: usize, now: Now, setup: &Setup) -> bool {
        if self.read_copy(place, Cause::GivenUp, now, setup).is_none() {
            return false;
        }
        setup.metrics.source.open_files.dec();
        let file = &mut self.files[place];
        file.unlinked_at = None;
        file.superseded_at.get_or_insert(now.mono);
        true
    }

    /// Reads a copy from here on, if there is one, and gives back the file itself. What the copy lacks is
    /// lost, for this cause.
    fn read_copy(
        &mut self,
        place: usize,
        cause: Cause,
        now: Now,
        setup: &Setup,
    ) -> Option<Box<dyn LogFile>> {
        for copy in &mut self.aside {
            // What cannot be looked at now is looked at again.
            let _ = copy.tail.look(now.mono);
        }
        let tail = &self.files[place].tail;
        let copies = self.aside.iter().enumerate();
        let copies = copies.filter(|(_, copy)| copy.tail.copies(tail.samples()));
        let (at, _) = copies.max_by_key(|(_, copy)| copy.tail.stat().len)?;
        let copy = self.aside.remove(at);
        let (board, folder) = (&setup.board, &self.account.folder);
        let key = board.fresh_plain(folder, inode_id(&copy.tail.stat().inode));
        let file = &mut self.files[place];
        file.cut_at = None;
        (file.compressed, file.said) = (copy.compressed, copy.said);
        let descriptor = file.tail.go_on_in(copy.tail);
        let len = file.tail.stat().len;
        file.extent.saw(len);
        let missing = file.extent.shorten(len);
        let former = file.rename_key(key);
        file.commit(board, folder, now);
        if let Some(former) = former {
            board.told(&former);
            if missing > 0 {
                self.lose_between(cause, former, missing, now, setup);
            }
        }
        Some(descriptor)
    }

    /// What was read between the copy and the cut, and is not settled, cannot be read again.
    pub(super) fn lose_lacking(&mut self, place: usize, now: Now, setup: &Setup) {
        let file = &mut self.files[place];
        let Some(end) = file.lacks_from() else { return };
        let (seen, bytes) = file.extent.end_at(end);
        let (key, container) = (file.former_key.clone(), file.container.clone());
        let books = &mut self.account.books;
        books.lose_end(Cause::Truncated, (seen, bytes), key.clone(), now.wall);
        if bytes > 0 {
            setup.metrics.source.lost_bytes.inc_by(bytes);
            self.account.owe(key.as_ref(), now, setup);
            self.lost(bytes, Cause::Truncated, &container, now);
        }
    }

    /// Bytes were seen that stood there between the copy and the cut.
    fn lose_between(&mut self, cause: Cause, key: FileKey, bytes: u64, now: Now, setup: &Setup) {
        let between = (now.wall, now.wall);
        let books = &mut self.account.books;
        books.lose_unseen(cause, bytes, true, key.clone(), between);
        setup.metrics.source.lost_bytes.inc_by(bytes);
        self.account.owe(Some(&key), now, setup);
    }
}

impl File {
    /// Where it ends, if reading went on in a copy that lacks some of what was read.
    #[must_use]
    pub fn lacks_from(&self) -> Option<u64> {
        let end = self.tail.stat().len;
        let copied = self.former_key.is_some() && !self.compressed && !self.tail.is_cut();
        (copied && self.extent.read_to() > end).then_some(end)
    }
}

/// Whether a file holds the same as one that is open, as far as the shorter of them goes. An original that
/// was cut just now is not looked at: whoever reads it finds that out.
fn is_copy(file: &File, open: &mut File, now: Now) -> bool {
    if !open.compressed && open.tail.look(now.mono).is_err() {
        return false;
    }
    if open.tail.is_cut() {
        return true;
    }
    let Some(seen) = open.tail.sample().filter(|_| !open.compressed) else {
        return false;
    };
    if file.tail.stat().len >= seen.at {
        return file.tail.holds(&seen).unwrap_or(false);
    }
    let own = file.tail.sample();
    own.is_some_and(|own| open.tail.holds(&own).unwrap_or(false))
}
