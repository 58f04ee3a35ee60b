//! Compares what arrived with what was written: lost, repeated, reordered, altered.
//!
//! Records are matched by their token. Order is judged for each output of each container by the
//! first arrival of each record, so that a repeat, which at-least-once allows, does not hide or
//! feign a wrong order. A tally prints what is wrong by container, a few of each kind.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use crate::cloudwatch::Event;
use crate::kubelet::{Expected, Stream, token_of};

/// How many examples of each kind a tally prints for a container.
const EXAMPLES_MAX: usize = 5;

/// A record that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// `namespace/pod/container`, where the sink tells it.
    pub container: Option<String>,
    /// Where the sink tells it.
    pub stream: Option<Stream>,
    /// Milliseconds since the Unix epoch, where the sink tells it.
    pub time_ms: Option<i64>,
    pub text: String,
}

impl Delivered {
    /// A log event whose message is the record's text and nothing else.
    pub fn text(event: &Event) -> Self {
        let (text, time_ms) = (event.message.clone(), Some(event.timestamp));
        Delivered {
            container: None,
            stream: None,
            time_ms,
            text,
        }
    }
}

/// In which order records must have arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// As they were written.
    Written,
    /// By millisecond, and within one as they were written: what CloudWatch shows.
    Millisecond,
}

/// What is wrong with the records of one container.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Account {
    /// How many were expected.
    pub expected: usize,
    /// Tokens that never came.
    pub lost: Vec<String>,
    /// Whether a record came that was written after one that is lost.
    pub gaps: bool,
    /// Tokens that came again, once for each time too many.
    pub repeated: Vec<String>,
    /// Tokens that came after one that should have come later.
    pub reordered: Vec<String>,
    /// Tokens whose text, time, stream or container is not what was written, and how.
    pub altered: Vec<(String, String)>,
}

impl Account {
    fn is_clean(&self) -> bool {
        self.lost.is_empty() && self.reordered.is_empty() && self.altered.is_empty()
    }
}

/// The comparison of all containers.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tally {
    pub containers: BTreeMap<String, Account>,
    /// Texts that arrived and were never written.
    pub unknown: Vec<String>,
}

impl Tally {
    /// Compares. `expected` is in the order of writing within each container.
    ///
    /// # Panics
    /// When an expected text has no token, or two have the same: then the test itself is wrong.
    pub fn of(expected: &[Expected], delivered: &[Delivered], order: Order) -> Self {
        let mut tally = Tally::default();
        let mut by_token: HashMap<&str, (usize, &Expected)> = HashMap::new();
        for (place, record) in expected.iter().enumerate() {
            let token = token_of(&record.text).expect("every record that is compared has a token");
            let former = by_token.insert(token, (place, record));
            assert!(former.is_none(), "the token `{token}` was written twice");
            tally.account(record).expected += 1;
        }
        let ordered = sorted(delivered, order);
        let mut seen: HashSet<&str> = HashSet::new();
        let mut latest: HashMap<(&str, Stream), (i64, usize)> = HashMap::new();
        for record in ordered {
            let found = token_of(&record.text).and_then(|token| by_token.get_key_value(token));
            let Some((&token, &(place, expected))) = found else {
                tally.unknown.push(record.text.clone());
                continue;
            };
            if let Some(how) = difference(expected, record) {
                tally
                    .account(expected)
                    .altered
                    .push((token.to_owned(), how));
            }
            if !seen.insert(token) {
                tally.account(expected).repeated.push(token.to_owned());
                continue;
            }
            let rank = match order {
                Order::Written => (0, place),
                Order::Millisecond => (expected.time_ms, place),
            };
            let lane = latest
                .entry((&expected.container, expected.stream))
                .or_insert(rank);
            if rank < *lane {
                tally.account(expected).reordered.push(token.to_owned());
            }
            *lane = rank.max(*lane);
        }
        for record in expected {
            let token = token_of(&record.text).expect("it had one above");
            let account = tally.account(record);
            match seen.contains(token) {
                true => account.gaps |= !account.lost.is_empty(),
                false => account.lost.push(token.to_owned()),
            }
        }
        tally
    }

    /// How many came again, over all containers.
    pub fn repeats(&self) -> usize {
        self.containers
            .values()
            .map(|account| account.repeated.len())
            .sum()
    }

    /// How many never came, over all containers.
    pub fn losses(&self) -> usize {
        self.containers
            .values()
            .map(|account| account.lost.len())
            .sum()
    }

    /// Whether every record came at least once, whole and in order, and nothing else came.
    pub fn is_at_least_once(&self) -> bool {
        self.unknown.is_empty() && self.containers.values().all(Account::is_clean)
    }

    /// # Panics
    /// When a record is lost, reordered or altered, or something came that nobody wrote.
    pub fn assert_at_least_once(&self) {
        assert!(
            self.is_at_least_once(),
            "not every record came whole and in order:\n{self}"
        );
    }

    /// # Panics
    /// As [`Tally::assert_at_least_once`], and when a record came twice.
    pub fn assert_exactly_once(&self) {
        self.assert_at_least_once();
        assert!(self.repeats() == 0, "records came more than once:\n{self}");
    }

    /// For what comes in no promised order.
    ///
    /// # Panics
    /// As [`Tally::assert_exactly_once`], but for reordered records.
    pub fn assert_each_once_in_any_order(&self) {
        let mut tally = self.clone();
        let accounts = tally.containers.values_mut();
        accounts.for_each(|account| account.reordered.clear());
        tally.assert_exactly_once();
    }

    /// # Panics
    /// Unless exactly so many records came, each once, and those missing are the last of their
    /// container: what a reader that stopped in good order has delivered.
    pub fn assert_prefix_came_once(&self, came: usize) {
        let expected: usize = self
            .containers
            .values()
            .map(|account| account.expected)
            .sum();
        assert!(self.repeats() == 0 && self.unknown.is_empty(), "{self}");
        assert_eq!(expected - self.losses(), came, "{self}");
        for account in self.containers.values() {
            assert!(
                account.reordered.is_empty() && account.altered.is_empty(),
                "{self}"
            );
            assert!(!account.gaps, "something is missing in the middle:\n{self}");
        }
    }

    fn account(&mut self, record: &Expected) -> &mut Account {
        if !self.containers.contains_key(&record.container) {
            self.containers
                .insert(record.container.clone(), Account::default());
        }
        self.containers
            .get_mut(&record.container)
            .expect("it was just made sure")
    }
}

/// The records in the order in which a reader sees them.
fn sorted(delivered: &[Delivered], order: Order) -> Vec<&Delivered> {
    let mut sorted: Vec<&Delivered> = delivered.iter().collect();
    if order == Order::Millisecond {
        sorted.sort_by_key(|record| record.time_ms);
    }
    sorted
}

/// How a record differs from what was written.
fn difference(expected: &Expected, delivered: &Delivered) -> Option<String> {
    fn differs<T: PartialEq + fmt::Debug>(
        what: &str,
        expected: &T,
        got: &Option<T>,
    ) -> Option<String> {
        let got = got.as_ref()?;
        (got != expected).then(|| format!("{what} {got:?} instead of {expected:?}"))
    }
    let text =
        || {
            (expected.text != delivered.text).then(|| {
            let (got, expected) = (&delivered.text, &expected.text);
            let same = got.bytes().zip(expected.bytes()).take_while(|(a, b)| a == b).count();
            format!(
                "text of {} bytes instead of {}, different from byte {same}: `{}` instead of `{}`",
                got.len(),
                expected.len(),
                excerpt(got, same),
                excerpt(expected, same)
            )
        })
        };
    differs("container", &expected.container, &delivered.container)
        .or_else(|| differs("stream", &expected.stream, &delivered.stream))
        .or_else(|| differs("time", &expected.time_ms, &delivered.time_ms))
        .or_else(text)
}

/// Some text around a byte, to print.
fn excerpt(text: &str, around: usize) -> String {
    let bytes = text.as_bytes();
    let from = around.saturating_sub(20).min(bytes.len());
    let to = (around + 40).min(bytes.len());
    String::from_utf8_lossy(&bytes[from..to]).into_owned()
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, account) in &self.containers {
            let Account {
                expected,
                lost,
                repeated,
                reordered,
                altered,
                gaps: _,
            } = account;
            writeln!(
                formatter,
                "{name}: {expected} written, {} lost, {} repeated, {} reordered, {} altered",
                lost.len(),
                repeated.len(),
                reordered.len(),
                altered.len()
            )?;
            let altered: Vec<String> = altered
                .iter()
                .map(|(token, how)| format!("{token} ({how})"))
                .collect();
            for (what, tokens) in [
                ("lost", lost),
                ("repeated", repeated),
                ("reordered", reordered),
                ("altered", &altered),
            ] {
                examples(formatter, what, tokens)?;
            }
        }
        writeln!(formatter, "{} that nobody wrote", self.unknown.len())?;
        examples(formatter, "unknown", &self.unknown)
    }
}

fn examples(formatter: &mut fmt::Formatter<'_>, what: &str, tokens: &[String]) -> fmt::Result {
    if tokens.is_empty() {
        return Ok(());
    }
    let shown = tokens
        .iter()
        .take(EXAMPLES_MAX)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    let more = tokens.len().saturating_sub(EXAMPLES_MAX);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    writeln!(formatter, "  {what}: {shown}{more}")
}
