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
    /// Only requests whose body contains this. Ignored by faults that strike before it is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub containing: Option<String>,
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
    /// The same, for requests beyond a quota: so many a second after a burst, as an account has it,
    /// whatever they are for. Times in thousandths, so that scripts compare.
    Quota {
        requests_per_1000_seconds: u64,
        burst: u64,
    },
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
    /// Everything is stored, and never answered.
    StoreThenHang,
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
    /// Everything is stored, but for the entity, of which this is said.
    RejectEntity { error_type: String },
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
    /// XML whose code is `Throttling`.
    XmlThrottling,
    Html,
}

impl Fault {
    /// Whether it strikes before the body is read.
    fn is_early(&self) -> bool {
        matches!(self, Fault::Drop | Fault::ResetRequest)
    }

    /// Whether the client cannot know that the request was stored, and may well send it again.
    pub fn loses_answer(kind: &str) -> bool {
        [
            "store_then_drop",
            "store_then_hang",
            "reset_answer",
            "wrong_content_type",
            "giant_answer",
        ]
        .contains(&kind)
    }
}

impl Rule {
    /// A rule that hits every request.
    pub fn always(fault: Fault) -> Self {
        Rule {
            fault,
            operation: None,
            log_group: None,
            containing: None,
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

    /// Only requests whose body contains this.
    pub fn containing(self, text: &str) -> Self {
        Rule {
            containing: Some(text.to_owned()),
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

    fn names(&self, operation: &str, about: &About<'_>) -> bool {
        let group = |prefix: &String| about.log_group.is_some_and(|g| g.starts_with(prefix));
        let text = |text: &String| {
            let mut places = about.body.windows(text.len().max(1));
            places.any(|place| place == text.as_bytes())
        };
        self.operation.as_ref().is_none_or(|name| name == operation)
            && (self.fault.is_early()
                || (self.log_group.as_ref().is_none_or(group)
                    && self.containing.as_ref().is_none_or(text)))
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

/// What is known of a request when its body has come.
#[derive(Debug, Default)]
pub struct About<'a> {
    pub log_group: Option<&'a str>,
    /// Unpacked, where it was packed.
    pub body: &'a [u8],
}

/// A script that is being played.
#[derive(Debug, Default)]
pub struct Script {
    rules: Vec<Played>,
}

/// A rule, and what it has seen so far.
#[derive(Debug)]
struct Played {
    rule: Rule,
    /// Requests that it has named.
    seen: u64,
    /// Of a quota: what is left of it, and when that was worked out.
    left: f64,
    at: Duration,
}

impl Played {
    fn new(rule: Rule) -> Self {
        let left = match rule.fault {
            Fault::Quota { burst, .. } => burst as f64,
            _ => 0.0,
        };
        Played {
            rule,
            seen: 0,
            left,
            at: Duration::ZERO,
        }
    }

    /// Whether a request at this time is beyond the quota; faults without one take every request.
    fn exceeds(&mut self, elapsed: Duration) -> bool {
        let Fault::Quota {
            requests_per_1000_seconds,
            burst,
        } = self.rule.fault
        else {
            return true;
        };
        let earned = elapsed.saturating_sub(self.at).as_secs_f64();
        let earned = earned * requests_per_1000_seconds as f64 / 1000.0;
        self.left = (self.left + earned).min(burst as f64);
        self.at = elapsed;
        let exceeds = self.left < 1.0;
        if !exceeds {
            self.left -= 1.0;
        }
        exceeds
    }
}

impl Script {
    pub fn new(rules: Vec<Rule>) -> Self {
        Script {
            rules: rules.into_iter().map(Played::new).collect(),
        }
    }

    /// The fault that strikes as soon as the head of a request has come, `elapsed` after the
    /// script was set.
    pub fn early(&mut self, operation: &str, elapsed: Duration) -> Option<Fault> {
        self.pick(true, operation, &About::default(), elapsed)
    }

    /// The fault that strikes when the whole request has come.
    pub fn late(&mut self, operation: &str, about: &About<'_>, elapsed: Duration) -> Option<Fault> {
        self.pick(false, operation, about, elapsed)
    }

    fn pick(
        &mut self,
        early: bool,
        operation: &str,
        about: &About<'_>,
        elapsed: Duration,
    ) -> Option<Fault> {
        let mut picked = None;
        for played in &mut self.rules {
            let rule = &played.rule;
            if rule.fault.is_early() != early || !rule.names(operation, about) {
                continue;
            }
            let hits = rule.hits(played.seen, elapsed);
            if picked.is_none() && hits && played.exceeds(elapsed) {
                picked = Some(played.rule.fault.clone());
            }
            // Every rule counts every request it names, so that windows do not shift each other.
            played.seen += 1;
        }
        picked
    }
}
