//! Log groups that are in trouble of their own: the key of one is gone, its quota is used up, whatever is
//! behind it does not answer. All others of the account are well, and are not to be slower for it.
//!
//! A failure may always be the account's, so a group's first one counts as that. From then on the group is in
//! trouble until a request of it is taken, and its failures count as the account's only while nothing that
//! was sent meanwhile is taken of any other group.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Groups that are known to be in trouble; failures of more count as the account's.
const GROUPS_MAX: usize = 1000;

/// Leave to send the one request of a group in trouble.
pub type Gate = OwnedSemaphorePermit;

/// The groups of one account that are in trouble.
#[derive(Default)]
pub struct Troubles {
    groups: HashMap<Arc<str>, Trouble>,
    /// When the latest of the requests was sent that were taken.
    taken: Duration,
}

struct Trouble {
    /// When the account was last slowed for it.
    blamed_at: Duration,
    gate: Arc<Semaphore>,
}

impl Troubles {
    /// What a group's requests have to pass, if it is in trouble.
    #[must_use]
    pub fn gate(&self, group: &str) -> Option<Arc<Semaphore>> {
        Some(self.groups.get(group)?.gate.clone())
    }

    /// A request of this group was taken, that was sent at this moment.
    pub fn taken(&mut self, group: &str, began: Duration) {
        self.groups.remove(group);
        self.taken = self.taken.max(began);
    }

    /// A request of this group failed. Says whether the account is to be slower for it.
    pub fn is_the_accounts(&mut self, group: &Arc<str>, now: Duration) -> bool {
        if let Some(trouble) = self.groups.get_mut(group) {
            if self.taken >= trouble.blamed_at {
                return false;
            }
            trouble.blamed_at = now;
        } else if self.groups.len() < GROUPS_MAX {
            let gate = Arc::new(Semaphore::new(1));
            let blamed_at = now;
            let trouble = Trouble { blamed_at, gate };
            self.groups.insert(group.clone(), trouble);
        }
        true
    }
}
