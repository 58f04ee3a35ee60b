//! The JSON object that a record is sent in. By default:
//!
//! `{"kubernetes":{..},"stream":"stdout","time":"2026-..Z","log":".."}`
//!
//! and as Fluent Bit sends it:
//!
//! `{"time":"..","stream":"stdout","_p":"F","log":"..","data":{..},"kubernetes":{..}}`
//!
//! What does not change from one record to the next is escaped once for each container, and kept.

use std::collections::BTreeMap;

use serde::Serialize;

use super::escape::escape;
use super::format::FluentBit;
use crate::record::form::{Form, Line};
use crate::record::{Container, Facts, Stream};

/// The fact that records of the node itself have, and those of containers do not.
const SOURCE: &str = "log.source";
/// The units whose records Container Insights calls those of the data plane.
const DATAPLANE: [&str; 4] = [
    "docker.service",
    "containerd.service",
    "kubelet.service",
    "snap.kubelet-eks.daemon.service",
];
/// Before the names of a pod's labels and annotations, in those of facts.
const LABEL: &str = "k8s.pod.label.";
const ANNOTATION: &str = "k8s.pod.annotation.";

/// A piece of every message: as it stands in a body, where the message is a string.
#[derive(Debug, Clone, Default)]
pub struct Piece {
    pub escaped: Vec<u8>,
    /// Bytes of the piece itself.
    pub len: usize,
}

impl Piece {
    fn new(text: &str) -> Self {
        let mut escaped = Vec::new();
        escape(text, &mut escaped);
        // An escaper asks for six times the room, and this is kept as long as the container.
        escaped.shrink_to_fit();
        Self {
            escaped,
            len: text.len(),
        }
    }
}

/// What stands around a record's time and text.
#[derive(Debug, Clone)]
pub struct Frame {
    pub before_time: Piece,
    pub after_time: Piece,
    /// There is a time between the two; else the second is empty.
    pub timed: bool,
}

/// All frames of one container.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// By stream and kind of line.
    frames: [[Frame; 3]; 2],
    /// From the text's closing quote on.
    pub tail: Piece,
    /// The tail without that quote, as it is.
    pub behind_log: String,
    /// Times keep the form that the runtime gave them.
    pub times_as_written: bool,
}

/// What opens the text: the end of every frame.
pub const LOG: &str = "\"log\":\"";

impl Envelope {
    /// The default. Records of the node itself have what is known of them where those of containers
    /// have `kubernetes`, under the name of their source.
    #[must_use]
    pub fn json(container: &Container) -> Self {
        if let Some(source) = container.facts.get(SOURCE) {
            return Self::of_node(source, &container.facts);
        }
        let kubernetes = json(&Kubernetes::of(&container.facts, None));
        let frame = |stream: Stream, _: Line| {
            let name = stream.name();
            let before = format!("{{\"kubernetes\":{kubernetes},\"stream\":\"{name}\",\"time\":\"");
            Frame::timed(&before, &format!("\",{LOG}"))
        };
        Self {
            frames: frames(frame),
            tail: Piece::new("\"}"),
            behind_log: "}".into(),
            times_as_written: false,
        }
    }

    /// What Container Insights' Fluent Bit makes of the node's journal: another object for what runs
    /// containers than for the rest of the node.
    fn container_insights(facts: &Facts) -> Self {
        let fact = |name: &str| facts.get(name).map(String::as_str);
        let unit = fact("systemd.unit");
        let mut names = vec![
            ("az", "cloud.availability_zone"),
            ("ec2_instance_id", "host.id"),
        ];
        names.extend(match unit {
            Some(unit) if DATAPLANE.contains(&unit) => {
                [("hostname", "host.name"), ("systemd_unit", "systemd.unit")].to_vec()
            }
            _ => [
                ("host", "host.name"),
                ("ident", "syslog.identifier"),
                ("pid", "journal.syslog_pid"),
            ]
            .to_vec(),
        });
        let known = names
            .iter()
            .filter_map(|(key, name)| Some((*key, fact(name)?)));
        let known = known.collect::<BTreeMap<_, _>>();
        let before = json(&known);
        let comma = if known.is_empty() { "" } else { "," };
        let before = before.trim_end_matches('}');
        let frame = |_: Stream, _: Line| Frame::bare(&format!("{before}{comma}\"message\":\""));
        Self {
            frames: frames(frame),
            tail: Piece::new("\"}"),
            behind_log: "}".into(),
            times_as_written: false,
        }
    }

    fn of_node(source: &str, facts: &Facts) -> Self {
        let facts = facts.iter().filter(|(name, _)| *name != SOURCE);
        let facts = json(&facts.collect::<BTreeMap<_, _>>());
        let before = format!("{{{}:{facts},\"time\":\"", json(&source));
        let frame = |_: Stream, _: Line| Frame::timed(&before, &format!("\",{LOG}"));
        Self {
            frames: frames(frame),
            tail: Piece::new("\"}"),
            behind_log: "}".into(),
            times_as_written: false,
        }
    }

    /// Fluent Bit's.
    #[must_use]
    pub fn fluent_bit(container: &Container, keys: &FluentBit) -> Self {
        if container.facts.contains_key(SOURCE) {
            return Self::container_insights(&container.facts);
        }
        let kubernetes = json(&Kubernetes::of(&container.facts, Some(keys)));
        let behind_log = format!(",\"kubernetes\":{kubernetes}}}");
        let frame = |stream: Stream, line: Line| {
            let p = match line {
                Line::Whole => "F",
                Line::Joined => "P",
                // Where no runtime's head was read there is nothing to repeat.
                Line::Bare => return Frame::bare(&format!("{{{LOG}")),
            };
            let name = stream.name();
            let after = format!("\",\"stream\":\"{name}\",\"_p\":\"{p}\",{LOG}");
            Frame::timed("{\"time\":\"", &after)
        };
        Self {
            frames: frames(frame),
            tail: Piece::new(&format!("\"{behind_log}")),
            behind_log,
            times_as_written: true,
        }
    }

    #[inline]
    #[must_use]
    pub fn frame(&self, stream: Stream, line: Line) -> &Frame {
        &self.frames[stream as usize][line as usize]
    }

    /// How a record's time is written.
    #[inline]
    #[must_use]
    pub fn form_of_time(&self, form: Form) -> Form {
        if self.times_as_written {
            form
        } else {
            Form::default()
        }
    }

    /// Bytes of a message without its text.
    #[inline]
    #[must_use]
    pub fn len(&self, stream: Stream, form: Form) -> usize {
        let frame = self.frame(stream, form.line);
        let time = if frame.timed {
            super::time::len(self.form_of_time(form))
        } else {
            0
        };
        frame.before_time.len + time + frame.after_time.len + self.tail.len
    }
}

fn frames(frame: impl Fn(Stream, Line) -> Frame) -> [[Frame; 3]; 2] {
    [Stream::Stdout, Stream::Stderr]
        .map(|stream| [Line::Whole, Line::Joined, Line::Bare].map(|line| frame(stream, line)))
}

impl Frame {
    fn timed(before: &str, after: &str) -> Self {
        Self {
            before_time: Piece::new(before),
            after_time: Piece::new(after),
            timed: true,
        }
    }

    fn bare(text: &str) -> Self {
        Self {
            before_time: Piece::new(text),
            after_time: Piece::default(),
            timed: false,
        }
    }
}

/// Facts under the names that Fluent Bit users query by, in its order.
#[derive(Serialize)]
struct Kubernetes<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pod_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pod_id: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pod_ip: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    docker_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container_hash: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container_image: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster_name: Option<&'a str>,
}

impl<'a> Kubernetes<'a> {
    /// `keys`: as Fluent Bit sends it; else what tells where a record is from, and nothing more.
    fn of(facts: &'a Facts, keys: Option<&FluentBit>) -> Self {
        let fact = |name: &str| facts.get(name).map(String::as_str);
        let fluent_bit = |name: &str| keys.and_then(|_| fact(name));
        let under = |prefix: &'static str, wanted: bool| -> BTreeMap<&'a str, &'a str> {
            let all = facts.range(prefix.to_owned()..);
            let named = all.map_while(|(name, value)| Some((name.strip_prefix(prefix)?, &**value)));
            named.filter(|_| wanted).collect()
        };
        let image = fact("container.image.name").map(|name| match fact("container.image.tags") {
            Some(tag) => format!("{name}:{tag}"),
            None => name.to_owned(),
        });
        Self {
            pod_name: fact("k8s.pod.name"),
            namespace_name: fact("k8s.namespace.name"),
            pod_id: fact("k8s.pod.uid"),
            labels: under(LABEL, keys.is_some_and(|k| k.labels)),
            annotations: under(ANNOTATION, keys.is_some_and(|k| k.annotations)),
            host: fact("k8s.node.name"),
            pod_ip: fluent_bit("k8s.pod.ip"),
            container_name: fact("k8s.container.name"),
            docker_id: fact("container.id"),
            container_hash: fluent_bit("container.image.id"),
            container_image: image.filter(|_| keys.is_some()),
            cluster_name: fact("k8s.cluster.name").filter(|_| keys.is_none()),
        }
    }
}

fn json(value: &impl Serialize) -> String {
    // Strings only: nothing that could fail to serialise.
    serde_json::to_string(value).unwrap_or_default()
}
