//! How far every file is settled: lanes post it here, and the thread that saves the checkpoint takes it
//! from here. A lane posts once for each receipt that settles something, never for a record.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use super::store::{ABOVE_MAX, Behind, Entries, Entry, FORGET_AFTER_SECONDS, FileKey, Left};
use super::watermark::Watermark;
use crate::record::{Cause, Sample};

/// How often the entry of a file that is still there is refreshed.
const TOUCH_AFTER_SECONDS: u64 = 3600;

/// The committed offsets of all files.
#[derive(Debug, Default)]
pub struct Board {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    entries: Entries,
    dirty: bool,
    /// Sources that have not listed yet what is there: until they have, no entry is known to be of a file
    /// that is gone.
    unlisted: usize,
}

impl Board {
    /// A board that starts with what the last run left.
    #[must_use]
    pub fn new(entries: Entries) -> Self {
        Self {
            inner: Mutex::new(Inner {
                entries,
                // The first save makes sure that the state folder can be written.
                dirty: true,
                unlisted: 0,
            }),
        }
    }

    /// Forgets nothing until so many sources have listed what is there.
    #[must_use]
    pub fn listed_by(mut self, sources: usize) -> Self {
        let inner = self.inner.get_mut();
        inner.unwrap_or_else(PoisonError::into_inner).unlisted = sources;
        self
    }

    /// A source has touched the entries of all files that are there.
    pub fn listed(&self) {
        if let Ok(mut inner) = self.inner.lock() {
            inner.unlisted = inner.unlisted.saturating_sub(1);
        }
    }

    /// Whether a file of this length is settled to its end, and nothing more was known of it.
    #[must_use]
    pub fn is_settled(&self, key: &FileKey, len: u64) -> bool {
        let settled = |e: &Entry| {
            let behind = e.behind.as_ref().is_some_and(|b| b.len > e.offset);
            e.offset >= len && !behind
        };
        let inner = self.inner.lock();
        inner.is_ok_and(|inner| inner.entries.get(key).is_some_and(settled))
    }

    /// What the last run, or this one, has settled of a file.
    #[must_use]
    pub fn watermark(&self, key: &FileKey) -> Option<Watermark> {
        let inner = self.inner.lock().ok()?;
        let entry = inner.entries.get(key)?;
        Some(Watermark::of(entry.offset, &entry.above))
    }

    /// Whose files are known: uids of pods, names of journals, paths of plain files.
    #[must_use]
    pub fn owners(&self) -> HashSet<String> {
        let owners = |inner: &Inner| inner.entries.keys().map(|k| k.pod_uid.clone()).collect();
        self.inner
            .lock()
            .map_or_else(|_| HashSet::new(), |inner| owners(&inner))
    }

    /// Posts what is settled, and what there is to lose; `now` in seconds since the Unix epoch.
    pub fn commit(&self, key: &FileKey, settled: &Watermark, behind: Option<Behind>, now: u64) {
        let above = settled.above().take(ABOVE_MAX).collect();
        self.put(key, settled.prefix(), (above, Vec::new()), behind, now);
    }

    /// The same of a journal's file: how far it was read, and what is left of that.
    pub fn commit_journal(
        &self,
        key: &FileKey,
        offset: u64,
        left: Vec<Left>,
        behind: Option<Behind>,
        now: u64,
    ) {
        self.put(key, offset, (Vec::new(), left), behind, now);
    }

    fn put(
        &self,
        key: &FileKey,
        offset: u64,
        (above, left): (Vec<(u64, u64)>, Vec<Left>),
        behind: Option<Behind>,
        now: u64,
    ) {
        let Ok(mut inner) = self.inner.lock() else {
            return;
        };
        let known = inner.entries.get_mut(key);
        let entry = Entry {
            offset,
            above,
            left,
            at: known.as_ref().map_or(now, |e| e.at),
            behind,
            sample: known.as_ref().and_then(|e| e.sample),
        };
        match known {
            Some(known) if *known == entry => return,
            Some(known) => *known = Entry { at: now, ..entry },
            None => drop(inner.entries.insert(key.clone(), entry)),
        }
        inner.dirty = true;
    }

    /// What the last run, or this one, has left of what it read of a journal's file.
    #[must_use]
    pub fn left(&self, key: &FileKey) -> Vec<Left> {
        let inner = self.inner.lock().ok();
        let entry = inner.as_ref().and_then(|inner| inner.entries.get(key));
        entry.map(|entry| entry.left.clone()).unwrap_or_default()
    }

    /// More of a file that is gone has settled: a copy of it, if there is one, goes on from there.
    pub fn settle(&self, key: &FileKey, settled: &Watermark) {
        if let Ok(mut inner) = self.inner.lock()
            && let Some(entry) = inner.entries.get_mut(key)
        {
            entry.offset = settled.prefix();
            entry.above = settled.above().take(ABOVE_MAX).collect();
            inner.dirty = true;
        }
    }

    /// What a file held when it was last looked at.
    pub fn note(&self, key: &FileKey, sample: Sample) {
        if let Ok(mut inner) = self.inner.lock()
            && let Some(entry) = inner.entries.get_mut(key)
            && entry.sample != Some(sample)
        {
            entry.sample = Some(sample);
            inner.dirty = true;
        }
    }

    /// All that is known of this owner's files: a pod's, a journal's, or a plain one's.
    #[must_use]
    pub fn of_owner(&self, owner: &str) -> Vec<(FileKey, Entry)> {
        let Ok(inner) = self.inner.lock() else {
            return Vec::new();
        };
        let first = FileKey {
            pod_uid: owner.to_owned(),
            container: String::new(),
            restart: 0,
            head: (0, [0; 16]),
        };
        let entries = inner.entries.range(first..);
        entries
            .take_while(|(key, _)| key.pod_uid == owner)
            .map(|(key, entry)| (key.clone(), entry.clone()))
            .collect()
    }

    /// What a plain file is called that nothing is known of, whatever is of another one on its inode.
    #[must_use]
    pub fn fresh_plain(&self, folder: &str, inode: [u8; 16]) -> FileKey {
        let known = self.of_owner(folder).into_iter();
        let known = known.filter(|(key, _)| key.head.1 == inode);
        let latest = known.map(|(key, _)| key.restart).max();
        FileKey::of_plain(folder, inode, latest.map_or(0, |g| g.wrapping_add(1)))
    }

    /// So many bytes of a file that is gone are lost, and that is to be told: now, or at the next
    /// start. `now` in seconds since the Unix epoch.
    pub fn owe(&self, key: &FileKey, (cause, bytes): (Cause, u64), folder: &str, now: u64) {
        if let Ok(mut inner) = self.inner.lock() {
            let entry = inner.entries.entry(key.clone()).or_insert(Entry {
                offset: 0,
                above: Vec::new(),
                left: Vec::new(),
                at: now,
                behind: None,
                sample: None,
            });
            entry.at = now;
            entry.left.clear();
            let settled = Watermark::of(entry.offset, &entry.above).settled_bytes();
            entry.behind = Some(Behind {
                len: settled + bytes,
                folder: folder.to_owned(),
                cause: Some(cause),
            });
            inner.dirty = true;
        }
    }

    /// A file is still there: its entry is not forgotten, however long it is quiet.
    pub fn touch(&self, key: &FileKey, now: u64) {
        if let Ok(mut inner) = self.inner.lock()
            && let Some(entry) = inner.entries.get_mut(key)
            && now.saturating_sub(entry.at) >= TOUCH_AFTER_SECONDS
        {
            entry.at = now;
            inner.dirty = true;
        }
    }

    /// Nothing more is to be told of what this file may have lost.
    pub fn told(&self, key: &FileKey) {
        if let Ok(mut inner) = self.inner.lock()
            && let Some(entry) = inner.entries.get_mut(key)
        {
            inner.dirty |= entry.behind.take().is_some();
        }
    }

    /// Whether it is remembered that this file has something to lose.
    #[must_use]
    pub fn is_behind(&self, key: &FileKey) -> bool {
        let entry = |inner: &Inner| inner.entries.get(key).map(|e| e.behind.is_some());
        self.inner
            .lock()
            .is_ok_and(|inner| entry(&inner) == Some(true))
    }

    /// What the last run left unread, or unfinished.
    #[must_use]
    pub fn left_behind(&self) -> Vec<(FileKey, Entry)> {
        let Ok(inner) = self.inner.lock() else {
            return Vec::new();
        };
        let entries = inner.entries.iter().filter(|(_, e)| e.behind.is_some());
        entries.map(|(key, e)| (key.clone(), e.clone())).collect()
    }

    /// What is to be saved, if anything changed since the last call.
    #[must_use]
    pub fn take_changes(&self, now: u64) -> Option<Entries> {
        let mut inner = self.inner.lock().ok()?;
        if !std::mem::take(&mut inner.dirty) {
            return None;
        }
        if inner.unlisted == 0 {
            let known = |e: &Entry| now.saturating_sub(e.at) < FORGET_AFTER_SECONDS;
            inner.entries.retain(|_, e| known(e));
        }
        Some(inner.entries.clone())
    }

    /// What was taken could not be saved.
    pub fn not_saved(&self) {
        if let Ok(mut inner) = self.inner.lock() {
            inner.dirty = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(restart: u32) -> FileKey {
        FileKey {
            pod_uid: "0f1c".into(),
            container: "app".into(),
            restart,
            head: (80, [7; 16]),
        }
    }

    #[test]
    fn an_offset_is_forgotten_a_day_after_its_file_went_and_not_while_it_is_there() {
        let board = Board::default();
        board.commit(&key(0), &Watermark::at(10), None, 1000);
        board.commit(&key(1), &Watermark::at(20), None, 1000);
        let day = FORGET_AFTER_SECONDS;
        // One is still seen in its folder.
        board.touch(&key(1), 1000 + day / 2);
        let saved = board.take_changes(1000 + day).unwrap();
        assert_eq!(saved.keys().collect::<Vec<_>>(), [&key(1)]);
    }

    /// An agent that was down for days finds most of its files again.
    #[test]
    fn nothing_is_forgotten_before_every_source_has_listed_what_is_there() {
        let board = Board::default();
        board.commit(&key(0), &Watermark::at(10), None, 1000);
        board.commit(&key(1), &Watermark::at(20), None, 1000);
        let entries = board.take_changes(1000).unwrap();
        let board = Board::new(entries.clone()).listed_by(2);
        let late = 1000 + 3 * FORGET_AFTER_SECONDS;
        assert_eq!(board.take_changes(late), Some(entries.clone()));
        board.touch(&key(1), late);
        board.listed();
        assert_eq!(board.take_changes(late).map(|e| e.len()), Some(2));
        board.not_saved();
        board.listed();
        let saved = board.take_changes(late).unwrap();
        assert_eq!(saved.keys().collect::<Vec<_>>(), [&key(1)]);
    }

    #[test]
    fn what_is_settled_above_a_gap_is_remembered_up_to_a_limit() {
        let board = Board::default();
        let mut settled = Watermark::at(10);
        for from in (20..).step_by(10).take(ABOVE_MAX + 1) {
            settled.settle(from, from + 5);
        }
        board.commit(&key(0), &settled, None, 1);
        let known = board.watermark(&key(0)).unwrap();
        assert_eq!((known.prefix(), known.above().count()), (10, ABOVE_MAX));
        assert_eq!(known.next_unsettled(20), (25, Some(30)));
    }

    #[test]
    fn what_there_is_to_lose_is_remembered_until_it_is_told() {
        let board = Board::default();
        let behind = Behind {
            len: 50,
            folder: "shop_api-0_0f1c/app".into(),
            cause: None,
        };
        board.commit(&key(0), &Watermark::at(10), Some(behind), 1);
        assert_eq!(board.left_behind().len(), 1);
        board.told(&key(0));
        assert!(board.left_behind().is_empty());
        assert!(board.is_settled(&key(0), 10));
    }
}
