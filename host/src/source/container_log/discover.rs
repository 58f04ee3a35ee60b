//! Finds the files of all containers, and opens each.
//!
//! A pod's files are unlinked half a second after it ends, whether they were read or not, so files
//! are *opened* here, at once, and handed to their lane, which reads them when it can. `Discover`
//! is plain code over the `Files` seam; `listing` reads one folder, `names` knows the container ids, `watch`
//! drives it by `notify` events.

mod names;
mod watch;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::listing::{self, Listed};
use super::path;
use crate::record::{CONTAINER_ID, Container, Facts};
use crate::source::container_log::Start;
use crate::source::log_file::decode::Format;
use crate::source::log_file::files::{Files, Inode};
use crate::source::log_file::identity::Head;
use crate::source::log_file::sighting::{Found, Sighting};

pub use watch::watch;

/// A file that this many listings in a row do not show is gone. One listing proves nothing: a rename
/// in its midst hides a file from it.
const MISSED_MAX: u8 = 3;

/// What is known of one container's folder.
#[derive(Default)]
struct Known {
    /// Files that a lane was told of.
    told: HashMap<Inode, Told>,
    /// Restarts whose container id is not known yet.
    unnamed: HashMap<u32, Arc<Container>>,
}

struct Told {
    /// So many listings in a row did not show it.
    missed: u8,
    restart: u32,
    head: Option<Head>,
}

/// Lists folders and tells what is new.
pub struct Discover {
    files: Arc<dyn Files>,
    root: PathBuf,
    links: PathBuf,
    start: Start,
    /// Facts that every container of the node has.
    node: Facts,
    /// By pod folder, then container; in order, so that a simulation sees the same run twice.
    pods: BTreeMap<String, BTreeMap<String, Known>>,
    /// Folders that files of a container are links to, and its pod's folder and name.
    linked: BTreeMap<PathBuf, (String, String)>,
    names: names::Names,
    /// Namespace and name of a pod that is left out: the agent's own.
    left_out: Option<(String, String)>,
    at_start: bool,
    /// The folder of links could be listed.
    has_links: bool,
}

impl Discover {
    /// Facts that every container of the node has.
    #[must_use]
    pub fn node(&self) -> &Facts {
        &self.node
    }

    #[must_use]
    pub fn new(files: Arc<dyn Files>, config: &super::Config, node: Facts) -> Self {
        Self {
            files,
            root: config.path.clone(),
            links: config.links.clone(),
            start: config.start,
            node,
            pods: BTreeMap::new(),
            linked: BTreeMap::new(),
            names: names::Names::default(),
            left_out: None,
            at_start: true,
            has_links: false,
        }
    }

    /// Leaves out the pod of this namespace and name: the agent's own, which would feed itself.
    pub fn leave_out(&mut self, pod: Option<(String, String)>) {
        self.left_out = pod;
    }

    /// Whether it is a pod's folder, and not the one that is left out.
    fn is_read(&self, folder: &str) -> bool {
        let out = |pod: &path::PodFolder<'_>| {
            let left_out = self.left_out.as_ref();
            left_out.is_some_and(|(namespace, name)| pod.namespace == namespace && pod.pod == name)
        };
        path::pod_folder(folder).is_some_and(|pod| !out(&pod))
    }

    /// Lists everything.
    pub fn scan(&mut self, tell: &mut dyn FnMut(Sighting)) {
        if let Some(pods) = self.begin_scan(tell) {
            pods.iter().for_each(|pod| self.scan_pod(pod, tell));
            self.end_scan(tell);
        }
    }

    /// Lists the pods' folders, each to be scanned before the scan ends. Those that are gone are told.
    /// None when they cannot be listed.
    fn begin_scan(&mut self, tell: &mut dyn FnMut(Sighting)) -> Option<Vec<String>> {
        self.has_links = self.files.list(&self.links).is_ok();
        let listed = match self.files.list(&self.root) {
            Ok(entries) => entries,
            Err(source) => {
                let path = self.root.clone();
                tell(Sighting::Failed { path, source });
                return None;
            }
        };
        let folders = listed.into_iter().filter(|e| e.is_dir);
        let pods: Vec<String> = folders.map(|e| e.name).collect();
        let still_there: HashSet<&String> = pods.iter().collect();
        let known = self.pods.keys();
        let gone: Vec<String> = known
            .filter(|pod| !still_there.contains(pod))
            .cloned()
            .collect();
        gone.iter().for_each(|pod| self.forget(pod, tell));
        Some(pods)
    }

    fn end_scan(&mut self, tell: &mut dyn FnMut(Sighting)) {
        self.name_containers(tell);
        self.tell_present(tell);
        if std::mem::take(&mut self.at_start) {
            tell(Sighting::Listed);
        }
    }

    fn tell_present(&self, tell: &mut dyn FnMut(Sighting)) {
        for (pod, containers) in &self.pods {
            for (container, known) in containers {
                let heads = known
                    .told
                    .values()
                    .filter_map(|t| Some((t.restart, t.head?)));
                let files: Vec<_> = heads.collect();
                if !files.is_empty() {
                    let folder = format!("{pod}/{container}");
                    tell(Sighting::Present { folder, files });
                }
            }
        }
    }

    /// Forgets what it has told: the next scan tells everything.
    pub fn tell_again(&mut self) {
        let containers = self.pods.values_mut().flat_map(|pod| pod.values_mut());
        containers.for_each(|known| known.told.clear());
    }

    /// Lists one pod's folder.
    pub fn scan_pod(&mut self, pod: &str, tell: &mut dyn FnMut(Sighting)) {
        if !self.is_read(pod) {
            return;
        }
        let folder = self.root.join(pod);
        match self.files.list(&folder) {
            Ok(entries) => {
                for entry in entries.into_iter().filter(|e| e.is_dir) {
                    self.scan_container(pod, &entry.name, tell);
                }
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => self.forget(pod, tell),
            Err(source) => tell(Sighting::Failed {
                path: folder,
                source,
            }),
        }
    }

    /// Lists one container's folder and opens what is new in it, oldest first.
    pub fn scan_container(&mut self, pod: &str, container: &str, tell: &mut dyn FnMut(Sighting)) {
        if !self.is_read(pod) {
            return;
        }
        let folder = self.root.join(pod).join(container);
        let known = self.pods.entry(pod.to_owned()).or_default();
        let known = known.entry(container.to_owned()).or_default();
        let is_known = |inode: &Inode| match known.told.get(inode) {
            None => listing::Known::Nothing,
            Some(told) if told.head.is_none() => listing::Known::WithoutHead,
            Some(_) => listing::Known::All,
        };
        let listing = match listing::list(&*self.files, &folder, &is_known) {
            Ok(listing) => listing,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return,
            Err(source) => {
                tell(Sighting::Failed {
                    path: folder,
                    source,
                });
                return;
            }
        };
        known.told.retain(|inode, told| {
            let seen = listing.seen.contains(inode);
            told.missed = if seen { 0 } else { told.missed + 1 };
            told.missed < MISSED_MAX
        });
        for (inode, head) in listing.heads {
            if let Some(told) = known.told.get_mut(&inode) {
                told.head = Some(head);
            }
        }
        for (path, source) in listing.failed {
            tell(Sighting::Failed { path, source });
        }
        for new in listing.new {
            let live = listing.live.get(&new.restart).copied();
            if let Some(folder) = &new.linked {
                let of = (pod.to_owned(), container.to_owned());
                self.linked.insert(folder.clone(), of);
            }
            tell(Sighting::Found(self.found(pod, container, new, live)));
        }
    }

    fn found(&mut self, pod: &str, container: &str, new: Listed, live: Option<Inode>) -> Found {
        let folder = format!("{pod}/{container}");
        let described = describe(&self.node, &folder, new.restart);
        let known = self.pods.entry(pod.to_owned()).or_default();
        let known = known.entry(container.to_owned()).or_default();
        let told = Told {
            missed: 0,
            restart: new.restart,
            head: new.first.map(|f| f.head),
        };
        known.told.insert(new.stat.inode, told);
        let unnamed = !described.facts.contains_key(CONTAINER_ID);
        if unnamed {
            known.unnamed.insert(new.restart, described.clone());
        }
        Found {
            folder,
            container: described,
            restart: new.restart,
            from_end: self.at_start && self.start == Start::End,
            format: Format::Container,
            compressed: new.compressed,
            file: new.file,
            stat: new.stat,
            first: new.first,
            live,
            id_may_come: unnamed && self.has_links,
        }
    }

    fn forget(&mut self, pod: &str, tell: &mut dyn FnMut(Sighting)) {
        self.linked.retain(|_, (of, _)| of != pod);
        for (container, _) in self.pods.remove(pod).into_iter().flatten() {
            tell(Sighting::Gone {
                folder: format!("{pod}/{container}"),
            });
        }
    }
}

/// The container whose files lie in `folder` (its pod's, and its own in it), as far as that tells.
#[must_use]
pub fn describe(node: &Facts, folder: &str, restart: u32) -> Arc<Container> {
    let (pod, container) = folder.split_once('/').unwrap_or((folder, ""));
    let pod = path::pod_folder(pod);
    let (namespace, name, uid) = pod.map_or(("", "", ""), |p| (p.namespace, p.pod, p.uid));
    let mut facts = node.clone();
    let mut fact = |name: &str, value: &str| facts.insert(name.to_owned(), value.to_owned());
    fact("k8s.namespace.name", namespace);
    fact("k8s.pod.name", name);
    fact("k8s.pod.uid", uid);
    fact("k8s.container.name", container);
    fact("k8s.container.restart_count", &restart.to_string());
    Arc::new(Container {
        namespace: namespace.to_owned(),
        pod: name.to_owned(),
        pod_uid: uid.to_owned(),
        name: container.to_owned(),
        facts,
    })
}
