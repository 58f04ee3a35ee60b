//! Hears from the kernel which folders change.
//!
//! Folders are watched, never files, and only for names that come and go: an event for each write
//! would cost 6 % of a core at 12 MB/s. What is lost when too much happens at once is said, and whoever
//! watches lists everything then.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use notify::{EventKindMask, RecommendedWatcher, RecursiveMode, Watcher as _};

/// Events that may wait; past that they are given up, and everything is listed instead.
const EVENTS_MAX: usize = 16 * 1024;
/// How often a stop request is looked at.
pub const STOP_EVERY: Duration = Duration::from_millis(250);

/// Asks a watch to end.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    pub fn now(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    #[must_use]
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Has everything told again: for files that nobody wanted when they were told first.
#[derive(Debug, Clone, Default)]
pub struct Again {
    asked: Arc<AtomicU64>,
    /// How often it had been asked when this one looked last.
    seen: u64,
}

impl Again {
    pub fn ask(&self) {
        self.asked.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether somebody has asked since this one looked last.
    pub fn is_asked(&mut self) -> bool {
        let asked = self.asked.load(Ordering::Relaxed);
        std::mem::replace(&mut self.seen, asked) != asked
    }
}

/// What was heard.
pub enum Heard {
    /// Something changed at these places.
    Changes(Vec<PathBuf>),
    Nothing,
    /// The kernel will say nothing more.
    NoMore,
}

/// Folders that are watched.
pub struct Watcher {
    inner: RecommendedWatcher,
    events: Receiver<PathBuf>,
    watched: HashSet<PathBuf>,
    /// Events were lost.
    overflow: Arc<AtomicBool>,
}

impl Watcher {
    /// Watches nothing yet.
    ///
    /// # Errors
    /// When the kernel refuses to watch at all.
    pub fn start() -> notify::Result<Self> {
        let (to, events) = sync_channel(EVENTS_MAX);
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

    /// Waits at most so long for something to change.
    pub fn hear(&self, at_most: Duration) -> Heard {
        match self.events.recv_timeout(at_most) {
            Ok(first) => {
                let all = std::iter::once(first).chain(self.events.try_iter());
                Heard::Changes(all.take(EVENTS_MAX).collect())
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
    to: SyncSender<PathBuf>,
    overflow: Arc<AtomicBool>,
) -> impl FnMut(notify::Result<notify::Event>) + Send + 'static {
    move |event| match event {
        Ok(event) if event.need_rescan() => overflow.store(true, Ordering::Relaxed),
        Ok(event) => {
            for path in event.paths {
                if to.try_send(path).is_err() {
                    overflow.store(true, Ordering::Relaxed);
                }
            }
        }
        Err(_) => overflow.store(true, Ordering::Relaxed),
    }
}
