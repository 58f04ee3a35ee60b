//! The books of each container: what became of every byte that it wrote.
//!
//! They are kept in *source bytes*, each once however often it is read, and they balance: seen =
//! settled + unsettled + unread + lost. Records are counted apart, since filters add and join. Lanes
//! post a [`Ledger`] now and then; metrics, the admin page and `logsieve status` show what is posted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::Container;

/// How long the books of a container that is gone are shown, seconds.
pub const KEEP_ENDED_SECONDS: u64 = 600;

/// Records, and the bytes of their text: as a filter was handed them, or for those that reached a
/// sink, of their messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    pub records: u64,
    pub bytes: u64,
}

impl Count {
    #[must_use]
    pub fn new(records: u64, bytes: u64) -> Self {
        Self { records, bytes }
    }
}

impl std::ops::AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.records += other.records;
        self.bytes += other.bytes;
    }
}

/// What became of a record in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The sink took it.
    Delivered,
    /// A filter dropped it.
    Discarded,
    /// A filter failed on it, and it waits on the node.
    Quarantined,
    /// The service refused it for good.
    Rejected,
}

/// How many records came to which ending.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    pub delivered: Count,
    pub discarded: Count,
    pub quarantined: Count,
    pub rejected: Count,
}

impl Tally {
    pub fn add(&mut self, ending: Ending, count: Count) {
        *match ending {
            Ending::Delivered => &mut self.delivered,
            Ending::Discarded => &mut self.discarded,
            Ending::Quarantined => &mut self.quarantined,
            Ending::Rejected => &mut self.rejected,
        } += count;
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.delivered += other.delivered;
        self.discarded += other.discarded;
        self.quarantined += other.quarantined;
        self.rejected += other.rejected;
    }
}

/// The books of one container since the agent started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Source bytes that stood in its files when they were looked at, from where reading began.
    pub seen_bytes: u64,
    /// Source bytes that are answered for: delivered, discarded, quarantined or rejected.
    pub settled_bytes: u64,
    /// Source bytes that were read and are on their way, held or waiting for their line's end.
    pub unsettled_bytes: u64,
    /// Source bytes that wait in files.
    pub unread_bytes: u64,
    /// Source bytes that went before they were settled.
    pub lost_bytes: u64,
    /// More was lost than could be counted: its size was never seen.
    pub lost_at_least: bool,
    /// Records decoded, each once, and the source bytes of them.
    pub read: Count,
    /// What became of the records of settled bytes.
    pub records: Tally,
    /// Files held open, and the bytes that only this keeps on the node's disk.
    pub open_files: u64,
    pub pinned_bytes: u64,
}

impl Ledger {
    /// Whether each byte that was seen is in exactly one place.
    #[must_use]
    pub fn balances(&self) -> bool {
        let parts = self.settled_bytes + self.unsettled_bytes + self.unread_bytes + self.lost_bytes;
        self.seen_bytes == parts
    }
}

/// The books of one container, as they were last posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    pub container: Arc<Container>,
    pub ledger: Ledger,
    /// When nothing was left of the container, seconds since the Unix epoch.
    pub ended_at: Option<u64>,
}

/// The books of all containers of the node, by the folder of their logs.
#[derive(Debug, Default)]
pub struct Ledgers(Mutex<BTreeMap<String, Posted>>);

impl Ledgers {
    /// Replaces what was posted of a container. `folder` is its pod's folder and its own.
    pub fn post(&self, folder: &str, container: &Arc<Container>, ledger: Ledger) {
        let posted = Posted {
            container: container.clone(),
            ledger,
            ended_at: None,
        };
        self.lock().insert(folder.to_owned(), posted);
    }

    /// Nothing is left of a container; its books are shown a while longer.
    pub fn end(&self, folder: &str, now_seconds: u64) {
        if let Some(posted) = self.lock().get_mut(folder) {
            posted.ended_at = Some(now_seconds);
        }
    }

    /// Forgets the books of containers that have been gone for long enough.
    pub fn expire(&self, now_seconds: u64) {
        self.lock().retain(|_, posted| {
            let ended = |at: u64| now_seconds.saturating_sub(at) >= KEEP_ENDED_SECONDS;
            !posted.ended_at.is_some_and(ended)
        });
    }

    /// All books, sorted by folder.
    #[must_use]
    pub fn snapshot(&self) -> Vec<Posted> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Posted>> {
        // Numbers only: a panic elsewhere leaves nothing half done here.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Facts;

    fn container() -> Arc<Container> {
        Arc::new(Container {
            namespace: "shop".into(),
            pod: "api-0".into(),
            pod_uid: "0f1c".into(),
            name: "api".into(),
            facts: Facts::new(),
        })
    }

    #[test]
    fn books_balance_when_every_byte_is_in_one_place() {
        let mut ledger = Ledger {
            seen_bytes: 10,
            settled_bytes: 4,
            unsettled_bytes: 3,
            unread_bytes: 2,
            lost_bytes: 1,
            ..Ledger::default()
        };
        assert!(ledger.balances());
        ledger.lost_bytes = 0;
        assert!(!ledger.balances());
    }

    #[test]
    fn books_of_a_container_that_is_gone_are_forgotten_after_a_while() {
        let ledgers = Ledgers::default();
        ledgers.post("shop_api-0_0f1c/api", &container(), Ledger::default());
        ledgers.expire(u64::MAX);
        ledgers.end("shop_api-0_0f1c/api", 100);
        ledgers.expire(100 + KEEP_ENDED_SECONDS - 1);
        assert_eq!(ledgers.snapshot().len(), 1);
        ledgers.expire(100 + KEEP_ENDED_SECONDS);
        assert!(ledgers.snapshot().is_empty());
    }
}
