//! Drives `Discover` by what the kernel announces (`log_file::watch`). A rescan now and then is the net
//! below lost events.

use std::collections::{HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;

use super::Discover;
use crate::clock::Clock;
use crate::source::log_file::ask::{Again, Ask, Stop};
use crate::source::log_file::files::Files;
use crate::source::log_file::sighting::Sighting;
use crate::source::log_file::watch::{Heard, Watcher};

struct Watch {
    files: Arc<dyn Files>,
    root: PathBuf,
    links: PathBuf,
    watcher: Watcher,
    /// Pods whose folders are still to be listed again.
    rescan: VecDeque<String>,
}

/// Lists, then lists again what changed, until stopped. What changed comes first: a rescan goes on pod
/// by pod in between, so that no new file waits for it to be opened. `blind` counts who has to do without
/// the kernel.
pub fn watch(
    mut discover: Discover,
    (clock, rescan_every): (Clock, Duration),
    (stop, mut again): (&Stop, Again),
    blind: Gauge<i64>,
    tell: &mut dyn FnMut(Sighting),
) {
    let mut watch = Watch::start(&discover, [stop, &again], blind);
    watch.all(&mut discover, tell);
    let mut scanned = clock.now().mono;
    while !stop.asked() {
        let rescan_every = watch.watcher.rescan_after(rescan_every);
        let wait = match watch.rescan.is_empty() {
            true => (scanned + rescan_every).saturating_sub(clock.now().mono),
            false => Duration::ZERO,
        };
        match watch.watcher.hear(wait) {
            Heard::Changes(paths) => watch.changed(&mut discover, paths, tell),
            Heard::Nothing => {}
        }
        watch.scan_next(&mut discover, tell);
        let mut due = clock.now().mono.saturating_sub(scanned) >= rescan_every;
        if again.is_asked() {
            discover.tell_again();
            due = true;
        }
        if watch.watcher.has_lost_some() || due {
            scanned = clock.now().mono;
            watch.begin_rescan(&mut discover, tell);
        }
    }
}

impl Watch {
    fn start(discover: &Discover, asks: [&Ask; 2], blind: Gauge<i64>) -> Self {
        Self {
            files: discover.files.clone(),
            root: discover.root.clone(),
            links: discover.links.clone(),
            watcher: Watcher::start(asks, blind),
            rescan: VecDeque::new(),
        }
    }

    /// Watches every folder, then lists all. In this order: a file made in between is seen twice,
    /// not never.
    fn all(&mut self, discover: &mut Discover, tell: &mut dyn FnMut(Sighting)) {
        self.watcher.add(&self.root.clone());
        self.watcher.add(&self.links.clone());
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
        self.watcher.revive();
        self.watcher.add_unless_watched(&self.root.clone());
        self.watcher.add_unless_watched(&self.links.clone());
        if let Some(pods) = discover.begin_scan(tell) {
            // What was gone when it was to be watched, or is gone since, is not kept in mind.
            let root = &self.root;
            let there: HashSet<PathBuf> = pods.iter().map(|pod| root.join(pod)).collect();
            self.watcher.keep(|folder| {
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
        self.watcher.add_unless_watched(&folder);
        for container in self.files.list(&folder).unwrap_or_default() {
            if container.is_dir {
                self.watcher
                    .add_unless_watched(&folder.join(container.name));
            }
        }
    }

    /// Watches where links lead to: docker rotates there, and the folder of links shows nothing of it.
    fn add_linked(&mut self, discover: &Discover) {
        for folder in discover.linked.keys() {
            self.watcher.add_unless_watched(folder);
        }
        let linked = &discover.linked;
        let (root, links) = (&self.root, &self.links);
        self.watcher
            .keep(|f| f.starts_with(root) || f == links || linked.contains_key(f));
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
                    self.watcher.add(&path);
                    self.add_pod(pod);
                    discover.scan_pod(pod, tell);
                    continue;
                }
                [pod, container] | [pod, container, _] => {
                    if parts.len() == 2 {
                        self.watcher.add(&path);
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
