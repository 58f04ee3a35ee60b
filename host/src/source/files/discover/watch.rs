//! Drives `Discover` by what the kernel announces, with a scan now and then as the net below lost events. What
//! one rotation does is seen in one scan.

use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;

use super::Discover;
use crate::clock::Clock;
use crate::source::log_file::ask::{Again, Stop};
use crate::source::log_file::sighting::Sighting;
use crate::source::log_file::watch::{Heard, Watcher};

/// A rotation renames and makes several files: what follows one change within this time is seen with it.
const TOGETHER: Duration = Duration::from_millis(10);
/// What is not clear yet (a file that is being compressed, a folder that is missing) is looked at again
/// after this long.
const UNSETTLED: Duration = Duration::from_secs(1);

/// Lists, then lists again what changed, until stopped. `after` is called after each scan.
/// `blind` counts who has to do without the kernel.
pub fn watch(
    mut discover: Discover,
    (clock, rescan_every): (Clock, Duration),
    (stop, mut again): (&Stop, Again),
    blind: Gauge<i64>,
    tell: &mut dyn FnMut(Sighting),
    after: &mut dyn FnMut(&Discover),
) {
    let mut watcher = Watcher::start([stop, &again], blind);
    let mut due = true;
    let mut scanned = Duration::ZERO;
    while !stop.asked() {
        if due {
            watcher.revive();
            for folder in discover.folders().1 {
                // Again: another folder may have its name.
                watcher.add(&folder);
            }
            discover.scan(tell);
            after(&discover);
            scanned = clock.now().mono;
        }
        let rescan_every = watcher.rescan_after(rescan_every);
        let wait = if discover.unsettled {
            UNSETTLED.min(rescan_every)
        } else {
            rescan_every
        };
        due = match watcher.hear((scanned + wait).saturating_sub(clock.now().mono)) {
            Heard::Changes(_) => {
                std::thread::sleep(TOGETHER);
                // They belong to the same scan.
                let _ = watcher.hear(Duration::ZERO);
                true
            }
            Heard::Nothing => false,
        };
        due |= watcher.has_lost_some() || clock.now().mono.saturating_sub(scanned) >= wait;
        if again.is_asked() {
            discover.tell_again();
            due = true;
        }
    }
}
