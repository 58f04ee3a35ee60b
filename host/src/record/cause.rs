//! Why bytes are lost: the lane finds it out, the checkpoint carries it over a restart until a marker
//! tells it.

use serde::{Deserialize, Serialize};

/// Why bytes are lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    Truncated,
    GivenUp,
    /// The file went while the agent was not running, or could not look.
    RotatedAway,
    Deleted,
    Damaged,
    /// journald made room on the disk.
    Vacuumed,
}

impl Cause {
    /// What became of the bytes, as a marker says it.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Truncated => "truncated away unread",
            Self::GivenUp => "given up unread, as deleted files held too much of the node's disk",
            Self::RotatedAway => "rotated away unread",
            Self::Deleted => "deleted unread",
            Self::Damaged => "unreadable in a damaged file",
            Self::Vacuumed => "deleted unread by journald",
        }
    }
}
