//! Why something does not take over, and when it is tried again.
//!
//! What is wrong with a module stays wrong until its files change, so it is tried once. What took too long
//! may only have met a busy node: it is tried again, after waits that double.

use std::time::Duration;

use crate::filter::examples;
use crate::filter::instance::Failure;
use crate::filter::module;

/// How long until what took too long is tried again, at first and at most: a try takes ten deadlines.
const WAIT_MIN: Duration = Duration::from_secs(5);
const WAIT_MAX: Duration = Duration::from_secs(300);

#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error(transparent)]
    Module(#[from] module::Error),
    #[error(transparent)]
    Failure(#[from] Failure),
    #[error("its settings, in the file beside it: {0}")]
    Settings(String),
    #[error("its examples cannot be read: {0}")]
    Examples(String),
    #[error("its own example `{name}` fails: {cause}")]
    Example {
        name: String,
        cause: String,
        /// It took too long.
        is_late: bool,
    },
}

impl Refusal {
    /// Whether the disk may have the same in order the next time.
    pub(super) fn may_pass(&self) -> bool {
        use module::Error;
        matches!(self, Self::Module(Error::Read { .. } | Error::Keep { .. }))
    }

    /// Whether there was no more than too little time.
    pub(super) fn is_late(&self) -> bool {
        match self {
            Self::Failure(failure) => matches!(failure, Failure::Overran(_)),
            Self::Example { is_late, .. } => *is_late,
            Self::Module(_) | Self::Settings(_) | Self::Examples(_) => false,
        }
    }

    pub(super) fn of_example(name: &str, error: &examples::Error) -> Self {
        use examples::Error;
        let is_late = match error {
            Error::Filter(blocked) | Error::Other { error: blocked, .. } => {
                matches!(blocked.failure, Failure::Overran(_))
            }
            _ => false,
        };
        Self::Example {
            name: name.to_owned(),
            cause: error.to_string(),
            is_late,
        }
    }
}

/// When what took too long is tried again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Later {
    pub at: Duration,
    wait: Duration,
}

impl Later {
    pub fn behind(former: Option<Self>, now: Duration) -> Self {
        let wait = former.map_or(WAIT_MIN, |former| (former.wait * 2).min(WAIT_MAX));
        let at = now + wait;
        Self { at, wait }
    }
}
