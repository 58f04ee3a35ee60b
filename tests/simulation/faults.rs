//! What goes wrong in a run, and when: drawn from the seed, and printed on one line, from which the run
//! can be told to somebody who has only the line.

use std::fmt;
use std::time::Duration;

use fastrand::Rng;

/// What may go wrong. A number is a container's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Rotate(usize),
    Restart(usize),
    /// The pod is deleted, and another takes its place.
    Replace(usize),
    /// Somebody copies the live file aside and truncates it.
    Truncate(usize),
    /// Somebody deletes the live file; the kubelet has it made anew a while later.
    Remove(usize),
    /// `logrotate` renames a plain log, or copies and cuts it.
    Rename(usize),
    CopyAndTruncate(usize),
    /// journald goes on in another file, or deletes the oldest.
    RotateJournal,
    Vacuum,
    /// A filter of one unit fails on everything.
    Block,
    /// The stream of one unit is throttled.
    Stall(usize),
    /// The agent is killed, and started again a while later.
    Crash,
    /// The agent is asked to drain, and started again a while later.
    Stop,
    Throttle,
    Slow,
    /// Records are taken, and the answer gets lost.
    LoseAnswers,
    /// Requests end without an answer, and nobody tries them again.
    Abandon,
    /// The first events of a request are refused for good.
    Reject,
    ShortReads,
    BadDisk,
    /// No checkpoint can be saved.
    FullDisk,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    pub at: Duration,
    pub kind: Kind,
    /// How long it lasts, or the agent is down.
    pub lasts: Duration,
}

/// The faults of one run of so long, in order.
pub fn draw(rng: &mut Rng, length: Duration, containers: usize) -> Vec<Fault> {
    let mut faults: Vec<Fault> = (0..rng.usize(0..12))
        .map(|_| Fault {
            at: part(rng, length),
            kind: kind(rng, rng.clone().usize(..containers)),
            lasts: part(rng, Duration::from_secs(6)),
        })
        .collect();
    faults.sort_by_key(|fault| fault.at);
    faults
}

/// The same for plain logs.
pub fn draw_plain(rng: &mut Rng, length: Duration, logs: usize) -> Vec<Fault> {
    let mut faults: Vec<Fault> = (0..rng.usize(0..14))
        .map(|_| Fault {
            at: part(rng, length),
            kind: match rng.u8(..17) {
                0..4 => Kind::Rename(rng.usize(..logs)),
                4..7 => Kind::CopyAndTruncate(rng.usize(..logs)),
                7..9 => Kind::Crash,
                9 => Kind::Stop,
                10 => Kind::Throttle,
                11 => Kind::Slow,
                12 => Kind::LoseAnswers,
                13 => Kind::Abandon,
                14 => Kind::ShortReads,
                15 => Kind::BadDisk,
                _ => Kind::FullDisk,
            },
            lasts: part(rng, Duration::from_secs(6)),
        })
        .collect();
    faults.sort_by_key(|fault| fault.at);
    faults
}

/// The same for the journal.
pub fn draw_journal(rng: &mut Rng, length: Duration, units: usize) -> Vec<Fault> {
    let mut faults: Vec<Fault> = (0..rng.usize(0..14))
        .map(|_| Fault {
            at: part(rng, length),
            kind: match rng.u8(..20) {
                0..3 => Kind::RotateJournal,
                3..5 => Kind::Vacuum,
                5..7 => Kind::Block,
                7..9 => Kind::Stall(rng.usize(..units)),
                9..12 => Kind::Crash,
                12 => Kind::Stop,
                13 => Kind::Throttle,
                14 => Kind::Slow,
                15 => Kind::LoseAnswers,
                16 => Kind::Abandon,
                17 => Kind::Reject,
                18 => [Kind::ShortReads, Kind::FullDisk][rng.usize(..2)],
                _ => Kind::BadDisk,
            },
            lasts: part(rng, Duration::from_secs(6)),
        })
        .collect();
    faults.sort_by_key(|fault| fault.at);
    faults
}

/// Some time up to `whole`, in tenths of a second.
fn part(rng: &mut Rng, whole: Duration) -> Duration {
    let tenths = u64::try_from(whole.as_millis() / 100).unwrap_or(u64::MAX);
    Duration::from_millis(100 * rng.u64(1..=tenths))
}

fn kind(rng: &mut Rng, container: usize) -> Kind {
    match rng.u8(..20) {
        0..4 => Kind::Rotate(container),
        4 => Kind::Restart(container),
        5 => Kind::Replace(container),
        6 => Kind::Truncate(container),
        7 => Kind::Remove(container),
        8..11 => Kind::Crash,
        11 => Kind::Stop,
        12 => Kind::Throttle,
        13 => Kind::Slow,
        14 => Kind::LoseAnswers,
        15 => Kind::Abandon,
        16 => Kind::Reject,
        17 => Kind::ShortReads,
        18 => Kind::BadDisk,
        _ => Kind::FullDisk,
    }
}

impl Fault {
    fn lasts_at_all(&self) -> bool {
        !matches!(
            self.kind,
            Kind::Rotate(_)
                | Kind::Restart(_)
                | Kind::Replace(_)
                | Kind::Truncate(_)
                | Kind::Remove(_)
                | Kind::Rename(_)
                | Kind::CopyAndTruncate(_)
                | Kind::RotateJournal
                | Kind::Vacuum
        )
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Rotate(n) => format!("rotate {n}"),
            Kind::Restart(n) => format!("restart {n}"),
            Kind::Replace(n) => format!("replace {n}"),
            Kind::Truncate(n) => format!("truncate {n}"),
            Kind::Remove(n) => format!("remove {n}"),
            Kind::Rename(n) => format!("rename {n}"),
            Kind::CopyAndTruncate(n) => format!("copytruncate {n}"),
            Kind::RotateJournal => "rotate-journal".to_owned(),
            Kind::Stall(n) => format!("stall {n}"),
            Kind::LoseAnswers => "lose-answers".to_owned(),
            Kind::ShortReads => "short-reads".to_owned(),
            Kind::BadDisk => "bad-disk".to_owned(),
            Kind::FullDisk => "full-disk".to_owned(),
            other => format!("{other:?}").to_lowercase(),
        };
        write!(f, "{kind}@{}s", self.at.as_secs_f64())?;
        if self.lasts_at_all() {
            write!(f, "+{}s", self.lasts.as_secs_f64())?;
        }
        Ok(())
    }
}
