//! What sources of files tell lanes: a file that nobody follows yet, and what became of folders. A lane does
//! not know which of them told it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::decode::Format;
use super::files::{Inode, LogFile, Stat};
use super::identity::{FirstLine, Head};
use crate::record::Container;

/// A file that nobody follows yet.
pub struct Found {
    /// What keeps a container's files together: the pod's folder and the container's name in it, or what
    /// stands for a plain file and its rotated ones.
    pub folder: String,
    /// The container in the state that wrote this file (its restart, its id).
    pub container: Arc<Container>,
    pub restart: u32,
    /// Where nothing is known of it, it is read from its end on.
    pub from_end: bool,
    /// It is compressed, and nothing will be added to it.
    pub compressed: bool,
    pub format: Format,
    pub file: Box<dyn LogFile>,
    pub stat: Stat,
    /// Known once its first line is complete; of a container's log.
    pub first: Option<FirstLine>,
    /// The file that its restart writes at present, or wrote last: the newest, whatever clocks say.
    pub live: Option<Inode>,
    /// The container's id is not known, and a link may still name it.
    pub id_may_come: bool,
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
    /// These files of the container are still on the disk: restart and head.
    Present {
        folder: String,
        files: Vec<(u32, Head)>,
    },
    /// Everything that was there at the start has been told.
    Listed,
    /// A file could not be opened or a folder not listed; it is tried again with the next scan.
    Failed {
        path: PathBuf,
        source: io::Error,
    },
}

impl Sighting {
    /// The folder that it is about; empty where it is about none.
    #[must_use]
    pub fn folder(&self) -> &str {
        match self {
            Self::Found(found) => &found.folder,
            Self::Relabelled { folder, .. }
            | Self::Gone { folder }
            | Self::Present { folder, .. } => folder,
            Self::Listed | Self::Failed { .. } => "",
        }
    }
}
