//! The container ids, which stand in the names of links, and nowhere else on the node's disk.
//!
//! A node has a thousand of them, and they come and go with every pod: so each is read once, and the
//! folder is listed only while an id is missing.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::{Discover, path};
use crate::record::{CONTAINER_ID, Container};
use crate::source::log_file::sighting::Sighting;

/// What a link leads to: the pod's folder, the container, its restart.
type Target = (String, String, u32);

/// Links that were read, by their name; none where it is no container's.
#[derive(Default)]
pub struct Names(HashMap<String, Option<Target>>);

fn target_of(target: &Path) -> Option<Target> {
    let mut parts = target.iter().rev().filter_map(|p| p.to_str());
    let (file, container, pod) = (parts.next()?, parts.next()?, parts.next()?);
    let restart = path::file_name(file)?.restart;
    Some((pod.to_owned(), container.to_owned(), restart))
}

impl Discover {
    /// Looks up the container ids that are still missing, in the names of the links.
    pub fn name_containers(&mut self, tell: &mut dyn FnMut(Sighting)) {
        let mut known = self.pods.values().flat_map(|pod| pod.values());
        if !known.any(|k| !k.unnamed.is_empty()) {
            return;
        }
        // Without the folder of links the agent works on, and `container.id` has no value.
        let Ok(links) = self.files.list(&self.links) else {
            return;
        };
        let mut read = std::mem::take(&mut self.names.0);
        for link in links {
            let Some(id) = path::container_id(&link.name) else {
                continue;
            };
            let target = match read.remove(&link.name) {
                Some(target) => target,
                // One that cannot be read now is read the next time.
                None => match self.files.read_link(&self.links.join(&link.name)) {
                    Ok(target) => target_of(&target),
                    Err(_) => continue,
                },
            };
            if let Some(target) = &target {
                self.name_container(target, id, tell);
            }
            self.names.0.insert(link.name.clone(), target);
        }
    }

    fn name_container(
        &mut self,
        (pod, container, restart): &Target,
        id: &str,
        tell: &mut dyn FnMut(Sighting),
    ) {
        let known = self.pods.get_mut(pod).and_then(|p| p.get_mut(container));
        let Some(unnamed) = known.and_then(|k| k.unnamed.remove(restart)) else {
            return;
        };
        let mut named = Container::clone(&unnamed);
        named.facts.insert(CONTAINER_ID.into(), id.into());
        tell(Sighting::Relabelled {
            folder: format!("{pod}/{container}"),
            restart: *restart,
            container: Arc::new(named),
        });
    }
}
