//! Drives `Discover` by what the kernel announces.
//!
//! Folders are watched, never files, and only for names that come and go: an event for each write
//! would cost 6 % of a core at 12 MB/s. A rescan now and then is the net below lost events.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use notify::{EventKindMask, RecommendedWatcher, RecursiveMode, Watcher};

use super::super::files::Files;
use super::{Discover, Sighting};

/// Events that may wait; past that they are given up, and everything is listed instead.
const EVENTS_MAX: usize = 16 * 1024;
/// How often a stop request is looked at.
const STOP_EVERY: Duration = Duration::from_millis(100);

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
pub struct Again(Arc<AtomicBool>);

impl Again {
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

struct Watch {
    files: Arc<dyn Files>,
    root: PathBuf,
    links: PathBuf,
    watcher: RecommendedWatcher,
    /// Events were lost.
    overflow: Arc<AtomicBool>,
}

/// Lists, then lists again what changed, until stopped.
///
/// # Errors
/// When the kernel refuses to watch at all.
pub fn watch(
    mut discover: Discover,
    rescan_every: Duration,
    stop: &Stop,
    again: &Again,
    tell: &mut dyn FnMut(Sighting),
) -> notify::Result<()> {
    let (events, mut watch) = Watch::start(&discover)?;
    let mut since_scan = Duration::ZERO;
    watch.all(&mut discover, tell);
    while !stop.asked() {
        match events.recv_timeout(STOP_EVERY) {
            Ok(first) => {
                let batch: Vec<PathBuf> = std::iter::once(first)
                    .chain(events.try_iter())
                    .take(EVENTS_MAX)
                    .collect();
                watch.changed(&mut discover, batch, tell);
            }
            Err(RecvTimeoutError::Timeout) => since_scan += STOP_EVERY,
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if again.take() {
            discover.tell_again();
            since_scan = rescan_every;
        }
        if watch.overflow.swap(false, Ordering::Relaxed) || since_scan >= rescan_every {
            since_scan = Duration::ZERO;
            watch.all(&mut discover, tell);
        }
    }
    Ok(())
}

impl Watch {
    fn start(discover: &Discover) -> notify::Result<(Receiver<PathBuf>, Self)> {
        let (to, events) = sync_channel(EVENTS_MAX);
        let overflow = Arc::new(AtomicBool::new(false));
        let config = notify::Config::default().with_event_kinds(
            EventKindMask::CREATE | EventKindMask::REMOVE | EventKindMask::MODIFY_NAME,
        );
        let watcher = RecommendedWatcher::new(forward(to, overflow.clone()), config)?;
        let watch = Self {
            files: discover.files.clone(),
            root: discover.root.clone(),
            links: discover.links.clone(),
            watcher,
            overflow,
        };
        Ok((events, watch))
    }

    /// Watches every folder, then lists all. In this order: a file made in between is seen twice,
    /// not never.
    fn all(&mut self, discover: &mut Discover, tell: &mut dyn FnMut(Sighting)) {
        self.add(&self.root.clone());
        self.add(&self.links.clone());
        for pod in self.files.list(&self.root).unwrap_or_default() {
            if pod.is_dir {
                self.add_pod(&pod.name);
            }
        }
        discover.scan(tell);
    }

    fn add_pod(&mut self, pod: &str) {
        let folder = self.root.join(pod);
        self.add(&folder);
        for container in self.files.list(&folder).unwrap_or_default() {
            if container.is_dir {
                self.add(&folder.join(container.name));
            }
        }
    }

    fn add(&mut self, folder: &Path) {
        // A folder that is gone, or one watch too many for the kernel's limit: the rescan covers it.
        if let Err(error) = self.watcher.watch(folder, RecursiveMode::NonRecursive) {
            tracing::debug!(folder = %folder.display(), %error, "folder is not watched");
        }
    }

    fn changed(
        &mut self,
        discover: &mut Discover,
        mut paths: Vec<PathBuf>,
        tell: &mut dyn FnMut(Sighting),
    ) {
        paths.sort();
        paths.dedup();
        let mut listed: Vec<(String, String)> = Vec::new();
        for path in paths {
            if path.starts_with(&self.links) {
                discover.name_containers(tell);
                continue;
            }
            let Ok(below) = path.strip_prefix(&self.root) else {
                continue;
            };
            let parts: Vec<&str> = below.iter().filter_map(|p| p.to_str()).collect();
            match parts[..] {
                [pod] => {
                    self.add_pod(pod);
                    discover.scan_pod(pod, tell);
                }
                [pod, container] | [pod, container, _] => {
                    let key = (pod.to_owned(), container.to_owned());
                    if listed.last() != Some(&key) {
                        if parts.len() == 2 {
                            self.add(&path);
                        }
                        discover.scan_container(pod, container, tell);
                        listed.push(key);
                    }
                }
                _ => {}
            }
        }
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
