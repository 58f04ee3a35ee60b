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
use crate::record::{Cause, Facts};
use crate::source::journal::FOLDER;
use crate::source::journal::discover::{Discover, GivenUp, Sighting};
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
            let mut given_up = Vec::new();
            discover.scan(&mut |sighting| match sighting {
                Sighting::Found(found) => {
                    send(&found.folder.clone(), Event::Journal(found));
                }
                Sighting::Failed { path, source } => {
                    let (path, error) = (path.display(), &source as &dyn std::error::Error);
                    tracing::warn!(%path, error, "a part of the journal cannot be read, and is tried again");
                }
                Sighting::GivenUp(lost) => given_up.push(lost),
            });
            if scans == 0 && discover.present().next().is_none() {
                let hint = "is /var/log/journal or /run/log/journal mounted, and the agent uid 0?";
                tracing::warn!(hint, "there is no journal on this node yet");
            }
            // One that is still tried is not gone.
            let gone = if discover.is_trying() { 0 } else { left.len() };
            let now = clock.now().wall / 1_000_000_000;
            let lost = given_up.into_iter().filter_map(|lost| owe(&board, &lost, now));
            for left in left.drain(..gone).chain(lost) {
                send(&left.folder.clone(), Event::LeftBehind(left));
            }
            if scans.is_multiple_of(TOUCH_EVERY) {
                touch(&discover, &board, now);
            }
            if scans == 0 {
                board.listed();
            }
            scans = scans.wrapping_add(1);
            let _ = stopped.recv_timeout(SCAN_EVERY);
        }
    })
}

/// What is lost with a file that cannot be read; none where that is nothing, or was known before.
fn owe(board: &Board, lost: &GivenUp, now: u64) -> Option<LeftBehind> {
    let (path, error) = (lost.path.display(), &lost.source as &dyn std::error::Error);
    tracing::warn!(%path, error, "a part of the journal cannot be read, and is given up");
    let known = lost
        .file_id
        .map(|id| FileKey::of_journal(&lost.folder, &id));
    let settled = known.and_then(|key| board.watermark(&key));
    let settled = settled.map_or(0, |settled| settled.settled_bytes());
    let bytes = lost.bytes.saturating_sub(settled);
    let key = FileKey::of_unreadable(&lost.folder, &lost.path);
    if bytes == 0 || board.watermark(&key).is_some() {
        return None;
    }
    board.owe(&key, (Cause::Damaged, bytes), &lost.folder, now);
    let mut owed = board.left_behind().into_iter();
    let (key, entry) = owed.find(|(owed, _)| *owed == key)?;
    LeftBehind::new(&Facts::new(), key, entry)
}

fn touch(discover: &Discover, board: &Board, now: u64) {
    for (folder, file_id) in discover.present() {
        board.touch(&FileKey::of_journal(folder, file_id), now);
    }
    for (folder, path) in discover.given_up() {
        board.touch(&FileKey::of_unreadable(folder, path), now);
    }
}
