//! The stages behind reading, as one lane owns them: match, chain, pack. They share one chunk and one
//! set of columns, used again for every batch of every container.

use std::collections::{BTreeSet, HashMap};
use std::iter;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use super::{Plan, Setup};
use crate::clock::Now;
use crate::enrich::pods::Pods;
use crate::filter::chain::{self, Blocked, Filter, Held, Progress, Suspended};
use crate::record::status::InCharge;
use crate::record::{Batch, CONTAINER_ID, Columns, Container};
use crate::route::annotations::Wrong;
use crate::route::{self, Decision, PodState, Wait};
use crate::sink::cloudwatch::entity;
use crate::sink::{self, Delivery, Names, Packer, Request};
use crate::source::log_file::decode::Decoder;

/// Bytes read at once: a batch of records comes from one such chunk.
pub const CHUNK_BYTES: usize = 256 * 1024;
/// Room that a batch is sure to need at its destination, escapes and envelopes of usual logs included.
const ROOM_BYTES: usize = 512 * 1024;

/// What a container's records meet, worked out once.
#[derive(Debug, Clone)]
pub struct Routed {
    pub chain: Vec<usize>,
    /// The first place in the chain that the pod chose itself.
    pub chosen_from: usize,
    /// The same by name, which outlasts a change of plans.
    pub filters: Vec<String>,
    pub destination: usize,
    /// Further destinations for all that the chain lets through.
    pub also: Vec<usize>,
    pub limits: route::Limits,
    /// Where its records go they are sent with the container's id.
    pub sends_id: bool,
    /// Its names, one for each destination: filters may route records anywhere.
    pub names: Vec<Names>,
}

/// What becomes of a container.
#[derive(Debug, Clone)]
pub enum Standing {
    Reads(Routed),
    /// What is written is passed over, until its pod changes.
    Skips,
    /// Its files are open, and wait.
    Waits(Wait),
}

pub struct Stages {
    pub pods: Pods,
    pub decoder: Decoder,
    pub chunk: Vec<u8>,
    /// Memory of the last batch, for the next.
    pub spare: Columns,
    pub requests: Vec<(usize, Request)>,
    /// In this step, some container had to wait for room.
    pub crowded: bool,
    /// Where a container's filters sent records of its last batch, beside where it goes anyway: slots and
    /// destinations.
    elsewhere: BTreeSet<(u32, usize)>,
    filters: Vec<Filter>,
    /// Every filter of the table, and where it stands in `filters` if it has a module.
    places: Vec<(String, Option<usize>)>,
    table: route::Table,
    /// The numbers of the destinations' outlets.
    numbers: Vec<usize>,
    destinations: Vec<sink::Destination>,
    destination_names: Vec<String>,
    packers: Vec<Packer>,
    full: Vec<Request>,
}

impl Stages {
    #[must_use]
    pub fn new(setup: &Setup, plan: Plan) -> Self {
        let mut stages = Self {
            pods: Pods::new(setup.pods.expects),
            decoder: Decoder::default(),
            chunk: vec![0; CHUNK_BYTES],
            spare: Columns::default(),
            requests: Vec::new(),
            crowded: false,
            elsewhere: BTreeSet::new(),
            packers: Vec::new(),
            filters: Vec::new(),
            places: Vec::new(),
            table: route::Table::default(),
            numbers: Vec::new(),
            destinations: Vec::new(),
            destination_names: Vec::new(),
            full: Vec::new(),
        };
        let nothing_to_flush = Now {
            mono: Duration::ZERO,
            wall: 0,
        };
        stages.change(plan, setup, nothing_to_flush);
        stages
    }

    /// Runs another plan from now on; filters and packers that it has as well go on. Says whether
    /// destinations have other places than before. Containers have to be routed anew.
    pub fn change(&mut self, plan: Plan, setup: &Setup, now: Now) -> bool {
        self.table = plan.table;
        let former = std::mem::take(&mut self.filters).into_iter();
        let mut former: HashMap<String, Filter> =
            former.map(|f| (f.name().to_owned(), f)).collect();
        self.places.clear();
        for (name, filter) in plan.filters {
            let place = filter.map(|mut filter| {
                if let Some(former) = former.remove(&name) {
                    filter.continue_from(former);
                }
                self.filters.push(filter);
                self.filters.len() - 1
            });
            self.places.push((name, place));
        }
        let (mut numbers, mut destinations) = (Vec::new(), Vec::new());
        self.destination_names.clear();
        for planned in plan.destinations {
            numbers.push(planned.number);
            destinations.push(planned.destination);
            self.destination_names.push(planned.name);
        }
        let renumbered = numbers != self.numbers;
        if renumbered {
            self.elsewhere.clear();
        }
        self.change_packers(&numbers, &destinations, setup, now);
        (self.numbers, self.destinations) = (numbers, destinations);
        renumbered
    }

    fn change_packers(
        &mut self,
        numbers: &[usize],
        destinations: &[sink::Destination],
        setup: &Setup,
        now: Now,
    ) {
        let packers = std::mem::take(&mut self.packers).into_iter();
        // One outlet may be packed for in several formats.
        let known = self.numbers.iter().copied().zip(&self.destinations);
        let mut former: Vec<_> = known.zip(packers).collect();
        for (number, destination) in numbers.iter().zip(destinations) {
            let wanted = (*number, destination);
            let same = former.iter().position(|(known, _)| *known == wanted);
            self.packers.push(match same {
                Some(at) => former.swap_remove(at).1,
                None => {
                    let (share_of, number) = (setup.share_of.clone(), *number);
                    let share = Arc::new(move |group: &str| share_of(number, group));
                    Packer::new(destination, share, &setup.metrics.sink)
                }
            });
        }
        // What was packed for a destination that is no more still goes there.
        for ((number, _), mut packer) in former {
            packer.flush(now, true, &mut self.full);
            let full = self.full.drain(..).map(|request| (number, request));
            self.requests.extend(full);
        }
    }

    /// What becomes of a container, and the annotation that is wrong about it; no standing if it is
    /// never read.
    #[must_use]
    pub fn route(&self, container: &Container, pod: PodState) -> (Option<Standing>, Option<Wrong>) {
        match self.table.decide(container, pod) {
            Decision::Never => (None, None),
            Decision::Skip => (Some(Standing::Skips), None),
            Decision::Wait(wait) => {
                let wrong = match &wait {
                    Wait::Annotation(wrong) => Some(wrong.clone()),
                    Wait::Pod { .. } | Wait::Module { .. } => None,
                };
                (Some(Standing::Waits(wait)), wrong)
            }
            Decision::Take(taken) => {
                let mut routed = (Vec::new(), Vec::new());
                for filter in &taken.chain {
                    let (name, place) = &self.places[*filter];
                    let Some(place) = place else {
                        let filter = name.clone();
                        let wait = Standing::Waits(Wait::Module { filter });
                        return (Some(wait), taken.wrong);
                    };
                    routed.0.push(*place);
                    routed.1.push(name.clone());
                }
                let (chain, filters) = routed;
                let names = (0..self.destinations.len()).map(|destination| {
                    let names = self.table.names(destination, &container.facts);
                    let entity = names.entity.and_then(|e| entity::json(&e.key, &e.more));
                    Names {
                        group: names.group,
                        stream: names.stream,
                        entity: entity.map(Into::into),
                    }
                });
                let mut all = iter::once(&taken.destination).chain(&taken.also);
                let routed = Routed {
                    sends_id: all.any(|to| self.sends_id(*to)),
                    chosen_from: taken.chosen_from,
                    chain,
                    filters,
                    destination: taken.destination,
                    also: taken.also,
                    limits: taken.limits,
                    names: names.collect(),
                };
                (Some(Standing::Reads(routed)), taken.wrong)
            }
        }
    }

    /// Whether a destination's names or messages tell the container's id.
    fn sends_id(&self, destination: usize) -> bool {
        self.table.names_fact(destination, CONTAINER_ID)
            || self.destinations[destination].sends_facts()
    }

    /// A destination's name.
    #[must_use]
    pub fn destination_name(&self, at: usize) -> &str {
        self.destination_names.get(at).map_or("", String::as_str)
    }

    /// All filters by name, and what is in charge of each; nothing of those that wait.
    #[must_use]
    pub fn in_charge(&self) -> Vec<(String, Option<InCharge>)> {
        let of = |place: usize| self.filters[place].in_charge();
        let one = |(name, place): &(String, Option<usize>)| (name.clone(), place.map(of));
        self.places.iter().map(one).collect()
    }

    /// Whether there is room for a batch of a container: where it goes, and where its filters sent records
    /// of the last one. So a destination that is sick stops those who send there, and does not take the
    /// whole budget.
    #[must_use]
    pub fn has_room(&mut self, slot: u32, routed: &Routed) -> bool {
        let packers = &mut self.packers;
        let mut has = |to: usize| packers[to].has_room(&routed.names[to], ROOM_BYTES);
        let mut all = iter::once(&routed.destination).chain(&routed.also);
        let of_slot = (slot, 0)..=(slot, usize::MAX);
        let mut elsewhere = self.elsewhere.range(of_slot);
        all.all(|to| has(*to)) && elsewhere.all(|(_, to)| has(*to))
    }

    /// Whether the container's filters can take a batch that they may fail on.
    #[must_use]
    pub fn filters_have_room(&self, routed: &Routed) -> bool {
        routed.chain.iter().all(|f| self.filters[*f].has_room())
    }

    /// Times that the destination takes, nanoseconds since the Unix epoch.
    #[must_use]
    pub fn times(&self, routed: &Routed, now: Now) -> RangeInclusive<u64> {
        sink::times(&self.destinations[routed.destination], now)
    }

    /// Runs a batch through its chain and packs what is left; gives it back while a filter that
    /// fails on it is being found out about.
    ///
    /// # Errors
    /// When a filter fails whose records may not pass; the batch is abandoned then.
    pub fn process(
        &mut self,
        batch: Batch,
        way: &mut Way<'_>,
        last: bool,
        now: Now,
    ) -> Result<Option<Suspended>, Blocked> {
        let routed = way.routed;
        let mut run = self.run(way, last, now);
        let progress = chain::start(&mut self.filters, &routed.chain, batch, &mut run)?;
        Ok(self.came(progress, way, now))
    }

    /// Goes on with a batch that was given back.
    ///
    /// # Errors
    /// As [`Self::process`].
    pub fn resume(
        &mut self,
        suspended: Suspended,
        way: &mut Way<'_>,
        now: Now,
    ) -> Result<Option<Suspended>, Blocked> {
        let routed = way.routed;
        let mut run = self.run(way, false, now);
        let progress = chain::resume(&mut self.filters, &routed.chain, suspended, &mut run)?;
        Ok(self.came(progress, way, now))
    }

    fn run<'a>(&self, way: &'a mut Way<'_>, last: bool, now: Now) -> chain::Run<'a> {
        chain::Run {
            container: way.container,
            held: way.held,
            last,
            times: self.times(way.routed, now),
            now: now.mono,
            chosen_from: way.routed.chosen_from,
        }
    }

    fn came(&mut self, progress: Progress, way: &Way<'_>, now: Now) -> Option<Suspended> {
        match progress {
            Progress::Done(batch) => {
                self.deliver(batch, way, now);
                None
            }
            Progress::Suspended(suspended) => Some(suspended),
        }
    }

    /// Packs records for where they go.
    pub fn deliver(&mut self, batch: Batch, way: &Way<'_>, now: Now) {
        let Batch { columns, receipt } = batch;
        if columns.is_empty() {
            receipt.settle();
            self.spare = columns;
            return;
        }
        let parts = receipt.share();
        let home = way.routed.destination;
        if !self.elsewhere.is_empty() {
            self.elsewhere.retain(|(slot, _)| *slot != way.slot);
        }
        for destination in 0..self.packers.len() {
            let routed_to =
                |at: usize| columns.route(at).map_or(home, |id| id as usize) == destination;
            let all = |_: usize| true;
            let takes_all = way.routed.also.contains(&destination)
                || (columns.routes.is_empty() && destination == home);
            if !takes_all && (columns.routes.is_empty() || !(0..columns.len()).any(routed_to)) {
                continue;
            }
            if !takes_all && destination != home {
                self.elsewhere.insert((way.slot, destination));
            }
            let delivery = Delivery {
                slot: way.slot,
                container: way.container,
                names: &way.routed.names[destination],
                columns: &columns,
                which: if takes_all { &all } else { &routed_to },
                parts: &parts,
            };
            self.packers[destination].append(&delivery, now, &mut self.full);
            let number = self.numbers[destination];
            let full = self.full.drain(..).map(|request| (number, request));
            self.requests.extend(full);
        }
        parts.close();
        self.spare = columns;
    }

    /// Closes requests that have waited long enough, or all.
    pub fn flush(&mut self, now: Now, all: bool) {
        for (destination, packer) in self.packers.iter_mut().enumerate() {
            packer.flush(now, all, &mut self.full);
            let number = self.numbers[destination];
            let full = self.full.drain(..).map(|request| (number, request));
            self.requests.extend(full);
        }
    }

    #[must_use]
    pub fn next_flush(&self) -> Option<Duration> {
        self.packers.iter().filter_map(Packer::next_flush).min()
    }

    pub fn forget(&mut self, slot: u32) {
        self.elsewhere.retain(|(of, _)| *of != slot);
        self.packers.iter_mut().for_each(|p| p.forget(slot));
    }
}

/// Whose records are on their way.
pub struct Way<'a> {
    pub slot: u32,
    pub container: &'a Arc<Container>,
    pub routed: &'a Routed,
    pub held: &'a mut Held,
}
