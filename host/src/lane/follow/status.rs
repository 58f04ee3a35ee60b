//! What is told of one container when somebody asks: what becomes of it, where each of its files
//! stands, and how far behind it is.

use std::time::Duration;

use super::{File, Follow};
use crate::clock::Now;
use crate::lane::stages::Standing;
use crate::record::status::{ContainerStatus, FileStatus, State};
use crate::route::Wait;

impl Follow {
    #[must_use]
    pub fn status(&self, now: Now) -> ContainerStatus {
        let file = |file: &File| FileStatus {
            restart: file.restart,
            length: file.tail.stat().len,
            offset: file.tail.offset(),
            committed_offset: file.extent.watermark().prefix(),
            unlinked: file.tail.stat().links == 0,
        };
        let files = self.files.iter().map(file).collect();
        let (state, why) = self.state(now.mono);
        let found = &self.found;
        ContainerStatus {
            namespace: found.namespace.clone(),
            pod: found.pod.clone(),
            container: found.name.clone(),
            state,
            why,
            ledger: Some(self.ledger()),
            ..ContainerStatus::of_files(files, self.newest, now.wall)
        }
    }

    fn state(&self, now: Duration) -> (State, Option<String>) {
        let wrong = self.wrong.as_ref().map(ToString::to_string);
        match &self.standing {
            Standing::Waits(Wait::Pod { .. }) => {
                (State::Waits, Some("its pod is not known yet".to_owned()))
            }
            Standing::Waits(Wait::Module { filter }) => (
                State::Waits,
                Some(format!("filter `{filter}` has no module that works")),
            ),
            Standing::Waits(Wait::Annotation(wrong)) => (State::Waits, Some(wrong.to_string())),
            Standing::Skips => (State::Skips, wrong),
            Standing::Reads(_) if self.blocked_until.is_some() => (
                State::Blocked,
                Some("a filter fails on its records".to_owned()),
            ),
            Standing::Reads(_) if self.pace.waits_until(now).is_some() => (
                State::Reads,
                Some("read as fast as its route allows, and no faster".to_owned()),
            ),
            Standing::Reads(_) => (State::Reads, wrong),
        }
    }
}
