//! One run: a node, its agent and the service in virtual time, faults from a list, and every promise
//! looked at after every step. The same seed and the same faults give the same run.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use fastrand::Rng;
use logsieve::checkpoint::store::{self, Entries};
use logsieve::clock::Now;

use crate::agent::Agent;
use crate::books::{Books, Broken};
use crate::disk::Disk;
use crate::faults::{Fault, Kind};
use crate::journald::Journald;
use crate::kubelet::Kubelet;
use crate::plain::Plain;
use crate::service::Service;

/// How long containers print and things go wrong.
pub const LENGTH: Duration = Duration::from_secs(15);
/// By then everything has to have come, all faults over.
const CALM: Duration = Duration::from_secs(900);
pub const CONTAINERS: usize = 4;
/// The books are posted at the first look that is a second after the former.
const POSTED_WITHIN: Duration = Duration::from_millis(2500);
/// The books of containers that are gone are there for so long.
const BOOKS_KEPT: Duration = Duration::from_secs(500);
/// How long the kernel's news of a folder may take.
const LOOKED_AT_WITHIN_MS: u64 = 100;
/// 2026-11-23T20:00:00Z, nanoseconds since the Unix epoch.
const BEGINNING: u64 = 1_795_464_000_000_000_000;

struct World {
    rng: Rng,
    now: Duration,
    disk: Disk,
    kubelet: Kubelet,
    plain: Option<Plain>,
    journal: Option<Journald>,
    service: Service,
    books: Books,
    agent: Option<Agent>,
    /// When the agent is started again.
    starts: Duration,
    draining: bool,
    /// No agent has ended yet.
    first_agent: bool,
    checkpoint: Option<Vec<u8>>,
    /// When the agent looks at which pod's folder.
    looks: BTreeMap<String, Duration>,
    looks_at_plain: Option<Duration>,
    /// Troubles of the disk that end when.
    troubles: Vec<(Kind, Duration)>,
    log: String,
}

/// What a run came to.
pub struct Run {
    /// What happened, in order.
    pub log: String,
    pub end: Result<(), Broken>,
}

/// Runs a seed with these faults.
pub fn run(seed: u64, faults: &[Fault]) -> Run {
    World::new(seed, CONTAINERS).run(faults)
}

/// The same with plain logs, and one container beside them.
pub fn run_plain(seed: u64, faults: &[Fault]) -> Run {
    let mut world = World::new(seed, 1);
    let rng = world.rng.fork();
    world.plain = Some(Plain::new(world.disk.clone(), rng, &mut world.books));
    world.run(faults)
}

/// The same with the journal, and one container beside it.
pub fn run_journal(seed: u64, faults: &[Fault]) -> Run {
    let mut world = World::new(seed, 1);
    let rng = world.rng.fork();
    let journal = Journald::new(world.disk.clone(), rng, &mut world.books);
    world.journal = Some(journal);
    world.run(faults)
}

impl World {
    fn run(mut self, faults: &[Fault]) -> Run {
        let end = self.live(faults);
        let log = self.log;
        Run { log, end }
    }

    fn new(seed: u64, containers: usize) -> Self {
        let mut rng = Rng::with_seed(seed);
        let disk = Disk::new(rng.fork());
        let mut books = Books::default();
        let now = at(Duration::ZERO);
        let kubelet = Kubelet::new(disk.clone(), rng.fork(), containers, now, &mut books);
        Self {
            now: Duration::ZERO,
            agent: None,
            starts: Duration::ZERO,
            draining: false,
            first_agent: true,
            checkpoint: None,
            service: Service::new(rng.fork()),
            looks: BTreeMap::new(),
            looks_at_plain: None,
            plain: None,
            journal: None,
            troubles: Vec::new(),
            log: String::new(),
            rng,
            disk,
            kubelet,
            books,
        }
    }

    fn live(&mut self, faults: &[Fault]) -> Result<(), Broken> {
        let mut coming = faults.iter().peekable();
        while self.now < LENGTH {
            while let Some(fault) = coming.next_if(|fault| fault.at <= self.now) {
                self.meets(fault)?;
            }
            self.tick(true)?;
        }
        while let Some(missing) = self.missing() {
            if self.now > CALM {
                return Err(missing);
            }
            self.tick(false)?;
        }
        self.agree(faults)
    }

    /// Holds the agent's books against ours, if it has seen everything. A record whose answer was lost,
    /// and that was given up then, has come and is lost all the same.
    fn agree(&mut self, all: &[Fault]) -> Result<(), Broken> {
        let posted = self.now + POSTED_WITHIN;
        while self.now < posted {
            self.tick(false)?;
        }
        let had = |kind| all.iter().any(|fault| fault.kind == kind);
        let unclear = had(Kind::LoseAnswers) && had(Kind::Abandon);
        match &self.agent {
            Some(agent) if self.first_agent && self.now < BOOKS_KEPT && !unclear => {
                self.books.agree(&agent.ledgers())?;
                self.books.agree_on_journal(&agent.ledgers())
            }
            _ => Ok(()),
        }
    }

    fn meets(&mut self, fault: &Fault) -> Result<(), Broken> {
        let (now, until) = (at(self.now), self.now + fault.lasts);
        let _ = writeln!(self.log, "{:?}: {fault}", self.now);
        match fault.kind {
            Kind::Rotate(index) => self.kubelet.rotate(index, now, &mut self.books),
            Kind::Restart(index) => self.kubelet.restart(index, now, &mut self.books),
            Kind::Replace(index) => self.kubelet.replace(index, now, &mut self.books),
            Kind::Truncate(index) => self.kubelet.truncate(index, &mut self.books),
            Kind::Remove(index) => self.kubelet.remove(index, now),
            Kind::Rename(_) | Kind::CopyAndTruncate(_) => {
                let plain = self.plain.as_mut();
                plain
                    .into_iter()
                    .for_each(|p| p.meets(fault.kind, now, &mut self.books));
            }
            Kind::RotateJournal | Kind::Vacuum => {
                let journal = self.journal.as_mut();
                journal
                    .into_iter()
                    .for_each(|j| j.meets(fault.kind, &mut self.books));
            }
            Kind::Crash => {
                self.end_agent()?;
                self.starts = until;
            }
            Kind::Stop => {
                if let Some(agent) = &self.agent {
                    agent.drain();
                    self.draining = true;
                    self.starts = until;
                }
            }
            Kind::ShortReads | Kind::BadDisk | Kind::FullDisk | Kind::Block => {
                self.troubles.push((fault.kind, until))
            }
            kind => self.service.has_bad_day(kind, until),
        }
        Ok(())
    }

    fn tick(&mut self, printing: bool) -> Result<(), Broken> {
        let since = Duration::from_millis(self.rng.u64(1..20));
        self.now += since;
        let now = at(self.now);
        self.troubles.retain(|(_, until)| *until > self.now);
        let has = |kind| self.troubles.iter().any(|(k, _)| *k == kind);
        let (short, bad, full) = (
            has(Kind::ShortReads),
            has(Kind::BadDisk),
            has(Kind::FullDisk),
        );
        self.disk.weather(short, bad);
        self.kubelet.tick(now, since, printing, &mut self.books);
        if let Some(plain) = &mut self.plain {
            plain.tick(now, since, printing, &mut self.books);
        }
        if let Some(journal) = &mut self.journal {
            journal.tick(now, printing, &mut self.books);
        }
        let blocked = has(Kind::Block);
        self.hear_of_folders();
        self.start_agent(now)?;
        if let Some(agent) = &mut self.agent {
            let due: Vec<String> = self
                .looks
                .extract_if(.., |_, at| *at <= self.now)
                .map(|(pod, _)| pod)
                .collect();
            due.iter().for_each(|pod| agent.look(pod));
            if self.looks_at_plain.take_if(|at| *at <= self.now).is_some() {
                agent.look_at_plain();
            }
            agent.block(blocked);
            let service = &mut self.service;
            agent.tick(now, &mut |request| service.put(request));
            agent.keeps_budget()?;
            Books::balance(&agent.ledgers())?;
            let saved = agent.save(now, full || bad);
            self.saved(saved)?;
        }
        self.service
            .tick(self.now, &mut self.books, &mut self.log)?;
        self.forget_unreadable(self.agent.is_none())?;
        self.end_drain(full || bad)?;
        match &self.agent {
            Some(agent) => self.books.check(&agent.board),
            None => Ok(()),
        }
    }

    fn start_agent(&mut self, now: Now) -> Result<(), Broken> {
        if self.agent.is_none() && self.starts <= self.now {
            let (disk, checkpoint) = (&self.disk, self.checkpoint.as_deref());
            if self.journal.is_some() {
                let known = checkpoint.map(decode).transpose()?;
                self.books.restarts_with(known.as_ref());
                self.agent = Some(Agent::start_with_journal(disk, checkpoint, now)?);
                return Ok(());
            }
            let agent = Agent::start(disk, checkpoint, now)?;
            self.agent = Some(match self.plain {
                Some(_) => agent.with_plain(disk),
                None => agent,
            });
        }
        Ok(())
    }

    /// The kernel tells of changed folders, a moment later each.
    fn hear_of_folders(&mut self) {
        if let Some(plain) = &mut self.plain
            && std::mem::take(&mut plain.changed)
        {
            let at = self.now + Duration::from_millis(self.rng.u64(..LOOKED_AT_WITHIN_MS));
            self.looks_at_plain.get_or_insert(at);
        }
        for pod in std::mem::take(&mut self.kubelet.changed) {
            let at = self.now + Duration::from_millis(self.rng.u64(..LOOKED_AT_WITHIN_MS));
            self.looks.entry(pod).or_insert(at);
        }
    }

    fn forget_unreadable(&mut self, excused: bool) -> Result<(), Broken> {
        for file in self.disk.take_unreadable() {
            if self.journal.as_ref().is_some_and(|j| j.owns(file.node)) {
                continue;
            }
            let _ = writeln!(self.log, "{:?}: {file:?}", self.now);
            self.books.unreadable(file, excused)?;
        }
        Ok(())
    }

    /// A drained agent ends; its last checkpoint is saved if the disk lets it.
    fn end_drain(&mut self, full: bool) -> Result<(), Broken> {
        let Some(agent) = self.agent.as_mut().filter(|_| self.draining) else {
            return Ok(());
        };
        if !agent.is_drained() {
            return Ok(());
        }
        let last = at(self.now + Duration::from_secs(1));
        let saved = agent.save(last, full);
        self.books.check(&agent.board)?;
        self.saved(saved)?;
        self.end_agent()
    }

    /// A checkpoint is on the disk.
    fn saved(&mut self, saved: Option<Vec<u8>>) -> Result<(), Broken> {
        let Some(bytes) = saved else { return Ok(()) };
        self.books.saved(&decode(&bytes)?)?;
        self.checkpoint = Some(bytes);
        Ok(())
    }

    fn end_agent(&mut self) -> Result<(), Broken> {
        self.draining = false;
        if self.agent.take().is_some() {
            self.first_agent = false;
            self.service.is_cut_off(&mut self.books, &mut self.log)?;
            self.books.crashed();
        }
        self.forget_unreadable(true)
    }

    fn missing(&mut self) -> Option<Broken> {
        let Some(agent) = &self.agent else {
            return Some(Broken::new("the agent runs", "it does not".to_owned()));
        };
        let missing = self.books.missing(&agent.board);
        missing.or_else(|| self.books.missing_entry())
    }
}

fn decode(checkpoint: &[u8]) -> Result<Entries, Broken> {
    let entries = store::decode(checkpoint);
    entries.map_err(|e| Broken::new("a checkpoint is whole", e.to_string()))
}

fn at(mono: Duration) -> Now {
    let wall = BEGINNING + u64::try_from(mono.as_nanos()).expect("a run is short");
    Now { mono, wall }
}
