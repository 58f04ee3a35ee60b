//! Plain logs of a node, who writes them, and what `logrotate` does to them, on the disk in memory: renamed
//! and opened anew a moment later, copied and cut with what is written between, compressed, deleted.

use std::path::{Path, PathBuf};
use std::time::Duration;

use fastrand::Rng;
use logsieve::clock::Now;
use logsieve::source::files;
use support::kubelet::{Stream, cri};

use crate::books::{Books, Record};
use crate::disk::{Disk, Node};
use crate::faults::Kind;

pub const FOLDER: &str = "/var/log/plain";
pub const NAMES: [&str; 3] = ["messages", "secure", "cron.log"];
/// Rotated files of a log; the oldest goes.
const ROTATED_MAX: usize = 4;
/// `logrotate` runs no sooner again.
const SOONEST: Duration = Duration::from_secs(1);
/// Writes are seen torn at multiples of this.
const PAGE: usize = 4096;

/// What is to be done later, for which log.
enum Later {
    Reopen(usize),
    /// So many bytes were copied.
    Cut(usize, usize),
}

struct Log {
    /// Its account.
    number: usize,
    path: PathBuf,
    /// What is written to.
    live: Node,
    /// Bytes that were written and are not seen yet, and where.
    torn: Option<(Node, Vec<u8>)>,
    rotated_at: Duration,
    /// Lines a second, on average.
    rate: u32,
    time_ms: u64,
}

pub struct Plain {
    disk: Disk,
    rng: Rng,
    logs: Vec<Log>,
    later: Vec<(Duration, Later)>,
    /// Names in the folder have come or gone.
    pub changed: bool,
}

impl Plain {
    pub fn new(disk: Disk, rng: Rng, books: &mut Books) -> Self {
        disk.make_folder(Path::new(FOLDER));
        disk.tell_times();
        let mut plain = Self {
            disk,
            rng,
            logs: Vec::new(),
            later: Vec::new(),
            changed: true,
        };
        for name in NAMES {
            let path = Path::new(FOLDER).join(name);
            let number = books.open_account(name, &files::folder(&path));
            let live = plain.disk.create(&path);
            books.created(live, number, 0);
            let rate = [5, 60, 800][plain.rng.usize(..3)];
            plain.logs.push(Log {
                number,
                path,
                live,
                torn: None,
                rotated_at: Duration::ZERO,
                rate,
                time_ms: 0,
            });
        }
        plain
    }

    /// Lets everybody write until now, and does what is due.
    pub fn tick(&mut self, now: Now, since: Duration, writing: bool, books: &mut Books) {
        let due = self.later.extract_if(.., |(at, _)| *at <= now.mono);
        for later in due.map(|(_, later)| later).collect::<Vec<_>>() {
            self.catch_up(later, books);
        }
        for index in 0..self.logs.len() {
            self.settle_torn(index);
            if writing {
                self.write_some(index, now, since, books);
            }
        }
    }

    pub fn meets(&mut self, kind: Kind, now: Now, books: &mut Books) {
        match kind {
            Kind::Rename(index) => self.rename(index, now, books),
            Kind::CopyAndTruncate(index) => self.copy_and_truncate(index, now, books),
            _ => {}
        }
    }

    fn catch_up(&mut self, later: Later, books: &mut Books) {
        match later {
            Later::Reopen(index) => {
                self.settle_torn(index);
                let log = &mut self.logs[index];
                log.live = self.disk.create(&log.path);
                books.created(log.live, log.number, 0);
                self.changed = true;
            }
            Later::Cut(index, copied) => {
                self.settle_torn(index);
                let live = self.logs[index].live;
                self.disk.truncate(live);
                books.cut_behind_copy(live, copied as u64);
            }
        }
    }

    /// Renames the live file; whoever writes it goes on there for a while.
    fn rename(&mut self, index: usize, now: Now, books: &mut Books) {
        if !self.makes_room(index, now, books) {
            return;
        }
        let path = &self.logs[index].path;
        self.disk.rename(path, &ending(path, 1, ""));
        let wait = Duration::from_millis(self.rng.u64(1..300));
        self.later.push((now.mono + wait, Later::Reopen(index)));
    }

    /// Copies the live file, and cuts it.
    fn copy_and_truncate(&mut self, index: usize, now: Now, books: &mut Books) {
        if !self.makes_room(index, now, books) {
            return;
        }
        self.settle_torn(index);
        let log = &self.logs[index];
        let copy = self.disk.create(&ending(&log.path, 1, ""));
        let bytes = self.disk.bytes(log.live);
        self.disk.append(copy, &bytes);
        books.copied(log.live, copy);
        let wait = Duration::from_millis(self.rng.u64(..30));
        let cut = Later::Cut(index, bytes.len());
        self.later.push((now.mono + wait, cut));
    }

    /// Each rotated file gets the next number, the second is compressed. False: it is too soon.
    fn makes_room(&mut self, index: usize, now: Now, books: &mut Books) -> bool {
        let log = &mut self.logs[index];
        let busy = self.later.iter().any(|(_, later)| match later {
            Later::Reopen(of) | Later::Cut(of, _) => *of == index,
        });
        if busy || now.mono < log.rotated_at + SOONEST {
            return false;
        }
        log.rotated_at = now.mono;
        let path = log.path.clone();
        for end in ["", ".gz"] {
            self.disk.unlink(&ending(&path, ROTATED_MAX, end));
            for number in (1..ROTATED_MAX).rev() {
                let from = ending(&path, number, end);
                self.disk.rename(&from, &ending(&path, number + 1, end));
            }
        }
        if self.rng.bool() {
            self.pack(&ending(&path, 2, ""), books);
        }
        self.changed = true;
        true
    }

    fn pack(&mut self, plain: &Path, books: &mut Books) {
        let Some(node) = self.disk.node_at(plain) else {
            return;
        };
        let name = format!("{}.gz", plain.display());
        let packed = self.disk.create(Path::new(&name));
        books.copied(node, packed);
        self.disk
            .append(packed, &crate::kubelet::gzip(&self.disk.bytes(node)));
        self.disk.copy_time(node, packed);
        self.disk.unlink(plain);
    }

    fn settle_torn(&mut self, index: usize) {
        if let Some((node, bytes)) = self.logs[index].torn.take() {
            self.disk.append(node, &bytes);
        }
    }

    fn write_some(&mut self, index: usize, now: Now, since: Duration, books: &mut Books) {
        let expected = f64::from(self.logs[index].rate) * since.as_secs_f64();
        let count = expected as u32 + u32::from(self.rng.f64() < expected.fract());
        let mut out = Vec::new();
        for _ in 0..count {
            let words = self.rng.usize(..120);
            let step = u64::from(self.rng.u8(..4) == 0);
            let log = &mut self.logs[index];
            log.time_ms = log.time_ms.max(now.wall / 1_000_000) + step;
            let records = &mut books.accounts[log.number].records;
            let time = cri::time(log.time_ms * 1_000_000);
            let (number, record) = (log.number, records.len());
            let text = format!("{time} c{number}-{record} {}", "w".repeat(words));
            let line = format!("{text}\n");
            let time_ms = i64::try_from(log.time_ms).expect("it is the 21st century");
            records.push(Record::new(text, time_ms, Stream::Stdout, false));
            books.wrote(log.live, record, line.as_bytes());
            out.extend_from_slice(line.as_bytes());
        }
        let log = &mut self.logs[index];
        if self.rng.bool() {
            let len = self.disk.len(log.live) + out.len();
            let rest = out.split_off(out.len() - (len % PAGE).min(out.len()));
            log.torn = Some((log.live, rest));
        }
        self.disk.append(log.live, &out);
    }
}

fn ending(path: &Path, number: usize, end: &str) -> PathBuf {
    PathBuf::from(format!("{}.{number}{end}", path.display()))
}
