//! Hears from the kernel which folders change.
//!
//! Folders are watched, never files, and only for names that come and go: an event for each write
//! would cost 6 % of a core at 12 MB/s. What is lost when too much happens at once is said, and whoever
//! watches lists everything then.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use notify::{EventKindMask, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::ask::Ask;

/// Events that may wait; past that they are given up, and everything is listed instead.
const EVENTS_MAX: usize = 16 * 1024;
/// What a watcher is woken by.
enum Word {
    Changed(PathBuf),
    /// Somebody asks for something, or events were lost.
    Asked,
}

impl Word {
    fn path(self) -> Option<PathBuf> {
        match self {
            Self::Changed(path) => Some(path),
            Self::Asked => None,
        }
    }
}

/// What was heard.
pub enum Heard {
    /// Something changed at these places.
    Changes(Vec<PathBuf>),
    /// Nothing in that time, or only that somebody asks for something.
    Nothing,
    /// The kernel will say nothing more.
    NoMore,
}

/// Folders that are watched.
pub struct Watcher {
    inner: RecommendedWatcher,
    events: Receiver<Word>,
    watched: HashSet<PathBuf>,
    /// Events were lost.
    overflow: Arc<AtomicBool>,
}

impl Watcher {
    /// Watches nothing yet. Whoever asks for one of these ends the wait for changes.
    ///
    /// # Errors
    /// When the kernel refuses to watch at all.
    pub fn start(asks: [&Ask; 2]) -> notify::Result<Self> {
        let (to, events) = sync_channel(EVENTS_MAX);
        for ask in asks {
            let to = to.clone();
            // A queue that is full wakes as well.
            ask.wakes(move || to.try_send(Word::Asked));
        }
        let overflow = Arc::new(AtomicBool::new(false));
        let config = notify::Config::default().with_event_kinds(
            EventKindMask::CREATE | EventKindMask::REMOVE | EventKindMask::MODIFY_NAME,
        );
        Ok(Self {
            inner: RecommendedWatcher::new(forward(to, overflow.clone()), config)?,
            events,
            watched: HashSet::new(),
            overflow,
        })
    }

    /// Waits for something to change, at most this long.
    pub fn hear(&self, at_most: Duration) -> Heard {
        match self.events.recv_timeout(at_most) {
            Ok(first) => {
                let all = std::iter::once(first).chain(self.events.try_iter());
                let all: Vec<PathBuf> = all.take(EVENTS_MAX).filter_map(Word::path).collect();
                match all.is_empty() {
                    true => Heard::Nothing,
                    false => Heard::Changes(all),
                }
            }
            Err(RecvTimeoutError::Timeout) => Heard::Nothing,
            Err(RecvTimeoutError::Disconnected) => Heard::NoMore,
        }
    }

    /// Whether something may have changed since it was last asked that was not heard.
    #[must_use]
    pub fn has_lost_some(&self) -> bool {
        self.overflow.swap(false, Ordering::Relaxed)
    }

    pub fn add_unless_watched(&mut self, folder: &Path) {
        if !self.watched.contains(folder) {
            self.add(folder);
        }
    }

    /// Watches a folder, anew if another one had its name.
    pub fn add(&mut self, folder: &Path) {
        // A folder that is gone, or one watch too many for the kernel's limit: the rescan covers it.
        match self.inner.watch(folder, RecursiveMode::NonRecursive) {
            Ok(()) => drop(self.watched.insert(folder.to_owned())),
            Err(error) => {
                self.watched.remove(folder);
                tracing::debug!(folder = %folder.display(), %error, "folder is not watched");
            }
        }
    }

    /// Keeps in mind only those that `still` are to be watched.
    pub fn keep(&mut self, still: impl Fn(&PathBuf) -> bool) {
        self.watched.retain(|folder| still(folder));
    }
}

fn forward(
    to: SyncSender<Word>,
    overflow: Arc<AtomicBool>,
) -> impl FnMut(notify::Result<notify::Event>) + Send + 'static {
    move |event| {
        let lost = match event {
            Ok(event) if event.need_rescan() => true,
            Ok(event) => {
                let mut lost = false;
                for path in event.paths {
                    lost |= to.try_send(Word::Changed(path)).is_err();
                }
                lost
            }
            Err(_) => true,
        };
        if lost {
            overflow.store(true, Ordering::Relaxed);
            // A queue that is full wakes as well.
            let _ = to.try_send(Word::Asked);
        }
    }
}
