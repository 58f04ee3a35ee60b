//! Tells when files in some folders may have changed.
//!
//! Folders are watched, not files: a ConfigMap volume changes by a rename of `..data`, and a file that
//! is replaced takes its watch with it. What the kernel does not announce (a folder made later, an
//! image volume) is found by a look now and then.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use notify::{EventKindMask, RecommendedWatcher, RecursiveMode, Watcher};

use crate::source::log_file::ask::Stop;

/// How often everything is looked at, announced or not: a few `stat`s a filter.
const RESCAN_EVERY: Duration = Duration::from_secs(5);
/// A change is over when nothing more comes for this long,
const QUIET: Duration = Duration::from_millis(50);
/// or, whatever comes, after this many times that.
const QUIET_TRIES: u32 = 10;

pub struct Watch {
    watcher: Option<RecommendedWatcher>,
    folders: BTreeSet<PathBuf>,
    changed: Receiver<()>,
}

impl Watch {
    /// `stop` ends the wait for a change as well.
    #[must_use]
    pub fn start(stop: &Stop) -> Self {
        // One waiting word is as good as many.
        let (to, changed) = sync_channel(1);
        let asked = to.clone();
        stop.wakes(move || asked.try_send(()));
        let config = notify::Config::default().with_event_kinds(
            EventKindMask::CREATE
                | EventKindMask::REMOVE
                | EventKindMask::MODIFY_NAME
                | EventKindMask::ACCESS_CLOSE,
        );
        let tell = move |_| {
            let _ = to.try_send(());
        };
        let watcher = RecommendedWatcher::new(tell, config).inspect_err(|error| {
            let every = RESCAN_EVERY;
            tracing::warn!(%error, ?every, "module folders are not watched, but looked at now and then");
        });
        Self {
            watcher: watcher.ok(),
            folders: BTreeSet::new(),
            changed,
        }
    }

    /// Watches these folders, and no others.
    pub fn follow(&mut self, folders: BTreeSet<PathBuf>) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        for gone in self.folders.difference(&folders) {
            // It may be gone itself, and the watch with it.
            let _ = watcher.unwatch(gone);
        }
        for folder in &folders {
            // Again as well: a folder of that name may be another one by now.
            if let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive) {
                tracing::debug!(folder = %folder.display(), %error, "folder is not watched");
            }
        }
        self.folders = folders;
    }

    /// Waits until something has changed and is quiet again, or everything is due for a look.
    pub fn wait(&self, stop: &Stop) {
        if stop.asked() || self.changed.recv_timeout(RESCAN_EVERY).is_err() {
            return;
        }
        let more = |_: &u32| !stop.asked() && self.changed.recv_timeout(QUIET).is_ok();
        let _ = (0..QUIET_TRIES).take_while(more).count();
    }
}
