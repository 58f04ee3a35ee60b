//! The JSON object that a record is sent in, when its destination's format is `json`:
//!
//! `{"kubernetes":{..},"stream":"stdout","time":"2026-..Z","log":".."}`
//!
//! Field names are those that Fluent Bit users query by. What does not change from one record to the
//! next is escaped once for each container and stream, and kept.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::record::{Container, Stream};

/// From a fact's name to the envelope's.
const FIELDS: [(&str, &str); 7] = [
    ("k8s.namespace.name", "namespace_name"),
    ("k8s.pod.name", "pod_name"),
    ("k8s.pod.uid", "pod_id"),
    ("k8s.container.name", "container_name"),
    ("container.id", "docker_id"),
    ("k8s.node.name", "host"),
    ("k8s.cluster.name", "cluster_name"),
];

/// The start of a container's envelopes, for both streams, up to the time's opening quote.
#[derive(Debug, Clone)]
pub struct Envelope {
    heads: [String; 2],
}

#[derive(Serialize)]
struct Head<'a> {
    kubernetes: BTreeMap<&'static str, &'a str>,
    stream: &'static str,
}

impl Envelope {
    #[must_use]
    pub fn new(container: &Container) -> Self {
        let facts = &container.facts;
        let kubernetes: BTreeMap<_, _> = FIELDS
            .iter()
            .filter_map(|(fact, field)| Some((*field, facts.get(*fact)?.as_str())))
            .collect();
        let head = |stream: Stream| {
            let head = Head {
                kubernetes: kubernetes.clone(),
                stream: stream.name(),
            };
            // Strings only: nothing that could fail to serialise.
            let mut text = serde_json::to_string(&head).unwrap_or_default();
            text.pop();
            text.push_str(",\"time\":\"");
            text
        };
        Self {
            heads: [head(Stream::Stdout), head(Stream::Stderr)],
        }
    }

    /// What stands before the time.
    #[must_use]
    pub fn head(&self, stream: Stream) -> &str {
        &self.heads[stream as usize]
    }
}

/// What stands between the time and the text.
pub const MIDDLE: &str = "\",\"log\":\"";
/// What stands behind the text.
pub const END: &str = "\"}";

/// Writes times as RFC 3339 in UTC, always 30 bytes; remembers the last second.
#[derive(Debug, Default)]
pub struct TimeText {
    second: u64,
    text: String,
}

/// Bytes of such a text.
pub const TIME_LEN: usize = 30;

impl TimeText {
    pub fn write(&mut self, nanos: u64, out: &mut Vec<u8>) {
        let (second, mut rest) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
        if second != self.second || self.text.is_empty() {
            self.second = second;
            self.text = crate::sink::rfc3339(second * 1_000_000_000);
            // Up to the fraction's point.
            self.text.truncate(20);
        }
        out.extend_from_slice(self.text.as_bytes());
        let mut digits = [b'0'; 10];
        digits[9] = b'Z';
        for digit in digits[..9].iter_mut().rev() {
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
        }
        out.extend_from_slice(&digits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_to_the_nanosecond() {
        let mut times = TimeText::default();
        for nanos in [0, 1_795_466_221_123_456_789, 1_795_466_221_000_000_001] {
            let mut out = Vec::new();
            times.write(nanos, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), crate::sink::rfc3339(nanos));
        }
    }
}
