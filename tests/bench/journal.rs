//! `journal/read`: MB of text a CPU second that the reader takes out of a journal of a million entries,
//! sorted into streams and put into columns as a lane does; `journal/journalctl`: the same by
//! `journalctl -o json`, and `journal/times`: how many times more. `journal/memory`: MiB that reading
//! adds to the process. `journal/agent`: the same journal through the whole agent, sent nowhere; and
//! `journal/agent/memory`: MiB that its peak is above that of an agent that reads from the end.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use logsieve::clock::thread_cpu;
use logsieve::record::{BATCH_TEXT_MAX, Columns, Globs, Stream};
use logsieve::source::journal::reader::Reader;
use logsieve::source::journal::select::Fields;
use logsieve::source::journal::streams::Streams;
use logsieve::source::log_file::files::{Disk, Files};
use support::journal::{Entry, Layout, Writer};

use crate::agent::corpus::Corpus;
use crate::agent::null_server;
use crate::agent::process::Case;
use crate::figure::{self, Wanted};

const ENTRIES: u64 = 1_000_000;
/// An agent has started by then.
const SETTLES: Duration = Duration::from_secs(2);
const UNITS: [&str; 4] = ["kubelet", "containerd", "sshd", "systemd-networkd"];

pub fn run(wanted: &Wanted) {
    if !wanted.any("journal/") {
        return;
    }
    let files = files();
    if wanted.any("journal/agent") {
        whole_agent(&files);
    }
    if !wanted.any("journal/read") {
        return;
    }
    let before = peak_mib();
    let text_bytes = read(&files);
    let memory = peak_mib() - before;
    let (mut own, mut theirs, mut times) = (Vec::new(), Vec::new(), Vec::new());
    let rate = |seconds: f64| text_bytes as f64 / 1e6 / seconds;
    for _ in 0..figure::RUNS {
        let started = thread_cpu();
        read(&files);
        let own_rate = rate((thread_cpu() - started).as_secs_f64());
        let their_rate = rate(journalctl(&files));
        own.push(own_rate);
        theirs.push(their_rate);
        times.push(own_rate / their_rate);
    }
    figure::print("journal/read", "MB/s", &mut own);
    figure::print("journal/journalctl", "MB/s", &mut theirs);
    figure::print("journal/times", "times", &mut times);
    figure::print("journal/memory", "MiB", &mut [memory]);
}

/// The agent with nothing but the journal to read.
fn whole_agent(files: &[PathBuf]) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("pods")).expect("a folder");
    let corpus = |bytes| Corpus {
        root: folder.path().to_owned(),
        bytes,
    };
    let (all, none) = (
        corpus(files.iter().map(|f| entry_bytes(f)).sum()),
        corpus(0),
    );
    // One run's text; `read` says that all have as much.
    let text_bytes = read(files) as f64;
    let server = null_server::start();
    let case = |start: &str| {
        let bench = files[0].ancestors().nth(2).expect("a folder");
        let journal = format!("journal: {{ paths: [{bench:?}], start: {start} }}");
        Case::new("journal/agent", None, "{ 'null': {} }").with(journal)
    };
    let (whole, idle) = (case("beginning"), case("end"));
    let (mut speed, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..figure::RUNS {
        let base = idle.run_and_watch(&none, server, &[SETTLES]).remove(1);
        let used = whole.run(&all, server);
        speed.push(text_bytes / 1e6 / used.cpu_seconds);
        memory.push(used.peak_rss_mib - base.peak_rss_mib);
    }
    figure::print("journal/agent", "MB/CPU-s", &mut speed);
    figure::print("journal/agent/memory", "MiB", &mut memory);
}

/// Bytes of a file that are answered for when all of it is.
fn entry_bytes(file: &Path) -> u64 {
    let mut reader = Reader::open(Disk.open(file).expect("a file")).expect("a journal");
    let begin = reader.offset();
    reader.end().expect("a journal") - begin
}

/// Reads all files into columns. Says how many bytes of text.
fn read(files: &[PathBuf]) -> u64 {
    let (mut columns, mut bytes, mut records) = (Columns::default(), 0, 0);
    for path in files {
        let mut reader = Reader::open(Disk.open(path).expect("a file")).expect("a journal");
        let mut streams = Streams::new(Fields::new(Globs::Many(Vec::new())));
        let (damaged, _) = streams
            .read(&mut reader, &mut |_, sorted, reader| {
                let text = sorted.text(reader)?.expect("a text").bytes;
                bytes += text.len() as u64;
                records += 1;
                black_box(sorted.stream);
                columns.push(&text, sorted.entry.realtime * 1000, Stream::Stdout, 1);
                if columns.text.len() >= BATCH_TEXT_MAX {
                    black_box(&columns);
                    columns.clear();
                }
                Ok(true)
            })
            .expect("a journal");
        assert_eq!(damaged, 0);
    }
    assert_eq!(records, ENTRIES);
    bytes
}

/// CPU seconds that `journalctl` takes.
fn journalctl(files: &[PathBuf]) -> f64 {
    let before = children_seconds();
    let mut journalctl = Command::new("journalctl");
    journalctl.args(["--quiet", "--no-pager", "--output=json"]);
    for file in files {
        journalctl.arg("--file").arg(file);
    }
    let status = journalctl.stdout(Stdio::null()).status();
    assert!(status.expect("journalctl").success());
    children_seconds() - before
}

/// CPU time of the children that have ended, from `/proc/self/stat`: its 16th and 17th field, in
/// hundredths of a second.
fn children_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("/proc");
    let behind_name = stat.rsplit_once(") ").expect("a name").1;
    let fields = behind_name.split(' ').skip(13).take(2);
    fields
        .map(|f| f.parse::<f64>().expect("a number"))
        .sum::<f64>()
        / 100.0
}

/// The most memory that this process had at once.
fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc");
    let line = status.lines().find(|l| l.starts_with("VmHWM:"));
    let kib = line.and_then(|l| l.split_whitespace().nth(1));
    kib.and_then(|k| k.parse::<f64>().ok()).expect("a peak") / 1024.0
}

/// A node's journal, as a kubelet fills it: made once, kept in `target/bench`. The writer rotates
/// when its tables are full, so it is several files.
fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench/journal");
    let done = folder.join("made");
    if !done.exists() {
        eprintln!("making a journal in {}", folder.display());
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        make(&folder.join("node.journal"));
        std::fs::write(&done, "").expect("a file");
    }
    let entries = std::fs::read_dir(&folder).expect("a folder").flatten();
    let mut files: Vec<PathBuf> = entries.map(|e| e.path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "journal"));
    files.sort();
    files
}

fn make(path: &Path) {
    let mut writer = Writer::start(path, Layout::default()).expect("a writer");
    for from in (0..ENTRIES).step_by(10_000) {
        let some: Vec<Entry> = (from..from + 10_000).map(entry).collect();
        writer.write(&some).expect("a writer");
    }
    writer.finish().expect("a writer");
}

fn entry(number: u64) -> Entry {
    let unit = UNITS[(number * 7 % 11 % 4) as usize];
    let padding =
        &"the quick brown fox jumps over the lazy dog, again and again"[..(number % 60) as usize];
    let text = format!(
        "I1124 12:04:{:02}.{:06}    4711 reconciler.go:{}] \"MountVolume succeeded\" pod=\"team-{}/api-{}\" volume=\"kube-api-access-{:08x}\" {padding}",
        number % 60,
        number % 1_000_000,
        number % 400,
        number % 97,
        number % 1013,
        number.wrapping_mul(2_654_435_761) as u32,
    );
    Entry::new(1_764_000_000_000_000 + number * 777, text)
        .with("_MACHINE_ID", "3d1219c7c4c5404aaa1f6d2a48adfda4")
        .with("_HOSTNAME", "ip-10-0-0-1.eu-central-1.compute.internal")
        .with("_TRANSPORT", "stdout")
        .with("PRIORITY", if number.is_multiple_of(9) { "4" } else { "6" })
        .with("SYSLOG_FACILITY", "3")
        .with("SYSLOG_IDENTIFIER", unit)
        .with("_UID", "0")
        .with("_GID", "0")
        .with("_PID", format!("{}", unit.len() * 100))
        .with("_COMM", unit)
        .with("_EXE", format!("/usr/bin/{unit}"))
        .with(
            "_CMDLINE",
            format!("/usr/bin/{unit} --config /etc/{unit}.json"),
        )
        .with("_CAP_EFFECTIVE", "1ffffffffff")
        .with("_SYSTEMD_CGROUP", format!("/system.slice/{unit}.service"))
        .with("_SYSTEMD_UNIT", format!("{unit}.service"))
        .with("_SYSTEMD_SLICE", "system.slice")
        .with("_SYSTEMD_INVOCATION_ID", format!("{:032x}", unit.len()))
        .with("_STREAM_ID", format!("{:032x}", unit.len() + 1))
        .with("_SELINUX_CONTEXT", "system_u:system_r:kernel_t:s0")
}
