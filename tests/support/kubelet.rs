//! Lays out and rotates log files as the kubelet and containerd do, and remembers every record.
//!
//! What it imitates was observed on a real node (Kubernetes 1.36, containerd 2.2): names, modes,
//! the order of the steps of a rotation, pieces of 16,384 bytes, what is unlinked when. Each step
//! can be taken by itself, so that a test can stand still in the middle of a rotation; the random
//! driver takes them in an order that a seed decides.

mod container;
pub mod cri;
mod driver;
mod pour;
mod rotation;
mod written;

use std::cell::Cell;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use container::Container;
pub use cri::Stream;
pub use driver::{Done, Driver, Mix};
pub use pour::poured_text;
pub use rotation::{ROTATION, Step};
pub use written::{Expected, Written, token, token_of};

/// How many files of one instance are kept, as `containerLogMaxFiles`: the live one among them.
const MAX_FILES: usize = 5;

/// A node's log folder.
#[derive(Debug, Clone)]
pub struct Kubelet {
    /// What is `/var/log` on a node.
    root: PathBuf,
    clock: Clock,
    /// How many containers were started, to number the next.
    started: Rc<Cell<usize>>,
}

impl Kubelet {
    /// Makes `pods` and `containers` below `root`. Its clock starts at the present, a minute back.
    pub fn new(root: &Path) -> Self {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("it is after 1970");
        Self::with_clock(
            root,
            Clock::starting_at(now.as_nanos() as u64 - 60_000_000_000),
        )
    }

    /// The same, with a clock of the test's own.
    pub fn with_clock(root: &Path, clock: Clock) -> Self {
        make_folder(&root.join("pods"));
        make_folder(&root.join("containers"));
        Kubelet {
            root: root.to_owned(),
            clock,
            started: Rc::default(),
        }
    }

    /// What is `/var/log/pods` on a node.
    pub fn pods(&self) -> PathBuf {
        self.root.join("pods")
    }

    /// What is `/var/log/containers` on a node.
    pub fn containers(&self) -> PathBuf {
        self.root.join("containers")
    }

    /// The clock that stamps every line.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Starts a container of a pod of its own.
    pub fn start(&self, namespace: &str, pod: &str, container: &str) -> Container {
        let number = self.started.get();
        let uid = format!("{number:08x}-0000-4000-8000-{number:012x}");
        self.start_in(namespace, pod, &uid, container)
    }

    /// Starts a container of the pod with this uid.
    pub fn start_in(&self, namespace: &str, pod: &str, uid: &str, container: &str) -> Container {
        let number = self.started.get();
        self.started.set(number + 1);
        Container::start(
            self,
            number,
            [namespace, pod, uid, container].map(str::to_owned),
        )
    }
}

/// A clock that moves on with every reading, so that what is written does not depend on the speed
/// of the machine.
#[derive(Debug, Clone)]
pub struct Clock {
    /// Nanoseconds since the Unix epoch.
    next: Rc<Cell<u64>>,
}

/// How far the clock moves on with each reading: times of ever different length, three or four
/// readings a millisecond.
const TICK_NS: u64 = 290_050;

impl Clock {
    /// A clock that shows this first, nanoseconds since the Unix epoch.
    pub fn starting_at(ns: u64) -> Self {
        Clock {
            next: Rc::new(Cell::new(ns)),
        }
    }

    /// The time, nanoseconds since the Unix epoch. Each reading is later than the former.
    pub fn read(&self) -> u64 {
        let now = self.next.get();
        self.next.set(now + TICK_NS);
        now
    }

    /// Moves on.
    pub fn advance(&self, time: Duration) {
        self.next.set(self.next.get() + time.as_nanos() as u64);
    }

    /// Steps back, as a corrected node clock does.
    pub fn step_back(&self, time: Duration) {
        self.next.set(self.next.get() - time.as_nanos() as u64);
    }
}

/// Makes a folder with the mode that the kubelet gives it, whatever the umask.
fn make_folder(path: &Path) {
    fs::create_dir_all(path).expect("a folder below the test's own");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("the folder is ours");
}
