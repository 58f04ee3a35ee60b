//! Where lanes post how far their files are settled, and whoever saves takes it from. A lane posts once
//! for each receipt that moves a watermark, never for a record.

use std::sync::Mutex;

use super::store::{Entries, Entry, FORGET_AFTER_SECONDS, FileKey};

/// The committed offsets of all files.
#[derive(Debug, Default)]
pub struct Board {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    entries: Entries,
    dirty: bool,
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
            }),
        }
    }

    /// How far the last run, or this one, has settled a file.
    #[must_use]
    pub fn offset(&self, key: &FileKey) -> Option<u64> {
        let inner = self.inner.lock().ok()?;
        inner.entries.get(key).map(|e| e.offset)
    }

    /// Posts that every byte below `offset` is settled; `now` in seconds since the Unix epoch.
    pub fn commit(&self, key: &FileKey, offset: u64, now: u64) {
        if let Ok(mut inner) = self.inner.lock() {
            let entry = Entry { offset, at: now };
            if inner.entries.get(key) != Some(&entry) {
                inner.entries.insert(key.clone(), entry);
                inner.dirty = true;
            }
        }
    }

    /// A file is open and in use: its entry is not forgotten, however long it is quiet.
    pub fn touch(&self, key: &FileKey, now: u64) {
        if let Ok(mut inner) = self.inner.lock()
            && let Some(entry) = inner.entries.get_mut(key)
        {
            entry.at = now;
        }
    }

    /// What is to be saved, if anything changed since the last call.
    #[must_use]
    pub fn take_changes(&self, now: u64) -> Option<Entries> {
        let mut inner = self.inner.lock().ok()?;
        if !std::mem::take(&mut inner.dirty) {
            return None;
        }
        inner
            .entries
            .retain(|_, e| now.saturating_sub(e.at) < FORGET_AFTER_SECONDS);
        Some(inner.entries.clone())
    }

    /// What was taken could not be saved.
    pub fn not_saved(&self) {
        if let Ok(mut inner) = self.inner.lock() {
            inner.dirty = true;
        }
    }
}
