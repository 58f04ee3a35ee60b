//! Hears from the kernel which folders change.
//!
//! Folders are watched, never files, and only for names that come and go: an event for each write
//! would cost 6 % of a core at 12 MB/s. What is lost when too much happens at once is said, and whoever
//! watches lists everything then; and every second while the kernel does not watch all of them, since the
//! node's processes have used up what it has for that.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use notify::{ErrorKind, EventKindMask, RecommendedWatcher, RecursiveMode, Watcher as _};
use prometheus_client::metrics::gauge::Gauge;

use super::ask::Ask;

/// Events that may wait; past that they are given up, and everything is listed instead.
const EVENTS_MAX: usize = 16 * 1024;
/// How often everything is listed while the kernel refuses to watch a folder, and it is asked to again.
const BLIND_RESCAN: Duration = Duration::from_secs(1);

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
}

/// Folders that are watched.
pub struct Watcher {
    /// None while the kernel refuses.
    inner: Option<RecommendedWatcher>,
    to: SyncSender<Word>,
    /// How many watchers are without the kernel's help.
    blind: Gauge<i64>,
    events: Receiver<Word>,
    watched: HashSet<PathBuf>,
    /// Folders that it refuses to watch.
    refused: HashSet<PathBuf>,
    /// It refuses something, and that is told.
    is_blind: bool,
    /// Events were lost.
    overflow: Arc<AtomicBool>,
}

impl Watcher {
    /// Watches nothing yet. Whoever asks for one of these ends the wait for changes. `blind` counts watchers
    /// that the kernel refuses.
    #[must_use]
    pub fn start(asks: [&Ask; 2], blind: Gauge<i64>) -> Self {
        let (to, events) = sync_channel(EVENTS_MAX);
        for ask in asks {
            let to = to.clone();
            // A queue that is full wakes as well.
            ask.wakes(move || to.try_send(Word::Asked));
        }
        let mut watcher = Self {
            inner: None,
            to,
            blind,
            events,
            watched: HashSet::new(),
            refused: HashSet::new(),
            is_blind: false,
            overflow: Arc::default(),
        };
        if let Err(error) = watcher.open() {
            watcher.refuses(&error);
        }
        watcher
    }

    fn refuses(&mut self, error: &notify::Error) {
        if std::mem::replace(&mut self.is_blind, true) {
            return;
        }
        self.blind.inc();
        let hint = match (&self.inner, &error.kind) {
            (None, _) => "raise the node's sysctl fs.inotify.max_user_instances",
            (_, ErrorKind::MaxFilesWatch) => "raise the node's sysctl fs.inotify.max_user_watches",
            _ => "the agent must be able to read them",
        };
        tracing::warn!(%error, hint, every = ?BLIND_RESCAN, "log folders cannot be watched, and are listed again and again; what comes and goes in between is missed");
    }

    fn open(&mut self) -> notify::Result<()> {
        let config = notify::Config::default().with_event_kinds(
            EventKindMask::CREATE | EventKindMask::REMOVE | EventKindMask::MODIFY_NAME,
        );
        let tell = forward(self.to.clone(), self.overflow.clone());
        self.inner = Some(RecommendedWatcher::new(tell, config)?);
        Ok(())
    }

    /// Asks the kernel again, where it had refused. To be called before folders are added and listed.
    pub fn revive(&mut self) {
        if self.inner.is_none() && self.open().is_err() {
            return;
        }
        for folder in std::mem::take(&mut self.refused) {
            self.add(&folder);
        }
        if self.refused.is_empty() && std::mem::take(&mut self.is_blind) {
            self.blind.dec();
            tracing::info!("log folders are watched");
        }
    }

    /// After how long everything is listed again, announced or not, where that is to be after `usually`.
    #[must_use]
    pub fn rescan_after(&self, usually: Duration) -> Duration {
        match self.is_blind {
            false => usually,
            true => BLIND_RESCAN.min(usually),
        }
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
            // It cannot be disconnected: one sender is kept.
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Heard::Nothing,
        }
    }

    /// Whether something may have changed since it was last asked that was not heard.
    #[must_use]
    pub fn has_lost_some(&self) -> bool {
        self.overflow.swap(false, Ordering::Relaxed)
    }

    /// What was refused waits until the kernel is asked again.
    pub fn add_unless_watched(&mut self, folder: &Path) {
        if !self.watched.contains(folder) && !self.refused.contains(folder) {
            self.add(folder);
        }
    }

    /// Watches a folder, anew if another one had its name.
    pub fn add(&mut self, folder: &Path) {
        let Some(inner) = &mut self.inner else {
            return;
        };
        let Err(error) = inner.watch(folder, RecursiveMode::NonRecursive) else {
            self.refused.remove(folder);
            self.watched.insert(folder.to_owned());
            return;
        };
        self.watched.remove(folder);
        tracing::debug!(folder = %folder.display(), %error, "folder is not watched");
        if is_gone(&error) {
            self.refused.remove(folder);
        } else {
            self.refused.insert(folder.to_owned());
            self.refuses(&error);
        }
    }

    /// Keeps in mind only those that `still` are to be watched.
    pub fn keep(&mut self, still: impl Fn(&PathBuf) -> bool) {
        self.watched.retain(&still);
        self.refused.retain(&still);
    }
}

fn is_gone(error: &notify::Error) -> bool {
    match &error.kind {
        ErrorKind::PathNotFound => true,
        ErrorKind::Io(error) => error.kind() == io::ErrorKind::NotFound,
        _ => false,
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A link to itself is refused as surely as a watch too many; the real thing is in `tests/end_to_end`.
    #[test]
    fn a_folder_that_the_kernel_refuses_is_asked_for_again_and_everything_is_listed_until_then() {
        let root = tempfile::tempdir().unwrap();
        let (usually, often) = (Duration::from_secs(30), BLIND_RESCAN);
        let folder = |name: &str| root.path().join(name);
        let blind = Gauge::default();
        let mut watcher = Watcher::start([&Ask::default(), &Ask::default()], blind.clone());
        if watcher.inner.is_none() {
            eprintln!("not tested: no instance of inotify is to be had");
            return;
        }
        let stands = |watcher: &Watcher| (watcher.rescan_after(usually), blind.get());
        watcher.add(&folder("gone"));
        assert_eq!(stands(&watcher), (usually, 0));
        for name in ["first", "second"] {
            symlink(folder(name), folder(name)).unwrap();
            watcher.add(&folder(name));
            assert_eq!(stands(&watcher), (often, 1));
        }
        std::fs::remove_file(folder("first")).unwrap();
        std::fs::create_dir(folder("first")).unwrap();
        watcher.revive();
        assert_eq!(stands(&watcher), (often, 1));
        std::fs::remove_file(folder("second")).unwrap();
        watcher.revive();
        assert_eq!(stands(&watcher), (usually, 0));
        std::fs::create_dir(folder("first/new")).unwrap();
        let heard = watcher.hear(Duration::from_secs(10));
        assert!(matches!(heard, Heard::Changes(paths) if paths == [folder("first/new")]));
    }
}
