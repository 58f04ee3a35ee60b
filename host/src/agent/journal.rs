//! The thread that finds the journal's files. It tells lanes of each, and of what the last run of the agent
//! had left unread; and it sees to it that the checkpoint does not forget files that are still there.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::threads::lane_of;
use crate::checkpoint::board::Board;
use crate::checkpoint::store::FileKey;
use crate::clock::Clock;
use crate::lane::{Event, LeftBehind};
use crate::record::Facts;
use crate::source::journal::FOLDER;
use crate::source::journal::discover::{Discover, Sighting};
use crate::source::log_file::ask::Stop;

/// How often folders are listed.
const SCAN_EVERY: Duration = Duration::from_secs(1);
/// How often the checkpoint is told of the files that are there, in scans.
const TOUCH_EVERY: u32 = 600;

/// Finds files until it is stopped.
///
/// # Errors
/// When no thread can be started.
pub fn follow(
    mut discover: Discover,
    board: Arc<Board>,
    lanes: Vec<Sender<Event>>,
    stop: Stop,
    clock: Clock,
) -> io::Result<JoinHandle<()>> {
    // A lane that is gone is being stopped.
    let send = move |folder: &str, event| drop(lanes[lane_of(folder, lanes.len())].send(event));
    let left = board.left_behind().into_iter().filter_map(|(key, entry)| {
        LeftBehind::new(&Facts::new(), key, entry).filter(|l| l.folder.starts_with(FOLDER))
    });
    let mut left: Vec<LeftBehind> = left.collect();
    let (to, stopped) = channel();
    stop.wakes(move || to.send(()));
    Builder::new().name("journal".into()).spawn(move || {
        let mut scans = 0_u32;
        while !stop.asked() {
            discover.scan(&mut |sighting| match sighting {
                Sighting::Found(found) => {
                    send(&found.folder.clone(), Event::Journal(found));
                }
                Sighting::Failed { path, source } => {
                    let (path, error) = (path.display(), &source as &dyn std::error::Error);
                    tracing::warn!(%path, error, "a part of the journal cannot be read, and is left out");
                }
            });
            if scans == 0 && discover.present().next().is_none() {
                let hint = "is /var/log/journal or /run/log/journal mounted, and the agent uid 0?";
                tracing::warn!(hint, "there is no journal on this node yet");
            }
            for left in left.drain(..) {
                send(&left.folder.clone(), Event::LeftBehind(left));
            }
            if scans.is_multiple_of(TOUCH_EVERY) {
                touch(&discover, &board, clock.now().wall / 1_000_000_000);
            }
            if scans == 0 {
                board.listed();
            }
            scans = scans.wrapping_add(1);
            let _ = stopped.recv_timeout(SCAN_EVERY);
        }
    })
}

fn touch(discover: &Discover, board: &Board, now: u64) {
    for (folder, file_id) in discover.present() {
        board.touch(&FileKey::of_journal(folder, file_id), now);
    }
}
