//! One record that was written, and what came of it as far as the world knows: how often the service has it,
//! and whether the agent heard.

use support::kubelet::Stream;

/// One record that a container printed.
#[derive(Debug)]
pub struct Record {
    pub text: String,
    pub time_ms: i64,
    pub stream: Stream,
    /// The filter is asked to drop it.
    pub unwanted: bool,
    /// How often it came, and when last; whether the agent heard of it, and of what it may do again.
    pub(super) came: u32,
    pub(super) came_at: u64,
    pub(super) answered: bool,
    pub(super) may_come_again: bool,
    /// The service refused it.
    pub(super) rejected: bool,
    /// Some of its bytes were gone before they came: nobody could read it.
    pub(super) lost: bool,
}

impl Record {
    pub fn new(text: String, time_ms: i64, stream: Stream, unwanted: bool) -> Self {
        Self {
            text,
            time_ms,
            stream,
            unwanted,
            came: 0,
            came_at: 0,
            answered: false,
            may_come_again: false,
            rejected: false,
            lost: false,
        }
    }

    /// Whether the agent knows that nothing more is to come of it.
    pub(super) fn is_answered(&self) -> bool {
        self.answered || self.lost || self.unwanted
    }

    pub(super) fn is_accounted_for(&self) -> bool {
        self.came > 0 || self.rejected || self.lost || self.unwanted
    }

    pub(super) fn rank(&self) -> (Stream, i64) {
        (self.stream, self.time_ms)
    }
}
