//! Containers that print, and a kubelet that rotates, restarts and deletes them, on the disk in
//! memory: step by step and with the delays that were seen on a real node.

mod changes;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fastrand::Rng;
use logsieve::clock::Now;
use support::kubelet::{Stream, cri};

use crate::books::{Books, Record};
use crate::disk::{Disk, Node};

pub use changes::gzip;

pub const PODS: &str = "/var/log/pods";
pub const LINKS: &str = "/var/log/containers";
/// Pods whose records pass the filter are in this namespace; all others in the other one.
pub const FILTERED: &str = "filtered";
const PLAIN: &str = "plain";
/// Writes are seen torn at multiples of this.
const PAGE: usize = 4096;

/// What is to be done later.
enum Later {
    Reopen(usize),
    StartAgain(usize),
    Unlink(Vec<PathBuf>),
    /// The link to a file, which has the container's id in its name.
    Link(PathBuf, String),
    /// The kubelet's sweep of what a deleted pod left.
    Sweep(PathBuf),
}

struct Container {
    /// Its account, which is its number.
    number: usize,
    folder: PathBuf,
    restart: u32,
    live: Node,
    /// It prints.
    runs: bool,
    /// Bytes that were written and are not seen yet, and where.
    torn: Option<(Node, Vec<u8>)>,
    rotated_at: Duration,
    /// Records a second, on average.
    rate: u32,
    filtered: bool,
    time_ms: u64,
}

pub struct Kubelet {
    pub disk: Disk,
    rng: Rng,
    /// Those that run, by the number that faults know.
    running: Vec<Container>,
    later: Vec<(Duration, Later)>,
    /// Pod folders in which names have come or gone.
    pub changed: BTreeSet<String>,
    pods: usize,
}

impl Kubelet {
    pub fn new(disk: Disk, rng: Rng, containers: usize, now: Now, books: &mut Books) -> Self {
        disk.make_folder(Path::new(PODS));
        disk.make_folder(Path::new(LINKS));
        let mut kubelet = Self {
            disk,
            rng,
            running: Vec::new(),
            later: Vec::new(),
            changed: BTreeSet::new(),
            pods: 0,
        };
        for _ in 0..containers {
            let container = kubelet.start(now, books);
            kubelet.running.push(container);
        }
        kubelet
    }

    fn start(&mut self, now: Now, books: &mut Books) -> Container {
        self.pods += 1;
        let filtered = self.rng.bool();
        let namespace = if filtered { FILTERED } else { PLAIN };
        let (pod, uid) = (format!("pod-{}", self.pods), format!("uid-{}", self.pods));
        let number = books.open_account(&pod, &uid);
        let folder = Path::new(PODS).join(format!("{namespace}_{pod}_{uid}/app"));
        self.disk.make_folder(&folder);
        let live = self.disk.create(&folder.join("0.log"));
        books.created(live, number, 0);
        self.note(&folder);
        let container = Container {
            number,
            folder,
            restart: 0,
            live,
            runs: true,
            torn: None,
            rotated_at: now.mono,
            rate: [2, 30, 200, 1500][self.rng.usize(..4)],
            filtered,
            time_ms: now.wall / 1_000_000,
        };
        // A filter that asks for the container's id blocks until then.
        let wait = Duration::from_millis(self.rng.u64(20..3000));
        self.later.push((now.mono + wait, container.link()));
        container
    }

    /// Names in this folder have changed.
    fn note(&mut self, folder: &Path) {
        let pod = folder.parent().and_then(Path::file_name);
        self.changed
            .extend(pod.map(|pod| pod.to_string_lossy().into_owned()));
    }

    /// Lets everybody print until now, and does what is due.
    pub fn tick(&mut self, now: Now, since: Duration, printing: bool, books: &mut Books) {
        let due: Vec<Later> = self
            .later
            .extract_if(.., |(at, _)| *at <= now.mono)
            .map(|(_, l)| l)
            .collect();
        due.into_iter()
            .for_each(|later| self.catch_up(later, now, books));
        for index in 0..self.running.len() {
            self.settle_torn(index);
            if printing && self.running[index].runs {
                self.print_some(index, now, since, books);
            }
        }
    }

    fn catch_up(&mut self, later: Later, now: Now, books: &mut Books) {
        match later {
            Later::Reopen(index) => self.open_live(index, books),
            Later::StartAgain(index) => {
                self.running[index].restart += 1;
                self.running[index].runs = true;
                self.open_live(index, books);
                let link = self.running[index].link();
                self.later
                    .push((now.mono + Duration::from_millis(50), link));
            }
            Later::Unlink(paths) => {
                for path in paths {
                    self.disk.unlink(&path);
                    if let Some(folder) = path.parent() {
                        self.note(folder);
                    }
                }
            }
            Later::Link(path, id) => {
                let pod = path.ancestors().nth(2).map_or("", name).to_owned();
                if let [namespace, name, _] = pod.split('_').collect::<Vec<_>>()[..] {
                    let link = format!("{name}_{namespace}_app-{id}.log");
                    self.disk.link(&Path::new(LINKS).join(link), &path);
                    self.changed.insert(pod);
                }
            }
            Later::Sweep(folder) => {
                self.note(&folder);
                self.disk.remove_folder(&folder);
                if let Some(pod) = folder.parent() {
                    self.disk.remove_folder(pod);
                }
            }
        }
    }

    fn open_live(&mut self, index: usize, books: &mut Books) {
        let container = &mut self.running[index];
        container.live = self.disk.create(&container.live_path());
        books.created(container.live, container.number, container.restart);
        let folder = container.folder.clone();
        self.note(&folder);
    }

    fn settle_torn(&mut self, index: usize) {
        if let Some((node, bytes)) = self.running[index].torn.take() {
            self.disk.append(node, &bytes);
        }
    }

    fn print_some(&mut self, index: usize, now: Now, since: Duration, books: &mut Books) {
        let expected = f64::from(self.running[index].rate) * since.as_secs_f64();
        let mut count = expected as u32;
        count += u32::from(self.rng.f64() < expected.fract());
        let mut out = Vec::new();
        for _ in 0..count {
            let long = self.rng.u8(..) < 3;
            let len = if long {
                self.rng.usize(..40_000)
            } else {
                self.rng.usize(..150)
            };
            self.print(index, len, now, &mut out, books);
        }
        self.write(index, out);
    }

    /// Prints one record; one that is long in pieces, with a line of the other stream between them.
    fn print(&mut self, index: usize, len: usize, now: Now, out: &mut Vec<u8>, books: &mut Books) {
        let stream = [Stream::Stdout, Stream::Stderr][usize::from(self.rng.u8(..) < 60)];
        let word = ["goes", "goes", "drop", "hold"][self.rng.usize(..4)];
        let record = self.record(index, word, len, stream, now, books);
        let (number, node) = (self.running[index].number, self.running[index].live);
        let text = books.accounts[number].records[record].text.clone();
        for (at, (tag, piece)) in cri::pieces(text.as_bytes()).into_iter().enumerate() {
            if at > 0 && stream == Stream::Stdout {
                let other = self.record(index, "goes", 0, Stream::Stderr, now, books);
                let text = books.accounts[number].records[other].text.clone();
                self.line(
                    node,
                    other,
                    cri::Tag::Full,
                    text.as_bytes(),
                    number,
                    out,
                    books,
                );
            }
            self.line(node, record, tag, piece, number, out, books);
        }
    }

    fn record(
        &mut self,
        index: usize,
        word: &str,
        len: usize,
        stream: Stream,
        now: Now,
        books: &mut Books,
    ) -> usize {
        let container = &mut self.running[index];
        container.time_ms =
            container.time_ms.max(now.wall / 1_000_000) + u64::from(self.rng.u8(..4) == 0);
        let account = &mut books.accounts[container.number];
        let number = account.records.len();
        // Any part of it tells whose it is.
        let token = format!("c{}-{number} ", container.number);
        let mut text = format!("{token}{word} ");
        while text.len() < len {
            text.push_str(&token);
        }
        let unwanted = container.filtered && word == "drop";
        let time_ms = i64::try_from(container.time_ms).expect("it is the 21st century");
        account
            .records
            .push(Record::new(text, time_ms, stream, unwanted));
        number
    }

    #[expect(clippy::too_many_arguments, reason = "a line has that many parts")]
    fn line(
        &self,
        node: Node,
        record: usize,
        tag: cri::Tag,
        text: &[u8],
        container: usize,
        out: &mut Vec<u8>,
        books: &mut Books,
    ) {
        let written = &books.accounts[container].records[record];
        let from = out.len();
        let nanos = written.time_ms as u64 * 1_000_000 + record as u64 % 1_000_000;
        cri::line(out, nanos, written.stream, tag, text);
        books.wrote(node, record, &out[from..]);
    }

    /// Appends to the live file, now and then so that only whole pages are seen at first.
    fn write(&mut self, index: usize, mut out: Vec<u8>) {
        let container = &mut self.running[index];
        if self.rng.bool() {
            let len = self.disk.len(container.live) + out.len();
            let rest = out.split_off(out.len() - (len % PAGE).min(out.len()));
            container.torn = Some((container.live, rest));
        }
        self.disk.append(container.live, &out);
    }
}

impl Container {
    fn live_path(&self) -> PathBuf {
        self.folder.join(format!("{}.log", self.restart))
    }

    fn link(&self) -> Later {
        let id = format!("{:064x}", self.number * 100 + self.restart as usize);
        Later::Link(self.live_path(), id)
    }
}

fn name(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}
