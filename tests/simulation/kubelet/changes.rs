//! What faults ask of the kubelet: rotations, restarts, deletions; and what others do to its files.
//! What comes later in each is put down in `later`, with the delays that were seen.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use logsieve::clock::Now;
use support::kubelet::{Stream, cri};

use super::{Kubelet, Later, name};
use crate::books::Books;

/// As `containerLogMaxFiles`.
const MAX_FILES: usize = 5;

impl Kubelet {
    /// Packs the former plain file, and renames the live one; it is made anew a moment later.
    pub fn rotate(&mut self, index: usize, now: Now, books: &mut Books) {
        let container = &self.running[index];
        // The kubelet looks every few seconds, and rotates only what runs.
        let soon = now.mono < container.rotated_at + Duration::from_secs(1);
        if soon || !self.is_steady(index) {
            return;
        }
        let container = &mut self.running[index];
        container.rotated_at = now.mono;
        let (folder, live) = (container.folder.clone(), container.live_path());
        let prefix = format!("{}.log.", container.restart);
        let rotated = self.disk.paths_in(&folder);
        let rotated = rotated.into_iter().filter(|p| name(p).starts_with(&prefix));
        let (packed, plain): (Vec<_>, Vec<_>) = rotated.partition(|p| name(p).ends_with(".gz"));
        if packed.len() > MAX_FILES - 3 {
            self.disk.unlink(&packed[0]);
        }
        for path in plain {
            self.pack(&path, books);
        }
        let seconds = now.mono.as_secs();
        let stamp = format!(
            "20261123-{:02}{:02}{:02}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        );
        self.disk
            .rename(&live, &folder.join(format!("{prefix}{stamp}")));
        self.note(&folder);
        self.later
            .push((now.mono + Duration::from_millis(1), Later::Reopen(index)));
    }

    fn pack(&mut self, plain: &Path, books: &mut Books) {
        let Some(node) = self.disk.node_at(plain) else {
            return;
        };
        let temporary = plain.with_file_name(format!("{}.tmp", name(plain)));
        let packed = self.disk.create(&temporary);
        books.copied(node, packed);
        self.disk.append(packed, &gzip(&self.disk.bytes(node)));
        self.disk.rename(
            &temporary,
            &plain.with_file_name(format!("{}.gz", name(plain))),
        );
        self.disk.unlink(plain);
    }

    pub fn restart(&mut self, index: usize, now: Now, books: &mut Books) {
        let former = self.running[index].restart.checked_sub(1);
        if !self.stop(index, now, books) {
            return;
        }
        let folder = self.running[index].folder.clone();
        if let Some(former) = former {
            let prefix = format!("{former}.log");
            let mut paths = self.disk.paths_in(&folder);
            paths.retain(|path| name(path).starts_with(&prefix));
            let wait = Duration::from_millis(self.rng.u64(140..540));
            self.later.push((now.mono + wait, Later::Unlink(paths)));
        }
        let wait = Duration::from_millis(self.rng.u64(100..2000));
        self.later.push((now.mono + wait, Later::StartAgain(index)));
    }

    /// Ends a pod, whose files go about half a second later, and starts another.
    pub fn replace(&mut self, index: usize, now: Now, books: &mut Books) {
        if !self.stop(index, now, books) {
            return;
        }
        let paths = self.disk.paths_in(&self.running[index].folder);
        let wait = Duration::from_millis(self.rng.u64(260..1130));
        self.later.push((now.mono + wait, Later::Unlink(paths)));
        let (folder, wait) = (self.running[index].folder.clone(), wait * 4);
        self.later.push((now.mono + wait, Later::Sweep(folder)));
        self.running[index] = self.start(now, books);
    }

    /// Copied aside and cut: never by the kubelet, but by other tools on a node.
    pub fn truncate(&mut self, index: usize, books: &mut Books) {
        let live = self.running[index].live;
        if self.is_steady(index) {
            self.settle_torn(index);
            let seen_to = self.disk.truncate(live);
            books.truncated(live, seen_to);
        }
    }

    /// Somebody deletes the live file; the kubelet has it made anew at its next look.
    pub fn remove(&mut self, index: usize, now: Now) {
        let container = &self.running[index];
        if self.is_steady(index) {
            self.disk.unlink(&container.live_path());
            let folder = container.folder.clone();
            self.note(&folder);
            let wait = Duration::from_millis(self.rng.u64(50..3000));
            self.later.push((now.mono + wait, Later::Reopen(index)));
        }
    }

    /// The container prints no more, its last line perhaps without an end. False if it did not run,
    /// or is in the middle of a change.
    fn stop(&mut self, index: usize, now: Now, books: &mut Books) -> bool {
        if !self.is_steady(index) {
            return false;
        }
        self.settle_torn(index);
        if self.rng.bool() {
            let record = self.record(index, "goes", 300, Stream::Stdout, now, books);
            let (number, node) = (self.running[index].number, self.running[index].live);
            let text = books.accounts[number].records[record].text.clone();
            let mut out = Vec::new();
            self.line(
                node,
                record,
                cri::Tag::Partial,
                text.as_bytes(),
                number,
                &mut out,
                books,
            );
            self.disk.append(node, &out);
        }
        self.running[index].runs = false;
        true
    }

    /// It runs, and its live file is there.
    fn is_steady(&self, index: usize) -> bool {
        let changing = |later: &Later| matches!(later, Later::Reopen(i) if *i == index);
        self.running[index].runs && !self.later.iter().any(|(_, later)| changing(later))
    }
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let packed = encoder.write_all(bytes).and_then(|()| encoder.finish());
    packed.expect("memory takes everything")
}
