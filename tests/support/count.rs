//! Compares what arrived of poured records with what was written, by number: a line for each container
//! with what is lost, repeated, reordered and altered. For millions of records, where
//! [`tally`](crate::tally) would keep every text.

use std::fmt;

use crate::cloudwatch::Event;
use crate::kubelet::{Container, poured_text, token_of};

/// What came of one container's poured records.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Count {
    pub name: String,
    pub written: usize,
    pub lost: usize,
    pub repeated: usize,
    pub reordered: usize,
    pub altered: usize,
    /// Records of the agent itself: what it says was lost.
    pub markers: Vec<String>,
}

impl Count {
    /// Compares; `events` are in the order in which a reader sees them.
    pub fn of(container: &Container, events: &[Event]) -> Self {
        let number = container.number();
        let mut seen = vec![false; container.poured()];
        let mut count = Self {
            name: container.name(),
            written: seen.len(),
            ..Self::default()
        };
        let mut latest = 0;
        for event in events {
            if event.message.starts_with("logsieve: ") {
                count.markers.push(event.message.clone());
                continue;
            }
            let Some(at) = number_of(&event.message, number).filter(|at| *at < seen.len()) else {
                count.altered += 1;
                continue;
            };
            count.altered += usize::from(event.message != poured_text(number, at));
            if std::mem::replace(&mut seen[at], true) {
                count.repeated += 1;
                continue;
            }
            count.reordered += usize::from(at < latest);
            latest = latest.max(at);
        }
        count.lost = seen.iter().filter(|seen| !**seen).count();
        count
    }

    /// # Panics
    /// When a record is lost, reordered or altered.
    pub fn assert_at_least_once(&self) {
        let wrong = self.lost + self.reordered + self.altered;
        assert!(wrong == 0 && self.markers.is_empty(), "{self}");
    }
}

/// The number in the token at the start of a text, if it is this container's.
fn number_of(text: &str, container: usize) -> Option<usize> {
    let (owner, number) = token_of(text)?.strip_prefix('c')?.split_once('-')?;
    (owner.parse() == Ok(container)).then(|| number.parse().ok())?
}

impl fmt::Display for Count {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            written,
            lost,
            repeated,
            reordered,
            altered,
            markers,
        } = self;
        write!(
            formatter,
            "{name}: {written} written, {lost} lost, {repeated} repeated, {reordered} reordered, {altered} altered"
        )?;
        match markers.first() {
            Some(first) => write!(formatter, ", {} markers: {first}", markers.len()),
            None => Ok(()),
        }
    }
}
