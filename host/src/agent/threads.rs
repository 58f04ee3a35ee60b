//! The agent's threads: a ten-line loop around each piece of plain code. What decides anything is
//! elsewhere, where a simulation and a test can drive it.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::outlets::Outlets;
use super::pulse::Beat;
use crate::checkpoint::board::Board;
use crate::checkpoint::store::{FileKey, Store};
use crate::clock::Clock;
use crate::lane::{Event, Lane, LeftBehind};
use crate::record::Budget;
use crate::source::container_log::discover::{Discover, watch};
use crate::source::container_log::path::pod_folder;
use crate::source::files;
use crate::source::journal::FOLDER;
use crate::source::log_file::ask::{Again, Stop};
use crate::source::log_file::identity::Head;
use crate::source::log_file::sighting::Sighting;
use crate::telemetry::metrics::Metrics;

/// How often a checkpoint is written at most: within a second of the settling, and no oftener, since all of
/// it is written each time.
pub const SAVE_EVERY: Duration = Duration::from_millis(750);
/// What happens within this time of another thing is taken together with it, where nothing waits for
/// room: a lane is woken once for all the answers to what it sent together.
const GATHER: Duration = Duration::from_millis(100);
/// How often a drain looks whether it is done.
const DRAIN_LOOK: Duration = Duration::from_millis(20);

/// A lane on its thread.
pub struct LaneThread {
    pub to: Sender<Event>,
    handle: JoinHandle<()>,
    drained: Receiver<()>,
    stop: Stop,
}

impl LaneThread {
    pub fn start(
        number: usize,
        (mut lane, beat): (Lane, Beat),
        clock: Clock,
        to: Sender<Event>,
        events: Receiver<Event>,
        outlets: Arc<Outlets>,
    ) -> io::Result<Self> {
        let stop = Stop::default();
        let stopped = stop.clone();
        let (done, drained) = channel();
        let handle = Builder::new()
            .name(format!("lane-{number}"))
            .spawn(move || {
                let (mut rest, mut gathers) = (Duration::ZERO, false);
                while !stopped.asked() {
                    beat.now();
                    let until = clock.now().mono + rest;
                    let first = events.recv_timeout(rest).ok();
                    if gathers && first.is_some() {
                        // Not beyond what is due: one look does for both.
                        let left = until.saturating_sub(clock.now().mono);
                        std::thread::sleep(GATHER.min(left));
                    }
                    let step = lane.step(clock.now(), first.into_iter().chain(events.try_iter()));
                    for (destination, request) in step.requests {
                        outlets.send(destination, request);
                    }
                    if lane.is_drained() {
                        let _ = done.send(());
                        return;
                    }
                    (rest, gathers) = (step.rest, step.gathers);
                }
            })?;
        Ok(Self {
            to,
            handle,
            drained,
            stop,
        })
    }
}

/// Asks all lanes to finish, and waits: at most `limit`, or until `hurry`. Says whether all is
/// answered.
pub async fn drain<T>(
    lanes: Vec<LaneThread>,
    limit: Duration,
    hurry: impl Future<Output = T>,
) -> bool {
    for lane in &lanes {
        let _ = lane.to.send(Event::Drain);
    }
    let all = async {
        let mut waiting: Vec<&LaneThread> = lanes.iter().collect();
        while !waiting.is_empty() {
            waiting.retain(|lane| lane.drained.try_recv().is_err());
            tokio::time::sleep(DRAIN_LOOK).await;
        }
    };
    let drained = tokio::select! {
        () = all => true,
        () = tokio::time::sleep(limit) => false,
        _ = hurry => false,
    };
    for lane in lanes {
        lane.stop.now();
        let _ = lane.handle.join();
    }
    drained
}

/// Finds files, and hands each to the lane of its container. Once all that are there have been told,
/// the lanes hear what the last run of the agent had left behind, and look whether it is lost.
pub fn discover(
    discover: Discover,
    (clock, rescan_every): (Clock, Duration),
    (stop, again): (Stop, Again),
    lanes: Vec<Sender<Event>>,
    (board, metrics): (Arc<Board>, Arc<Metrics>),
) -> io::Result<JoinHandle<()>> {
    let mut left = Some((discover.node().clone(), board.left_behind()));
    Builder::new().name("discover".into()).spawn(move || {
        // A lane that is gone is being stopped.
        let send = |lane: usize, event| drop(lanes[lane].send(event));
        let mut tell = |sighting: Sighting| {
            if let Sighting::Present { folder, files } = &sighting {
                return touch(&board, folder, files, clock.now().wall / 1_000_000_000);
            }
            if matches!(sighting, Sighting::Listed) {
                board.listed();
                let (node, left) = left.take().unwrap_or_default();
                // Those of the journal and of plain files are told when their files are.
                let others = |owner: &str| owner.starts_with(FOLDER) || files::is_plain(owner);
                let left = left
                    .into_iter()
                    .filter(|(key, _)| !others(&key.pod_uid))
                    .filter_map(|(key, entry)| LeftBehind::new(&node, key, entry));
                for left in left {
                    let lane = lane_of(&left.folder, lanes.len());
                    send(lane, Event::LeftBehind(left));
                }
                return;
            }
            let lane = lane_of(sighting.folder(), lanes.len());
            send(lane, Event::Sighting(sighting));
        };
        let times = (clock, rescan_every);
        watch(
            discover,
            times,
            (&stop, again),
            metrics.source.blind.clone(),
            &mut tell,
        );
    })
}

/// These files of a container are still on the disk: what is known of them is not to be forgotten.
fn touch(board: &Board, folder: &str, files: &[(u32, Head)], now: u64) {
    let Some((pod, container)) = folder.split_once('/') else {
        return;
    };
    let uid = pod_folder(pod).map_or("", |pod| pod.uid);
    for (restart, head) in files {
        board.touch(
            &FileKey::of_log(uid, container, *restart, (head.len, head.hash)),
            now,
        );
    }
}

/// The same container always meets the same lane, and so do those of one pod: they may share a stream,
/// and each lane fills requests of its own.
pub(super) fn lane_of(folder: &str, lanes: usize) -> usize {
    let pod = folder.split_once('/').map(|(pod, _)| pod);
    let owner = pod.filter(|pod| pod_folder(pod).is_some());
    let hash = owner
        .unwrap_or(folder)
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    // The lowest bit is the parity of the name: pods that have their number in it twice share it.
    usize::try_from((hash >> 32) % lanes as u64).unwrap_or(0)
}

/// What writes checkpoints.
pub struct Saving {
    stop: Sender<()>,
    handle: JoinHandle<()>,
}

impl Saving {
    /// Writes the last one.
    pub fn finish(self) {
        drop(self.stop);
        let _ = self.handle.join();
    }
}

pub fn save_checkpoints(
    store: Store,
    board: Arc<Board>,
    metrics: Arc<Metrics>,
    budget: Arc<Budget>,
    clock: Clock,
    beat: Beat,
) -> io::Result<Saving> {
    let (stop, stopped) = channel::<()>();
    let handle = Builder::new().name("checkpoint".into()).spawn(move || {
        let mut failing = false;
        loop {
            beat.now();
            let last = stopped.recv_timeout(SAVE_EVERY) == Err(RecvTimeoutError::Disconnected);
            metrics
                .budget_used_bytes
                .set(i64::try_from(budget.used()).unwrap_or(i64::MAX));
            if let Some(entries) = board.take_changes(clock.now().wall / 1_000_000_000) {
                match store.save(&entries) {
                    Ok(()) => {
                        metrics.checkpoint_saves.inc();
                        failing = false;
                    }
                    Err(error) => {
                        metrics.checkpoint_failures.inc();
                        board.not_saved();
                        if !failing {
                            let error = &error as &dyn std::error::Error;
                            tracing::error!(
                                error,
                                "checkpoint cannot be written, and is tried again"
                            );
                        }
                        failing = true;
                    }
                }
            }
            if last {
                return;
            }
        }
    })?;
    Ok(Saving { stop, handle })
}

#[cfg(test)]
mod tests {
    use super::lane_of;

    #[test]
    fn containers_are_spread_over_lanes_whatever_their_names_repeat() {
        for lanes in [2, 3, 4] {
            let mut met = vec![0; lanes];
            for number in 0..100 {
                met[lane_of(&format!("web_p{number}_u{number}/app"), lanes)] += 1;
            }
            assert!(met.iter().all(|count| *count > 10), "{met:?}");
        }
    }
}
