//! Many containers at once, doing whatever a seed says: print, rotate, restart, end.
//!
//! What happens is decided by the seed alone; when files are unlinked follows the wall clock, no
//! faster than a real node does it, since a reader needs that time to open them. A test calls
//! [`Driver::step`] as often as it likes, with pauses of its own, and compares the books at the end.

use std::time::{Duration, Instant};

use fastrand::Rng;

use super::cri::{PIECE_BYTES_MAX, Stream};
use super::rotation::Step;
use super::{Container, Kubelet, Written};

/// How often each thing happens, out of the sum of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mix {
    /// A line of up to 300 bytes, on either output.
    pub print: u32,
    /// A line of several pieces, with lines of the other output between them.
    pub print_long: u32,
    /// Bytes that are not UTF-8.
    pub print_bytes: u32,
    pub rotate: u32,
    pub restart: u32,
    /// The pod is deleted, and another takes its place.
    pub replace: u32,
}

impl Default for Mix {
    fn default() -> Self {
        Mix {
            print: 900,
            print_long: 20,
            print_bytes: 40,
            rotate: 12,
            restart: 4,
            replace: 4,
        }
    }
}

/// The shortest time between rotations or restarts of one container. A real node takes three
/// seconds or more.
const BETWEEN_FILES: Duration = Duration::from_millis(1000);

/// The shortest time between the end of a pod and the unlinking of its files, as a real node was
/// seen to take.
const UNLINKED_AFTER: Duration = Duration::from_millis(260);

/// Many containers, driven by a seed.
#[derive(Debug)]
pub struct Driver {
    kubelet: Kubelet,
    rng: Rng,
    mix: Mix,
    running: Vec<(Container, Instant)>,
    /// Pods that have ended, and when their files go.
    leaving: Vec<(Container, Instant)>,
    gone: Vec<Container>,
    pods: usize,
    done: Done,
}

/// How often something was really done; what came too soon after the former is skipped.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    pub rotations: usize,
    pub restarts: usize,
    /// Pods that were deleted, all their files unlinked.
    pub deletions: usize,
}

impl Driver {
    /// Starts so many containers.
    pub fn new(kubelet: &Kubelet, seed: u64, containers: usize, mix: Mix) -> Self {
        let mut driver = Driver {
            kubelet: kubelet.clone(),
            rng: Rng::with_seed(seed),
            mix,
            running: Vec::new(),
            leaving: Vec::new(),
            gone: Vec::new(),
            pods: 0,
            done: Done::default(),
        };
        for _ in 0..containers {
            let container = driver.start();
            driver.running.push((container, Instant::now()));
        }
        driver
    }

    /// Does one thing in one container.
    pub fn step(&mut self) {
        self.unlink_what_is_due();
        let Mix {
            print,
            print_long,
            print_bytes,
            rotate,
            restart,
            replace,
        } = self.mix;
        let index = self.rng.usize(..self.running.len());
        let mut choice = self
            .rng
            .u32(..print + print_long + print_bytes + rotate + restart + replace);
        let mut falls = |weight: u32| {
            let falls = choice < weight;
            choice = choice.wrapping_sub(weight);
            falls
        };
        if falls(print) {
            self.print(index);
        } else if falls(print_long) {
            self.print_long(index);
        } else if falls(print_bytes) {
            self.running[index]
                .0
                .print_numbered(Stream::Stdout, b"caf\xe9 \xff\xfe \0 end");
        } else if falls(rotate) {
            self.rotate(index);
        } else if falls(restart) {
            self.restart(index);
        } else {
            self.replace(index);
        }
    }

    /// Rotates the log of every running container.
    pub fn rotate_all(&mut self) {
        for (container, changed) in &mut self.running {
            *changed = Instant::now();
            self.done.rotations += 1;
            container.rotate();
        }
    }

    /// Waits for what is still to be unlinked, and unlinks it.
    pub fn finish(&mut self) {
        while !self.leaving.is_empty() {
            std::thread::sleep(Duration::from_millis(20));
            self.unlink_what_is_due();
        }
    }

    /// How often each thing was done that follows the wall clock.
    pub fn done(&self) -> Done {
        self.done
    }

    /// All that was ever written, container by container, in file order within each.
    pub fn written(&self) -> Vec<Written> {
        let running = self
            .running
            .iter()
            .chain(&self.leaving)
            .map(|(container, _)| container);
        self.gone
            .iter()
            .chain(running)
            .flat_map(|container| container.written())
            .cloned()
            .collect()
    }

    fn start(&mut self) -> Container {
        self.pods += 1;
        let namespace = ["payments", "search", "web"][self.rng.usize(..3)];
        self.kubelet
            .start(namespace, &format!("pod-{}", self.pods), "app")
    }

    fn print(&mut self, index: usize) {
        let stream = if self.rng.u8(..) < 200 {
            Stream::Stdout
        } else {
            Stream::Stderr
        };
        let length = self.rng.usize(..300);
        let text: String = (0..length).map(|_| self.rng.alphanumeric()).collect();
        self.running[index].0.print_numbered(stream, text);
    }

    fn print_long(&mut self, index: usize) {
        let container = &mut self.running[index].0;
        let mut text = container.next_token().into_bytes();
        text.push(b' ');
        text.resize(self.rng.usize(PIECE_BYTES_MAX..4 * PIECE_BYTES_MAX), b'x');
        container.print_around(Stream::Stdout, text, |container, _| {
            container.print_numbered(Stream::Stderr, "between the pieces");
        });
    }

    fn rotate(&mut self, index: usize) {
        let (container, changed) = &mut self.running[index];
        if changed.elapsed() < BETWEEN_FILES {
            return;
        }
        *changed = Instant::now();
        self.done.rotations += 1;
        for step in super::ROTATION {
            if step == Step::Reopen {
                container.print_numbered(Stream::Stdout, "after the rename");
            }
            container.step(step);
        }
    }

    fn restart(&mut self, index: usize) {
        let (container, changed) = &mut self.running[index];
        if changed.elapsed() < BETWEEN_FILES {
            return;
        }
        *changed = Instant::now();
        self.done.restarts += 1;
        container.restart();
    }

    fn replace(&mut self, index: usize) {
        let fresh = (self.start(), Instant::now());
        let (mut ended, _) = std::mem::replace(&mut self.running[index], fresh);
        ended.exit();
        let due = UNLINKED_AFTER + Duration::from_millis(self.rng.u64(..800));
        self.leaving.push((ended, Instant::now() + due));
    }

    fn unlink_what_is_due(&mut self) {
        let now = Instant::now();
        for (mut container, _) in self.leaving.extract_if(.., |(_, due)| *due <= now) {
            container.delete();
            self.done.deletions += 1;
            self.gone.push(container);
        }
    }
}
