//! One stream of a journal: entries whose told fields are the same. It is what a container is among files:
//! it has facts, a route, names at its destinations, and filters that may hold its records.

use std::sync::Arc;

use crate::filter::chain::{Held, Suspended};
use crate::lane::stages::{Routed, Stages, Standing};
use crate::record::{Container, Facts};
use crate::route::PodState;
use crate::source::journal::select::{IDENTIFIER, Select, TRANSPORT, UNIT};
use crate::source::journal::streams::Told;
use crate::source::journal::{NAME, SOURCE};

pub struct Stream {
    /// Which unit it belongs to: that of its name. Records of one unit keep their order, whatever else is
    /// told of them.
    pub unit: usize,
    pub container: Arc<Container>,
    pub standing: Standing,
    /// The configuration chooses its entries.
    is_selected: bool,
    pub held: Held,
    /// A batch that a filter failed on.
    pub suspended: Option<Suspended>,
}

/// What stands for a stream, or for the whole journal, among the stages.
#[must_use]
pub fn container(node: &Facts, told: &Told, folder: &str) -> Arc<Container> {
    let mut facts = node.clone();
    facts.insert(SOURCE.to_owned(), NAME.to_owned());
    facts.extend(
        told.iter()
            .map(|(name, value)| (name.clone(), value.clone())),
    );
    let named = [UNIT, IDENTIFIER, TRANSPORT]
        .iter()
        .find_map(|n| told.get(*n));
    Arc::new(Container {
        namespace: String::new(),
        pod: String::new(),
        pod_uid: folder.to_owned(),
        name: named.map_or(NAME, String::as_str).to_owned(),
        facts,
    })
}

impl Stream {
    #[must_use]
    pub fn new(unit: usize, container: Arc<Container>, select: &Select, stages: &Stages) -> Self {
        let fact = |name: &str| container.facts.get(name).map(String::as_str);
        let is_selected = select.takes(fact);
        let mut stream = Self {
            unit,
            container,
            standing: Standing::Skips,
            is_selected,
            held: Held::default(),
            suspended: None,
        };
        stream.standing = stream.decide(stages);
        stream
    }

    /// No pod belongs to it: all that can be known of it is.
    fn decide(&self, stages: &Stages) -> Standing {
        if !self.is_selected {
            return Standing::Skips;
        }
        let (standing, _) = stages.route(&self.container, PodState::Known);
        standing.unwrap_or(Standing::Skips)
    }

    #[must_use]
    pub fn routed(&self) -> Option<&Routed> {
        match &self.standing {
            Standing::Reads(routed) => Some(routed),
            Standing::Skips | Standing::Waits(_) => None,
        }
    }

    /// It is no stream any more, until its place is taken.
    pub fn forget(&mut self) {
        self.standing = Standing::Skips;
        self.is_selected = false;
    }

    /// Works out its route again. Says whether what its filters hold has to be read again.
    pub fn replan(&mut self, stages: &Stages, renumbered: bool) -> bool {
        let chain = |routed: Option<&Routed>| routed.map(|r| r.filters.clone());
        let former = chain(self.routed());
        self.standing = self.decide(stages);
        let changed = renumbered || former != chain(self.routed());
        if changed {
            self.suspended = None;
        }
        changed && !self.held.is_empty()
    }
}
