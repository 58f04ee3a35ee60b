//! Drives `Discover` by what the kernel announces.
//!
//! Folders are watched, never files, and only for names that come and go: an event for each write
//! would cost 6 % of a core at 12 MB/s. A rescan now and then is the net below lost events.

use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use notify::{EventKindMask, RecommendedWatcher, RecursiveMode, Watcher};

use super::{Discover, Sighting};
use crate::clock::Clock;
use crate::source::log_file::files::Files;

/// Events that may wait; past that they are given up, and everything is listed instead.
const EVENTS_MAX: usize = 16 * 1024;
/// How often a stop request is looked at.
const STOP_EVERY: Duration = Duration::from_millis(250);

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
    /// Folders that are watched.
    watched: HashSet<PathBuf>,
    /// Pods whose folders are still to be listed again.
    rescan: VecDeque<String>,
    /// Events were lost.
    overflow: Arc<AtomicBool>,
}

/// Lists, then lists again what changed, until stopped. What changed comes first: a rescan goes on pod
/// by pod in between, so that no new file waits for it to be opened.
///
/// # Errors
/// When the kernel refuses to watch at all.
pub fn watch(
    mut discover: Discover,
    (clock, rescan_every): (Clock, Duration),
    stop: &Stop,
    again: &Again,
    tell: &mut dyn FnMut(Sighting),
) -> notify::Result<()> {
    let (events, mut watch) = Watch::start(&discover)?;
    watch.all(&mut discover, tell);
    let mut scanned = clock.now().mono;
    while !stop.asked() {
        let idle = watch.rescan.is_empty();
        match events.recv_timeout(if idle { STOP_EVERY } else { Duration::ZERO }) {
            Ok(first) => {
                let batch: Vec<PathBuf> = std::iter::once(first)
                    .chain(events.try_iter())
                    .take(EVENTS_MAX)
                    .collect();
                watch.changed(&mut discover, batch, tell);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        watch.scan_next(&mut discover, tell);
        let mut due = clock.now().mono.saturating_sub(scanned) >= rescan_every;
        if again.take() {
            discover.tell_again();
            due = true;
        }
        if watch.overflow.swap(false, Ordering::Relaxed) || due {
            scanned = clock.now().mono;
            watch.begin_rescan(&mut discover, tell);
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
            watched: HashSet::new(),
            rescan: VecDeque::new(),
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
        self.add_linked(discover);
    }

    /// Has everything listed again, in `scan_next`; or goes on with what is under way.
    fn begin_rescan(&mut self, discover: &mut Discover, tell: &mut dyn FnMut(Sighting)) {
        self.add_unless_watched(&self.root.clone());
        self.add_unless_watched(&self.links.clone());
        if let Some(pods) = discover.begin_scan(tell) {
            // What was gone when it was to be watched, or is gone since, is not kept in mind.
            let root = &self.root;
            let there: HashSet<PathBuf> = pods.iter().map(|pod| root.join(pod)).collect();
            self.watched.retain(|folder| {
                let pod = folder
                    .ancestors()
                    .find(|f| f.parent() == Some(root.as_path()));
                pod.is_none_or(|pod| there.contains(pod))
            });
            self.rescan = pods.into();
        }
    }

    /// Lists the next pod of a rescan.
    fn scan_next(&mut self, discover: &mut Discover, tell: &mut dyn FnMut(Sighting)) {
        let Some(pod) = self.rescan.pop_front() else {
            return;
        };
        self.add_pod(&pod);
        discover.scan_pod(&pod, tell);
        if self.rescan.is_empty() {
            discover.end_scan(tell);
            self.add_linked(discover);
        }
    }

    fn add_pod(&mut self, pod: &str) {
        let folder = self.root.join(pod);
        self.add_unless_watched(&folder);
        for container in self.files.list(&folder).unwrap_or_default() {
            if container.is_dir {
                self.add_unless_watched(&folder.join(container.name));
            }
        }
    }

    /// Watches where links lead to: docker rotates there, and the folder of links shows nothing of it.
    fn add_linked(&mut self, discover: &Discover) {
        for folder in discover.linked.keys() {
            self.add_unless_watched(folder);
        }
        let linked = &discover.linked;
        let (root, links) = (&self.root, &self.links);
        self.watched
            .retain(|f| f.starts_with(root) || f == links || linked.contains_key(f));
    }

    fn add_unless_watched(&mut self, folder: &Path) {
        if !self.watched.contains(folder) {
            self.add(folder);
        }
    }

    fn add(&mut self, folder: &Path) {
        // A folder that is gone, or one watch too many for the kernel's limit: the rescan covers it.
        match self.watcher.watch(folder, RecursiveMode::NonRecursive) {
            Ok(()) => drop(self.watched.insert(folder.to_owned())),
            Err(error) => {
                self.watched.remove(folder);
                tracing::debug!(folder = %folder.display(), %error, "folder is not watched");
            }
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
            let parts: Vec<&str> = match path.strip_prefix(&self.root) {
                Ok(below) => below.iter().filter_map(|p| p.to_str()).collect(),
                Err(_) => Vec::new(),
            };
            let key = match parts[..] {
                [pod] => {
                    // Another one may have its name.
                    self.add(&path);
                    self.add_pod(pod);
                    discover.scan_pod(pod, tell);
                    continue;
                }
                [pod, container] | [pod, container, _] => {
                    if parts.len() == 2 {
                        self.add(&path);
                    }
                    Some((pod.to_owned(), container.to_owned()))
                }
                _ => path.parent().and_then(|f| discover.linked.get(f)).cloned(),
            };
            if let Some((pod, container)) = key.filter(|key| listed.last() != Some(key)) {
                discover.scan_container(&pod, &container, tell);
                listed.push((pod, container));
            }
        }
        // Last: nothing waits for a name.
        discover.name_containers(tell);
        self.add_linked(discover);
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
