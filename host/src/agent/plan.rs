//! What lanes run at one time, made from the configuration and from what is in charge.
//!
//! Routes, filters and destinations are replaced here as a whole, and nowhere else: a change of any
//! of them is a new plan for every lane.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::config::{Resolved, ResolvedFilter};
use crate::filter::chain::Filter;
use crate::filter::instance::Blueprint;
use crate::filter::quarantine::Keeper;
use crate::lane::{Plan, Planned, ShareOf};
use crate::record::{Budget, Share};

/// What lanes run at one time.
pub struct Running<'a> {
    pub resolved: &'a Resolved,
    /// The numbers of the destinations' outlets.
    pub numbers: &'a [usize],
    /// What keeps the records that filters fail on.
    pub keeper: &'a Keeper,
    pub hold_idle: Option<Duration>,
}

impl Running<'_> {
    /// What one lane runs: filters of its own, of what is in charge of each.
    #[must_use]
    pub fn plan(&self, in_charge: impl Fn(&ResolvedFilter) -> Option<Blueprint>) -> Plan {
        let filter = |filter: &ResolvedFilter| {
            let made = in_charge(filter).map(|blueprint| {
                Filter::new(blueprint, filter.config.on_error, filter.routes.clone())
                    .with_quarantine(self.keeper.clone())
                    .with_notices(self.resolved.notices)
            });
            (filter.name.clone(), made)
        };
        let named = self.resolved.destinations.iter().enumerate();
        let named = named.map(|(at, (_, destination))| (at, destination));
        // What is written otherwise goes out with the rest.
        let written = self.resolved.written.iter();
        let written = written.map(|written| (written.of, &written.destination));
        let destinations = named.chain(written).map(|(of, destination)| Planned {
            name: self.resolved.destination_name(of).to_owned(),
            number: self.numbers[of],
            destination: destination.clone(),
        });
        Plan {
            table: self.resolved.table.clone(),
            filters: self.resolved.filters.iter().map(filter).collect(),
            destinations: destinations.collect(),
            hold_idle: self.hold_idle,
        }
    }
}

/// What one lane runs where nothing changes: filters of its own, from the shared blueprints.
#[must_use]
pub fn plan(resolved: &Resolved, blueprints: &[Blueprint], keeper: &Keeper) -> Plan {
    let numbers: Vec<usize> = (0..resolved.destinations.len()).collect();
    let running = Running {
        resolved,
        numbers: &numbers,
        keeper,
        hold_idle: None,
    };
    running.plan(|filter| blueprints.iter().find(|b| b.name == filter.name).cloned())
}

/// Shares by destination and log group: all lanes' requests for one group count together.
#[must_use]
pub fn share_of(budget: Arc<Budget>) -> ShareOf {
    let shares: Mutex<HashMap<(usize, String), Arc<Share>>> = Mutex::default();
    Arc::new(move |destination, group: &str| {
        let Ok(mut shares) = shares.lock() else {
            return budget.share();
        };
        // Those of destinations that are no more.
        shares.retain(|_, share| Arc::strong_count(share) > 1);
        let key = (destination, group.to_owned());
        shares.entry(key).or_insert_with(|| budget.share()).clone()
    })
}
