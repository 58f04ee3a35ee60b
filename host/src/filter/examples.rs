//! A filter's examples: records in, records out, through the agent's own engine.
//!
//! `logsieve filter test` shows how each goes, and the agent runs them before a new module takes
//! over. What an example does not say (a time, a stream) is not held against the filter. Times are
//! compared to the millisecond, which is what destinations keep, and JavaScript.

use std::fmt;
use std::sync::Arc;

use serde::de::{self, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize};

use super::OnError;
use super::chain::{self, Blocked, Filter, Held};
use super::engine::Engine;
use super::instance::{Blueprint, Instance};
use super::limits::Limits;
use super::module::Module;
use super::settings::in_words;
use crate::clock;
use crate::record::receipt::{News, Receipt, news_channel};
use crate::record::{Batch, Columns, Container, Facts, Stream};
use crate::telemetry::metrics::Metrics;

/// What `examples.yaml` holds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Examples {
    /// Of examples that have none of their own.
    #[serde(default)]
    settings: Settings,
    /// The same for facts about the container.
    #[serde(default)]
    origin: Facts,
    pub examples: Vec<Example>,
}

type Settings = serde_json::Map<String, serde_json::Value>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    pub name: String,
    settings: Option<Settings>,
    origin: Option<Facts>,
    #[serde(rename = "in", default)]
    records_in: Vec<Text>,
    #[serde(rename = "out", default)]
    records_out: Vec<Text>,
    /// Words of the error that is to come: settings that are refused, or a batch that is not judged.
    pub refused: Option<String>,
}

/// A record: its text, or more of it.
#[derive(Debug, Clone)]
struct Text(Record);

/// A record as an example writes it.
#[derive(Debug, Clone, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Record {
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(
            "a record: its text (in quotes, where YAML takes it for something else), or { text, time, stream, route }",
        )
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
        let text = text.to_owned();
        Ok(Text(Record {
            text,
            ..Record::default()
        }))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Text, A::Error> {
        Record::deserialize(MapAccessDeserializer::new(map)).map(Text)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("time `{time}` is none like `2026-11-24T08:00:00.5Z`")]
    Time { time: String, source: jiff::Error },
    #[error("time `{time}`: times before 1970 are not for logs")]
    Past { time: String },
    #[error("stream `{0}`: it is `stdout` or `stderr`")]
    Stream(String),
    #[error(transparent)]
    Filter(#[from] Blocked),
    #[error("{error}, and it was to be refused with `{words}`")]
    Other { error: Blocked, words: String },
    #[error("it was to be refused with `{words}`, and was not")]
    NotRefused { words: String },
}

/// Where what came out and what was wanted stand beside each other.
#[derive(Debug)]
pub struct Difference {
    pub wanted: Option<Record>,
    pub got: Option<Record>,
}

impl Examples {
    /// Reads YAML.
    ///
    /// # Errors
    /// The parser's own words, which name line and column.
    pub fn parse(text: &str) -> Result<Self, String> {
        serde_saphyr::from_str(text).map_err(|error| in_words(&error))
    }

    /// Runs one: the places that differ, with those that do not between them; empty when all fit.
    ///
    /// # Errors
    /// When the example cannot be read, or the filter fails on it.
    pub fn run(
        &self,
        example: &Example,
        engine: &Engine,
        module: &Module,
        limits: &Limits,
    ) -> Result<Vec<Difference>, Error> {
        let settings = example.settings.as_ref().unwrap_or(&self.settings);
        let wanted: Vec<Record> = example
            .records_out
            .iter()
            .map(|text| text.0.clone())
            .collect();
        let origin = example.origin.as_ref().unwrap_or(&self.origin);
        let got = through(engine, module, limits, (settings, origin), example);
        let got = match (got, &example.refused) {
            (got, None) => got?,
            (Err(Error::Filter(error)), Some(words)) => {
                if error.to_string().contains(words) {
                    return Ok(Vec::new());
                }
                let words = words.clone();
                return Err(Error::Other { error, words });
            }
            (got, Some(words)) => {
                let words = words.clone();
                return got.and(Err(Error::NotRefused { words }));
            }
        };
        let fits = wanted.len() == got.len() && wanted.iter().zip(&got).all(|(w, g)| w.fits(g));
        if fits {
            return Ok(Vec::new());
        }
        let places = 0..wanted.len().max(got.len());
        let differences = places.map(|at| {
            let (wanted, got) = (wanted.get(at).cloned(), got.get(at).cloned());
            Difference { wanted, got }
        });
        Ok(differences.collect())
    }
}

impl Difference {
    /// The record, where there is no difference.
    #[must_use]
    pub fn same(&self) -> Option<&Record> {
        let (wanted, got) = (self.wanted.as_ref()?, self.got.as_ref()?);
        wanted.fits(got).then_some(got)
    }
}

impl Record {
    /// Whether `got` has all that this one says.
    #[must_use]
    pub fn fits(&self, got: &Self) -> bool {
        let time = |t: &Option<String>| {
            let time: jiff::Timestamp = t.as_ref()?.parse().ok()?;
            Some(time.as_millisecond())
        };
        self.text == got.text
            && (self.time.is_none() || time(&self.time) == time(&got.time))
            && (self.stream.is_none() || self.stream == got.stream)
            && self.route == got.route
    }

    /// On one line, as JSON.
    #[must_use]
    pub fn line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The example's records through the filter, in one batch that is the last.
fn through(
    engine: &Engine,
    module: &Module,
    limits: &Limits,
    (settings, origin): (&Settings, &Facts),
    example: &Example,
) -> Result<Vec<Record>, Error> {
    let routes: Vec<String> = example
        .records_out
        .iter()
        .filter_map(|text| text.0.route.clone())
        .collect();
    let name = super::module::stem(&module.path);
    let blueprint = Blueprint {
        engine: engine.clone(),
        module: module.clone(),
        settings: serde_json::Value::from(settings.clone()).to_string(),
        limits: limits.clone(),
        cpu: clock::thread_cpu,
        metrics: Metrics::default().filter(&name),
        name,
    };
    if example.records_in.is_empty() {
        // No batch, and so no instance, would ask the filter for its settings.
        Instance::new(&blueprint).map_err(|failure| Blocked {
            filter: blueprint.name.clone(),
            failure,
        })?;
    }
    let allowed = routes.iter().cloned().zip(0..).collect();
    let filter = Filter::new(blueprint, OnError::Block, allowed);
    let mut filters = [filter.quiet(example.refused.is_some())];
    let (to, _news) = std::sync::mpsc::channel::<News>();
    let batch = Batch {
        columns: columns(&example.records_in)?,
        receipt: Receipt::new(0, news_channel(to)),
    };
    let mut run = chain::Run {
        container: &Arc::new(container(origin)),
        held: &mut Held::default(),
        last: true,
        times: 0..=u64::MAX,
        now: std::time::Duration::ZERO,
        chosen_from: usize::MAX,
    };
    let out = chain::run(&mut filters, &[0], batch, &mut run)?.columns;
    let record = |at: usize| Record {
        text: String::from_utf8_lossy(out.record(at)).into_owned(),
        time: Some(clock::rfc3339(out.times[at])),
        stream: Some(out.streams[at].name().to_owned()),
        route: out
            .route(at)
            .and_then(|id| routes.get(id as usize).cloned()),
    };
    Ok((0..out.len()).map(record).collect())
}

fn container(origin: &Facts) -> Container {
    let fact = |name: &str| origin.get(name).cloned().unwrap_or_default();
    Container {
        namespace: fact("k8s.namespace.name"),
        pod: fact("k8s.pod.name"),
        pod_uid: fact("k8s.pod.uid"),
        name: fact("k8s.container.name"),
        facts: origin.clone(),
    }
}

fn columns(records: &[Text]) -> Result<Columns, Error> {
    let mut columns = Columns::default();
    for Text(record) in records {
        let time = record.time.as_deref().map_or(Ok(0), nanoseconds)?;
        let stream = match record.stream.as_deref() {
            None | Some("stdout") => Stream::Stdout,
            Some("stderr") => Stream::Stderr,
            Some(other) => return Err(Error::Stream(other.to_owned())),
        };
        columns.push(record.text.as_bytes(), time, stream, 0);
    }
    Ok(columns)
}

fn nanoseconds(time: &str) -> Result<u64, Error> {
    let time = time.to_owned();
    match time.parse::<jiff::Timestamp>() {
        Ok(at) => u64::try_from(at.as_nanosecond()).map_err(|_| Error::Past { time }),
        Err(source) => Err(Error::Time { time, source }),
    }
}
