//! What becomes of a container: read, passed over, or left to wait; worked out when it is found, when
//! something of its pod changes, and when it has waited long enough.
//!
//! When a container changes its chain, what its filters held is taken back and read again: nobody
//! else could tell which of it the new chain has seen.

use std::sync::Arc;
use std::time::Duration;

use super::{Follow, file};
use crate::clock::Now;
use crate::enrich::events::Notice;
use crate::enrich::pods::{News, Pods};
use crate::lane::Setup;
use crate::lane::account::Kept;
use crate::lane::stages::{Routed, Stages, Standing};
use crate::record::Container;
use crate::route::annotations::Wrong;
use crate::route::{PodState, Wait};
use crate::source::files;

impl Follow {
    /// What its records meet; none while it is not read.
    #[must_use]
    pub fn routed(&self) -> Option<&Routed> {
        match &self.standing {
            Standing::Reads(routed) => Some(routed),
            Standing::Skips | Standing::Waits(_) => None,
        }
    }

    #[must_use]
    pub fn waits(&self) -> bool {
        matches!(self.standing, Standing::Waits(_))
    }

    /// Until when the file that is read next waits for its container's id, which its records are sent
    /// with: the kubelet makes the link that names it a moment after the file. A stop does not wait.
    pub(super) fn id_until(&self) -> Option<Duration> {
        let sent = self.routed().is_some_and(|routed| routed.sends_id);
        let file = self.files.iter().find(|f| !f.read_out)?;
        file.id_until.filter(|_| sent && !self.draining)
    }

    /// Whether news could change what becomes of it.
    #[must_use]
    pub fn is_concerned_by(&self, news: &News) -> bool {
        match news {
            News::Pod(pod) => self.is_of(&pod.folder),
            News::Namespace { name, .. } => **name == *self.found.namespace,
            News::Gone { .. } | News::NamespaceGone { .. } => false,
        }
    }

    #[must_use]
    pub fn is_of(&self, pod_folder: &str) -> bool {
        let of_pod = self.account.folder.split_once('/').map(|(pod, _)| pod);
        of_pod == Some(pod_folder)
    }

    /// Its pod is not as it was.
    pub fn learn(&mut self, stages: &Stages, setup: &Setup, now: Duration) {
        for file in &mut self.files {
            file.container = enriched(&stages.pods, &file.found);
        }
        self.decide(stages, setup, now);
    }

    /// The container id of a restart has become known.
    pub fn relabel(&mut self, restart: u32, container: &Arc<Container>, pods: &Pods) {
        for file in self.files.iter_mut().filter(|f| f.restart == restart) {
            file.found = container.clone();
            file.id_until = None;
            file.container = enriched(pods, container);
        }
    }

    /// Gives up waiting for facts when it has waited long enough.
    pub fn decide_if_late(&mut self, stages: &Stages, setup: &Setup, now: Duration) {
        if self.waits_until.is_some_and(|until| until <= now) {
            self.decide(stages, setup, now);
        }
    }

    /// Works out what becomes of it. False: it is never read.
    pub fn decide(&mut self, stages: &Stages, setup: &Setup, now: Duration) -> bool {
        let known = stages.pods.enrich(&self.found);
        let give_up = self.since + setup.pods.wait;
        self.pod = match &known {
            Some(_) => PodState::Known,
            // No pod belongs to it: all that can be known of it is.
            None if files::is_plain(&self.account.folder) => PodState::Known,
            None if stages.pods.are_expected() && now < give_up => PodState::Awaited,
            None => PodState::GivenUp,
        };
        let container = known.unwrap_or_else(|| self.found.clone());
        let (standing, wrong) = stages.route(&container, self.pod);
        self.complain(&container, wrong, setup);
        let never = standing.is_none();
        self.stand(standing.unwrap_or(Standing::Skips), setup);
        let waits_a_while = matches!(
            self.standing,
            Standing::Waits(Wait::Pod { for_ever: false })
        );
        self.waits_until = waits_a_while.then_some(give_up);
        !never
    }

    /// The lane runs another plan. `renumbered`: destinations are not what they were to filters.
    pub fn replan(&mut self, stages: &Stages, setup: &Setup, now: Duration, renumbered: bool) {
        if renumbered {
            self.abandon_suspended();
            self.account.rewinding |= !self.held.is_empty();
        }
        // Whatever stopped it may work now.
        self.blocked_until = self.blocked_until.map(|until| until.min(now));
        // The next file that is read is routed anew.
        self.container = self.found.clone();
        self.decide(stages, setup, now);
    }

    fn stand(&mut self, standing: Standing, setup: &Setup) {
        let chain = |s: &Standing| match s {
            Standing::Reads(routed) => Some(routed.filters.clone()),
            Standing::Skips | Standing::Waits(_) => None,
        };
        if chain(&self.standing) != chain(&standing) {
            self.abandon_suspended();
            self.account.rewinding |= !self.held.is_empty() || self.partials.any_pending();
        }
        self.standing = standing;
        if self.routed().is_none() {
            self.unblock();
        }
        let limits = self.routed().map(|r| r.limits).unwrap_or_default();
        self.pace.limit(limits.bytes_per_second);
        let most = limits.record_bytes_max;
        self.partials
            .limit(most.unwrap_or(setup.source.record_bytes_max));
    }

    /// Tells the pod's owner what is wrong, once.
    fn complain(&mut self, container: &Container, wrong: Option<Wrong>, setup: &Setup) {
        if let Some(wrong) = &wrong
            && self.wrong.as_ref() != Some(wrong)
        {
            tracing::warn!(container = container.label(), %wrong, "pod asks for what it cannot have");
            let notice = Notice {
                namespace: container.namespace.clone(),
                pod: container.pod.clone(),
                uid: container
                    .facts
                    .get("k8s.pod.uid")
                    .cloned()
                    .unwrap_or_default(),
                message: wrong.to_string(),
            };
            // Where too many wait to be told, the log and the status say it all the same.
            let _ = setup.pods.notices.as_ref().map(|to| to.try_send(notice));
        }
        self.wrong = wrong;
    }

    /// A restarted or renamed container may have other names at its destination.
    pub(super) fn adopt(&mut self, place: usize, stages: &Stages, setup: &Setup) {
        let container = &self.files[place].container;
        if !Arc::ptr_eq(&self.container, container) {
            self.container = container.clone();
            let (standing, _) = stages.route(&self.container, self.pod);
            self.stand(standing.unwrap_or(Standing::Skips), setup);
        }
    }

    /// Passes over what is unread, up to the end of the last whole line: should the container be
    /// read again, it begins with a line. Says whether there is more.
    pub(super) fn skip(
        &mut self,
        place: usize,
        now: Now,
        stages: &mut Stages,
        setup: &Setup,
    ) -> bool {
        let file: &mut file::File = &mut self.files[place];
        file.learn_key(&setup.board, &self.account.folder, now);
        file.skip_settled();
        let from = file.tail.offset();
        let end = from + file.tail.unread();
        let near_end = from.max(end.saturating_sub(stages.chunk.len() as u64));
        file.tail.seek(near_end);
        let read = file.tail.read(&mut stages.chunk, None).unwrap_or(0);
        let line_end = memchr::memrchr(b'\n', &stages.chunk[..read]);
        let to = near_end + line_end.map_or(0, |at| at as u64 + 1);
        file.tail.seek(to);
        if to == from {
            file.torn();
            return false;
        }
        setup.metrics.enrich.excluded_bytes.inc_by(to - from);
        file.extent.read(to);
        let (moved, bytes) = file.extent.settle(from, to);
        self.account.books.settled(bytes);
        if moved {
            file.commit(&setup.board, &self.account.folder, now);
        }
        false
    }
}

/// The container with what is known of its pod, or as it was found.
pub fn enriched(pods: &Pods, found: &Arc<Container>) -> Arc<Container> {
    pods.enrich(found).unwrap_or_else(|| found.clone())
}
