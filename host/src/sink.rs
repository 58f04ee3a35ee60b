//! Where records leave. One room per sink; `lane` packs, and what is packed is sent elsewhere.
//!
//! A sink has two halves: a *packer*, which a lane owns and fills without waiting, and a *sender*,
//! which takes whole requests and settles their receipts with the answer.
//!
//! Another sink (Kinesis Data Streams, Firehose, OpenSearch) is one more room, and an arm of each
//! enum below: its `Config`, a packer that appends and flushes, and a request that owns its parts and
//! permit; `agent` starts its sender. What CloudWatch's room has that is not CloudWatch's alone is cut
//! so that it can move up here: `message` and `split`, `pieces`, `order`, `pace`, `client`.

pub mod cloudwatch;
mod format;
pub mod stdout;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

pub use crate::clock::rfc3339;
pub use format::Format;

use crate::clock::Now;
use crate::record::receipt::{Part, Parts};
use crate::record::{Columns, Container, Count, Share};
use crate::telemetry::metrics::SinkMetrics;

/// One destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    Cloudwatch(Box<cloudwatch::Config>),
    Stdout(stdout::Config),
    /// Takes everything and sends nothing: to measure the agent itself.
    Null(Null),
}

/// What a destination may be.
const KINDS: [&str; 3] = ["cloudwatch", "stdout", "null"];

/// By hand, for words that say what is missing, and because YAML's `null` is no text.
impl<'de> Deserialize<'de> for Destination {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OneKind)
    }
}

struct OneKind;

impl<'de> Visitor<'de> for OneKind {
    type Value = Destination;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a destination, as in `cloudwatch: {}`, `stdout: {}` or `null: {}`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Destination, A::Error> {
        let mut only = None;
        while let Some(kind) = map.next_key::<Option<String>>()? {
            let destination = match kind.as_deref() {
                Some("cloudwatch") => Destination::Cloudwatch(map.next_value()?),
                Some("stdout") => Destination::Stdout(map.next_value()?),
                Some("null") | None => Destination::Null(map.next_value()?),
                Some(other) => return Err(A::Error::unknown_variant(other, &KINDS)),
            };
            if only.replace(destination).is_some() {
                return Err(A::Error::custom(
                    "a destination is only one of `cloudwatch`, `stdout` and `null`",
                ));
            }
        }
        only.ok_or_else(|| A::Error::invalid_length(0, &self))
    }
}

impl Destination {
    /// Whether facts of their container are sent with records.
    #[must_use]
    pub fn sends_facts(&self) -> bool {
        match self {
            Self::Cloudwatch(config) => config.format() != cloudwatch::Format::Text,
            Self::Stdout(_) | Self::Null(_) => false,
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Null {}

/// The destinations by name.
pub type Config = BTreeMap<String, Destination>;

/// What one container's records go under at one destination; no meaning outside CloudWatch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Names {
    pub group: String,
    pub stream: String,
    /// What they are about, as JSON.
    pub entity: Option<Arc<str>>,
}

/// Records of one container on their way into a destination's open requests.
pub struct Delivery<'a> {
    /// The container's slot in its lane.
    pub slot: u32,
    pub container: &'a Arc<Container>,
    pub names: &'a Names,
    pub columns: &'a Columns,
    /// Which of the records: all, or those that a filter did or did not route elsewhere.
    pub which: &'a dyn Fn(usize) -> bool,
    pub parts: &'a Parts,
}

impl Delivery<'_> {
    /// A part of the receipt for one request that carries all of these records.
    #[must_use]
    pub fn part(&self) -> Part {
        let columns = self.columns;
        let mut carries = Count::default();
        let mut records: Option<(usize, usize)> = None;
        for at in (0..columns.len()).filter(|at| (self.which)(*at)) {
            carries += Count::new(1, columns.record(at).len() as u64);
            records = Some((records.map_or(at, |(first, _)| first), at));
        }
        let source = records.map_or(0..0, |(first, last)| columns.source(first..=last));
        self.parts.part(carries, source)
    }
}

/// What a sender takes: a request that is packed, with what is owed for it.
#[derive(Debug)]
pub enum Request {
    Cloudwatch(Box<cloudwatch::body::Request>),
    Stdout(stdout::Lines),
}

/// Makes the part of the budget that one log group may hold.
pub type GroupShare = Arc<dyn Fn(&str) -> Arc<Share> + Send + Sync>;

/// One destination's open requests in one lane.
pub enum Packer {
    Cloudwatch(Box<cloudwatch::pack::Pack>),
    Stdout(stdout::Pack),
    Null,
}

impl Packer {
    /// `share`: makes the part of the budget that one log group may hold.
    #[must_use]
    pub fn new(destination: &Destination, share: GroupShare, metrics: &SinkMetrics) -> Self {
        match destination {
            Destination::Cloudwatch(config) => Self::Cloudwatch(Box::new(
                cloudwatch::pack::Pack::new(config, share, metrics.clone()),
            )),
            Destination::Stdout(config) => Self::Stdout(stdout::Pack::new(config, share(""))),
            Destination::Null(_) => Self::Null,
        }
    }

    /// Whether a batch of the usual size finds room for a container with these names.
    #[must_use]
    pub fn has_room(&mut self, names: &Names, bytes: usize) -> bool {
        match self {
            Self::Cloudwatch(pack) => pack.has_room(names, bytes),
            Self::Stdout(pack) => pack.has_room(bytes),
            Self::Null => true,
        }
    }

    /// Packs records; requests that are full go to `out`.
    pub fn append(&mut self, delivery: &Delivery<'_>, now: Now, out: &mut Vec<Request>) {
        match self {
            Self::Cloudwatch(pack) => pack.append(delivery, now, out),
            Self::Stdout(pack) => pack.append(delivery, out),
            Self::Null => delivery.part().settle(),
        }
    }

    /// Closes the requests that have waited long enough, or all of them.
    pub fn flush(&mut self, now: Now, all: bool, out: &mut Vec<Request>) {
        match self {
            Self::Cloudwatch(pack) => pack.flush(now, all, out),
            Self::Stdout(pack) => pack.flush(out),
            Self::Null => {}
        }
    }

    /// When the next request has waited long enough.
    #[must_use]
    pub fn next_flush(&self) -> Option<Duration> {
        match self {
            Self::Cloudwatch(pack) => pack.next_flush(),
            Self::Stdout(_) | Self::Null => None,
        }
    }

    /// Forgets what is cached for a container.
    pub fn forget(&mut self, slot: u32) {
        if let Self::Cloudwatch(pack) = self {
            pack.forget(slot);
        }
    }
}

/// Times that a destination takes, nanoseconds since the Unix epoch.
#[must_use]
pub fn times(destination: &Destination, now: Now) -> RangeInclusive<u64> {
    match destination {
        Destination::Cloudwatch(_) => cloudwatch::limits::window(now.wall),
        Destination::Stdout(_) | Destination::Null(_) => 0..=u64::MAX,
    }
}
