//! Plain files of the node: `/var/log/messages`, `secure`, `dmesg`, whatever a pattern names, with all that
//! rotation makes of them.
//!
//! A file and its rotated ones are one container to the stages behind, called by the path that is written
//! to. `name` tells which names belong together, `discover` finds and opens files, and `config` is what is
//! written about them. `log_file` reads what is found, as it does for containers.

mod config;
pub mod discover;
pub mod name;
mod pattern;

use std::path::Path;
use std::sync::Arc;

use crate::record::{Container, Facts};

pub use config::{Config, Group, Zone};
pub use pattern::Pattern;

/// The fact that tells records of plain files and of containers apart, and its value for those.
const SOURCE: &str = "log.source";
pub const NAME: &str = "files";
/// What the names of plain files in books and checkpoint begin with, which no folder of a pod does.
pub const FOLDER: &str = "files:";

/// Whether a name in books and checkpoint is a plain file's.
#[must_use]
pub fn is_plain(folder: &str) -> bool {
    folder.starts_with(FOLDER)
}

/// What a plain file is called in books and checkpoint.
#[must_use]
pub fn folder(path: &Path) -> String {
    format!("{FOLDER}{}", path.display())
}

/// What stands in the checkpoint for a group that was followed: it is not new in the configuration.
#[must_use]
pub fn group_mark(group: &str) -> String {
    format!("group of files:{group}")
}

/// What stands for a plain file among the stages. `node`: facts of the node.
#[must_use]
pub fn describe(node: &Facts, folder: &str) -> Arc<Container> {
    let path = folder.strip_prefix(FOLDER).unwrap_or(folder);
    let name = path.rsplit('/').next().unwrap_or(path);
    let mut facts = node.clone();
    if let Some(host) = facts.get("k8s.node.name").cloned() {
        facts.entry("host.name".to_owned()).or_insert(host);
    }
    let mut fact = |name: &str, value: &str| facts.insert(name.to_owned(), value.to_owned());
    fact(SOURCE, NAME);
    fact("log.file.path", path);
    fact("log.file.name", name);
    Arc::new(Container {
        namespace: String::new(),
        pod: String::new(),
        pod_uid: folder.to_owned(),
        name: path.to_owned(),
        facts,
    })
}
