//! Finds the files of all containers, and opens each.
//!
//! A pod's files are unlinked half a second after it ends, whether they were read or not, so files
//! are *opened* here, at once, and handed to their lane, which reads them when it can. `Discover`
//! is plain code over the `Files` seam; `watch` drives it by `notify` events.

mod watch;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::{Files, Inode, LogFile, Stat};
use super::path::{self, FileName};
use crate::record::{Container, Facts};

pub use watch::{Again, Stop, watch};

/// A file that nobody follows yet.
pub struct Found {
    /// The pod's folder and the container's name in it: what keeps a container's files together.
    pub folder: String,
    /// The container in the state that wrote this file (its restart, its id).
    pub container: Arc<Container>,
    pub restart: u32,
    /// Found in the first listing after the agent's start.
    pub at_start: bool,
    pub file: Box<dyn LogFile>,
    pub stat: Stat,
}

/// What is told of the folders.
pub enum Sighting {
    Found(Found),
    /// The container id of this restart has become known.
    Relabelled {
        folder: String,
        restart: u32,
        container: Arc<Container>,
    },
    /// The container's folder is gone, and no further file can come.
    Gone {
        folder: String,
    },
    /// A file could not be opened or a folder not listed; it is tried again with the next scan.
    Failed {
        path: PathBuf,
        source: io::Error,
    },
}

/// A file that so many listings in a row do not show is gone. One listing proves nothing: a rename
/// in its midst hides a file from it.
const MISSED_MAX: u8 = 3;

/// What is known of one container's folder.
#[derive(Default)]
struct Known {
    /// Files that a lane was told of, and how many listings in a row did not show them.
    open: HashMap<Inode, u8>,
    /// Restarts whose container id is not known yet.
    unnamed: HashMap<u32, Arc<Container>>,
}

/// Lists folders and tells what is new.
pub struct Discover {
    files: Arc<dyn Files>,
    root: PathBuf,
    links: PathBuf,
    /// Facts that every container of the node has.
    node: Facts,
    /// By pod folder, then container; in order, so that a simulation sees the same run twice.
    pods: BTreeMap<String, BTreeMap<String, Known>>,
    at_start: bool,
}

impl Discover {
    #[must_use]
    pub fn new(files: Arc<dyn Files>, config: &super::Config, node: Facts) -> Self {
        Self {
            files,
            root: config.path.clone(),
            links: config.links.clone(),
            node,
            pods: BTreeMap::new(),
            at_start: true,
        }
    }

    /// Lists everything.
    pub fn scan(&mut self, tell: &mut dyn FnMut(Sighting)) {
        let listed = match self.files.list(&self.root) {
            Ok(entries) => entries,
            Err(source) => {
                let path = self.root.clone();
                tell(Sighting::Failed { path, source });
                return;
            }
        };
        let pods: Vec<_> = listed.into_iter().filter(|e| e.is_dir).collect();
        for pod in &pods {
            self.scan_pod(&pod.name, tell);
        }
        let still_there: HashSet<_> = pods.into_iter().map(|e| e.name).collect();
        let gone: Vec<_> = self
            .pods
            .keys()
            .filter(|p| !still_there.contains(*p))
            .cloned()
            .collect();
        gone.iter().for_each(|pod| self.forget(pod, tell));
        self.name_containers(tell);
        self.at_start = false;
    }

    /// Forgets what it has told: the next scan tells everything.
    pub fn tell_again(&mut self) {
        let containers = self.pods.values_mut().flat_map(|pod| pod.values_mut());
        containers.for_each(|known| known.open.clear());
    }

    /// Lists one pod's folder.
    pub fn scan_pod(&mut self, pod: &str, tell: &mut dyn FnMut(Sighting)) {
        if path::pod_folder(pod).is_none() {
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
        let folder = self.root.join(pod).join(container);
        let entries = match self.files.list(&folder) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return,
            Err(source) => {
                tell(Sighting::Failed {
                    path: folder,
                    source,
                });
                return;
            }
        };
        let mut names: Vec<(FileName<'_>, &str)> = entries
            .iter()
            .filter(|e| !e.is_dir)
            .filter_map(|e| Some((path::file_name(&e.name)?, e.name.as_str())))
            // Compressed files hold what the agent, when it runs, has read as plain text.
            .filter(|(name, _)| !name.compressed)
            .collect();
        // The live file (no time in its name) is the newest of its restart.
        names.sort_by_key(|(n, _)| (n.restart, n.rotated.is_none(), n.rotated));
        let known = self.pods.entry(pod.to_owned()).or_default();
        known.entry(container.to_owned()).or_default();
        let mut seen = HashSet::new();
        for (name, text) in names {
            match self.open(pod, container, name, &folder.join(text)) {
                Ok((inode, found)) => {
                    seen.insert(inode);
                    if let Some(found) = found {
                        tell(Sighting::Found(found));
                    }
                }
                // Renamed or deleted since the listing: the change is announced, and listed again.
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(source) => tell(Sighting::Failed {
                    path: folder.join(text),
                    source,
                }),
            }
        }
        if let Some(known) = self.known(pod, container) {
            known.open.retain(|inode, missed| {
                *missed = if seen.contains(inode) { 0 } else { *missed + 1 };
                *missed < MISSED_MAX
            });
        }
    }

    fn known(&mut self, pod: &str, container: &str) -> Option<&mut Known> {
        self.pods.get_mut(pod)?.get_mut(container)
    }

    fn open(
        &mut self,
        pod: &str,
        container: &str,
        name: FileName<'_>,
        path: &Path,
    ) -> io::Result<(Inode, Option<Found>)> {
        let file = self.files.open(path)?;
        let stat = file.stat()?;
        let at_start = self.at_start;
        let described = self.describe(pod, container, name.restart);
        let Some(known) = self.known(pod, container) else {
            return Ok((stat.inode, None));
        };
        if known.open.insert(stat.inode, 0).is_some() {
            return Ok((stat.inode, None));
        }
        if !described.facts.contains_key("container.id") {
            known.unnamed.insert(name.restart, described.clone());
        }
        let found = Found {
            folder: format!("{pod}/{container}"),
            container: described,
            restart: name.restart,
            at_start,
            file,
            stat,
        };
        Ok((stat.inode, Some(found)))
    }

    fn describe(&self, pod_folder: &str, container: &str, restart: u32) -> Arc<Container> {
        let pod = path::pod_folder(pod_folder);
        let (namespace, name, uid) = pod.map_or(("", "", ""), |p| (p.namespace, p.pod, p.uid));
        let mut facts = self.node.clone();
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

    /// Looks up the container ids that are still missing, in the names of the links.
    pub fn name_containers(&mut self, tell: &mut dyn FnMut(Sighting)) {
        let missing =
            |known: &BTreeMap<String, Known>| known.values().any(|k| !k.unnamed.is_empty());
        if !self.pods.values().any(missing) {
            return;
        }
        // Without the folder of links the agent works on, and `container.id` has no value.
        let Ok(links) = self.files.list(&self.links) else {
            return;
        };
        for link in links {
            let Some(id) = path::container_id(&link.name) else {
                continue;
            };
            let Ok(target) = self.files.read_link(&self.links.join(&link.name)) else {
                continue;
            };
            self.name_container(&target, id, tell);
        }
    }

    fn name_container(&mut self, target: &Path, id: &str, tell: &mut dyn FnMut(Sighting)) {
        let mut parts = target.iter().rev().filter_map(|p| p.to_str());
        let (Some(file), Some(container), Some(pod)) = (parts.next(), parts.next(), parts.next())
        else {
            return;
        };
        let Some(name) = path::file_name(file) else {
            return;
        };
        let folder = format!("{pod}/{container}");
        let Some(known) = self.known(pod, container) else {
            return;
        };
        let Some(unnamed) = known.unnamed.remove(&name.restart) else {
            return;
        };
        let mut named = Container::clone(&unnamed);
        named.facts.insert("container.id".into(), id.into());
        tell(Sighting::Relabelled {
            folder,
            restart: name.restart,
            container: Arc::new(named),
        });
    }

    fn forget(&mut self, pod: &str, tell: &mut dyn FnMut(Sighting)) {
        for (container, _) in self.pods.remove(pod).into_iter().flatten() {
            tell(Sighting::Gone {
                folder: format!("{pod}/{container}"),
            });
        }
    }
}
