//! Bad days by script: which requests meet which fault.
//!
//! A script is a list of rules. For each request the first rule that applies decides; without one
//! the service is well. A rule counts the requests that it could apply to by operation and log
//! group, and hits a window of them, by number or by time. Scripts are data, so that a process can
//! be handed one in a file, and a failing test prints it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A fault, and the requests that meet it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub fault: Fault,
    /// Only requests for this operation, such as `PutLogEvents`; any when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Only requests for log groups whose name starts so. Ignored by faults that strike before the
    /// body is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_group: Option<String>,
    /// Lets so many requests through first.
    #[serde(default)]
    pub after_requests: u64,
    /// Hits so many requests, then ends; without it, never ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<u64>,
    /// Begins so long after the script was set.
    #[serde(default)]
    pub after_seconds: f64,
    /// Ends so long after it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Of the requests in the window, hits only every so many: 3 hits the first, fourth, seventh.
    #[serde(default = "one")]
    pub every: u64,
}

fn one() -> u64 {
    1
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// ThrottlingException. Nothing is stored.
    Throttle,
    /// ExpiredTokenException. Nothing is stored.
    ExpiredToken,
    /// Any error of the service. Nothing is stored.
    Error { code: String, message: String },
    /// A bare status, as a load balancer in front of the service gives it. Nothing is stored.
    Status {
        status: u16,
        #[serde(default)]
        body: StatusBody,
    },
    /// The request is taken in and never answered. Nothing is stored.
    Hang,
    /// The connection is closed when the request's head has come. Nothing is stored.
    Drop,
    /// The connection is reset in the middle of the request's body. Nothing is stored.
    ResetRequest,
    /// Everything is stored, and answered after this long, in small pieces.
    Slow { milliseconds: u64 },
    /// Everything is stored, and the connection closed without an answer.
    StoreThenDrop,
    /// Everything is stored, and the connection reset in the middle of the answer.
    ResetAnswer,
    /// Everything is stored, and answered with status 200 and a page of HTML.
    WrongContentType,
    /// Everything is stored, and answered with so many bytes of valid JSON.
    GiantAnswer { bytes: u64 },
}

/// The body that comes with a bare status.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusBody {
    #[default]
    Empty,
    Json,
    Xml,
}

impl Fault {
    /// Whether it strikes before the body is read.
    fn is_early(&self) -> bool {
        matches!(self, Fault::Drop | Fault::ResetRequest)
    }
}

impl Rule {
    /// A rule that hits every request.
    pub fn always(fault: Fault) -> Self {
        Rule {
            fault,
            operation: None,
            log_group: None,
            after_requests: 0,
            requests: None,
            after_seconds: 0.0,
            seconds: None,
            every: 1,
        }
    }

    /// Only requests for this operation.
    pub fn on(self, operation: &str) -> Self {
        Rule {
            operation: Some(operation.to_owned()),
            ..self
        }
    }

    /// Only log groups whose name starts so.
    pub fn in_log_group(self, prefix: &str) -> Self {
        Rule {
            log_group: Some(prefix.to_owned()),
            ..self
        }
    }

    /// Lets so many requests through first.
    pub fn after(self, requests: u64) -> Self {
        Rule {
            after_requests: requests,
            ..self
        }
    }

    /// Hits so many requests.
    pub fn times(self, requests: u64) -> Self {
        Rule {
            requests: Some(requests),
            ..self
        }
    }

    /// Lasts so long.
    pub fn lasting(self, time: Duration) -> Self {
        Rule {
            seconds: Some(time.as_secs_f64()),
            ..self
        }
    }

    /// Hits only every so many.
    pub fn every(self, requests: u64) -> Self {
        Rule {
            every: requests,
            ..self
        }
    }

    fn names(&self, operation: &str, log_group: Option<&str>) -> bool {
        let group = |prefix: &String| log_group.is_some_and(|group| group.starts_with(prefix));
        self.operation.as_ref().is_none_or(|name| name == operation)
            && (self.fault.is_early() || self.log_group.as_ref().is_none_or(group))
    }

    /// Whether it hits the request that is number `seen` of those it names, from 0.
    fn hits(&self, seen: u64, elapsed: Duration) -> bool {
        let elapsed = elapsed.as_secs_f64();
        let in_time = elapsed >= self.after_seconds
            && self
                .seconds
                .is_none_or(|seconds| elapsed < self.after_seconds + seconds);
        let Some(nth) = seen.checked_sub(self.after_requests) else {
            return false;
        };
        let every = self.every.max(1);
        in_time && nth % every == 0 && self.requests.is_none_or(|most| nth / every < most)
    }
}

/// A script that is being played.
#[derive(Debug, Default)]
pub struct Script {
    /// Each rule with the number of requests that it has named so far.
    rules: Vec<(Rule, u64)>,
}

impl Script {
    pub fn new(rules: Vec<Rule>) -> Self {
        Script {
            rules: rules.into_iter().map(|rule| (rule, 0)).collect(),
        }
    }

    /// The fault that strikes as soon as the head of a request has come, `elapsed` after the
    /// script was set.
    pub fn early(&mut self, operation: &str, elapsed: Duration) -> Option<Fault> {
        self.pick(true, operation, None, elapsed)
    }

    /// The fault that strikes when the whole request has come.
    pub fn late(
        &mut self,
        operation: &str,
        log_group: Option<&str>,
        elapsed: Duration,
    ) -> Option<Fault> {
        self.pick(false, operation, log_group, elapsed)
    }

    fn pick(
        &mut self,
        early: bool,
        operation: &str,
        log_group: Option<&str>,
        elapsed: Duration,
    ) -> Option<Fault> {
        let mut picked = None;
        for (rule, seen) in &mut self.rules {
            if rule.fault.is_early() != early || !rule.names(operation, log_group) {
                continue;
            }
            if picked.is_none() && rule.hits(*seen, elapsed) {
                picked = Some(rule.fault.clone());
            }
            // Every rule counts every request it names, so that windows do not shift each other.
            *seen += 1;
        }
        picked
    }
}
