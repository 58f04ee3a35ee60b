//! What a lane tells of its containers and filters when somebody asks. Nothing is kept for it: a lane
//! that is asked looks at what it has, once.

use super::Lane;
use super::follow::Follow;
use crate::clock::Now;
use crate::record::status::LaneStatus;

impl Lane {
    /// What becomes of each container, how far behind it is, and which modules run.
    pub(super) fn status(&self, now: Now) -> LaneStatus {
        let one = |follow: &Follow| {
            let mut status = follow.status(now);
            if let Some(routed) = follow.routed() {
                status.filters.clone_from(&routed.filters);
                let all = std::iter::once(&routed.destination).chain(&routed.also);
                let names = all.map(|at| self.stages.destination_name(*at).to_owned());
                status.destinations = names.collect();
            }
            status
        };
        let containers = self.follows.values().map(one);
        LaneStatus {
            containers: containers.chain(self.journals.status(now)).collect(),
            filters: self.stages.in_charge(),
            unreadable: self.unreadable.all().collect(),
        }
    }
}
