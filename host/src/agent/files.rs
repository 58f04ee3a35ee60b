//! The thread that finds plain files. It tells lanes of each, and of what the last run of the agent had left
//! unread; and it sees to it that the checkpoint does not forget files that are still there.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;

use super::threads::lane_of;
use crate::checkpoint::board::Board;
use crate::checkpoint::store::FileKey;
use crate::checkpoint::watermark::Watermark;
use crate::clock::Clock;
use crate::lane::{Event, LeftBehind};
use crate::record::Facts;
use crate::source::files::discover::{Discover, watch};
use crate::source::files::is_plain;
use crate::source::log_file::ask::{Again, Stop};
use crate::source::log_file::sample::inode_id;
use crate::source::log_file::sighting::Sighting;

/// How often the checkpoint is told of the files that are there.
const TOUCH_EVERY: Duration = Duration::from_secs(600);

/// Finds files until it is stopped.
///
/// # Errors
/// When no thread can be started.
pub fn follow(
    discover: Discover,
    (board, node): (Arc<Board>, Facts),
    blind: Gauge<i64>,
    lanes: Vec<Sender<Event>>,
    (stop, again): (Stop, Again),
    (clock, rescan_every): (Clock, Duration),
) -> io::Result<JoinHandle<()>> {
    let left = board.left_behind().into_iter();
    let left = left.filter(|(key, _)| is_plain(&key.pod_uid));
    let left = left.filter_map(|(key, entry)| LeftBehind::new(&node, key, entry));
    let mut left: Vec<LeftBehind> = left.collect();
    Builder::new().name("files".into()).spawn(move || {
        // A lane that is gone is being stopped.
        let to = |folder: &str| &lanes[lane_of(folder, lanes.len())];
        let mut tell = |sighting: Sighting| {
            if matches!(sighting, Sighting::Listed) {
                for left in left.drain(..) {
                    drop(to(&left.folder).send(Event::LeftBehind(left)));
                }
                return;
            }
            drop(to(sighting.folder()).send(Event::Sighting(sighting)));
        };
        let mut touched = None;
        let mut after = |discover: &Discover| {
            let now = clock.now();
            let since = |at| now.mono.saturating_sub(at);
            if touched.is_none_or(|at| since(at) >= TOUCH_EVERY) {
                touch(discover, &board, now.wall / 1_000_000_000);
                if touched.replace(now.mono).is_none() {
                    board.listed();
                }
            }
        };
        let times = (clock, rescan_every);
        watch(
            discover,
            times,
            (&stop, again),
            blind,
            &mut tell,
            &mut after,
        );
    })
}

fn touch(discover: &Discover, board: &Board, now: u64) {
    for mark in discover.marks() {
        let key = FileKey::of_mark(&mark);
        board.commit(&key, &Watermark::default(), None, now);
        board.touch(&key, now);
    }
    for (folder, inode) in discover.present() {
        let id = inode_id(&inode);
        for (key, _) in board.of_owner(&folder) {
            if key.head.1 == id {
                board.touch(&key, now);
            }
        }
    }
}
