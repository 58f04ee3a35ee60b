//! What is kept can be read again as it was, by its owner only; and there is an end to it, which
//! only whoever makes room moves.

use super::*;
use crate::record::{Facts, Stream};
use rustix::process::Resource;
use std::os::unix::fs::PermissionsExt as _;

fn entry(texts: &[&[u8]]) -> Entry {
    let mut columns = Columns::default();
    for (at, text) in (0..).zip(texts) {
        columns.push(text, 1_000 + u64::from(at), Stream::Stderr, at);
    }
    let failure = Failure::Trap {
        cause: "unreachable".into(),
    };
    Entry {
        filter: "redact".into(),
        module: "abcd".into(),
        container: Arc::new(Container {
            namespace: "shop".into(),
            pod: "api-0".into(),
            pod_uid: "u".into(),
            name: "api".into(),
            facts: Facts::new(),
        }),
        reasons: vec![Reason::of(columns.len(), &failure)],
        columns,
    }
}

fn open(folder: &Path, bytes_max: u64, files_max: usize) -> Store {
    let config = Config {
        bytes_max: ByteSize::b(bytes_max),
        files_max,
        notices: None,
    };
    Store::open(folder, config, QuarantineMetrics::default()).unwrap()
}

fn lines(folder: &Path) -> Vec<serde_json::Value> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.sort();
    let text: String = files
        .iter()
        .map(|f| fs::read_to_string(f).unwrap())
        .collect();
    text.lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect()
}

#[test]
fn what_is_kept_says_where_it_comes_from_and_why() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("quarantine");
    let mut store = open(&folder, 1 << 20, 10);
    assert_eq!(
        store.keep(&entry(&[b"card 4111\n\"", b"\xff\x00"])),
        Fate::Kept
    );
    let expected = |time: u64, key: &str, text: &str| {
        serde_json::json!({
            "filter": "redact", "module": "abcd", "kind": "trap",
            "reason": "it trapped: unreachable", "namespace": "shop", "pod": "api-0",
            "pod_uid": "u", "container": "api", "time": time, "stream": "stderr", key: text,
        })
    };
    assert_eq!(
        lines(&folder),
        [
            expected(1000, "text", "card 4111\n\""),
            expected(1001, "hex", "ff00")
        ]
    );
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&folder.join("00000001.jsonl")), 0o600);
}

#[test]
fn a_full_store_takes_nothing_until_somebody_makes_room() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path(), 500, 10);
    assert_eq!(store.keep(&entry(&[b"a"])), Fate::Kept);
    assert_eq!(store.keep(&entry(&[&[b'x'; 500]])), Fate::Refused(FULL));
    assert_eq!(lines(folder.path()).len(), 1, "none of it is written");
    assert_eq!(store.keep(&entry(&[b"b"])), Fate::Kept);
    assert_eq!(store.keep(&entry(&[b"c"])), Fate::Refused(FULL));
    fs::remove_file(folder.path().join("00000001.jsonl")).unwrap();
    assert_eq!(store.keep(&entry(&[b"c"])), Fate::Kept);
    assert_eq!(lines(folder.path())[0]["text"], "c");
    assert!(folder.path().join("00000002.jsonl").exists());
}

#[test]
fn files_end_at_a_mebibyte_and_are_counted_across_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let large = vec![b'x'; 700_000];
    let mut store = open(folder.path(), 1 << 30, 2);
    assert_eq!(store.keep(&entry(&[&large])), Fate::Kept);
    assert_eq!(store.keep(&entry(&[&large])), Fate::Kept);
    drop(store);
    let mut store = open(folder.path(), 1 << 30, 2);
    assert_eq!(store.keep(&entry(&[&large])), Fate::Kept);
    assert_eq!(store.keep(&entry(&[&large])), Fate::Kept);
    assert_eq!(
        store.keep(&entry(&[b"a"])),
        Fate::Refused(FULL),
        "a third file"
    );
    assert_eq!(lines(folder.path()).len(), 4);
}

#[test]
fn records_are_kept_in_a_new_file_once_the_newest_is_deleted_or_moved() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path(), 1 << 20, 10);
    let file = |number| folder.path().join(format!("{number:08}.jsonl"));
    assert_eq!(store.keep(&entry(&[b"read"])), Fate::Kept);
    fs::remove_file(file(1)).unwrap();
    assert_eq!(store.keep(&entry(&[b"next"])), Fate::Kept);
    assert_eq!(lines(folder.path())[0]["text"], "next");
    let elsewhere = tempfile::tempdir_in(folder.path().parent().unwrap()).unwrap();
    fs::rename(file(2), elsewhere.path().join("taken")).unwrap();
    assert_eq!(store.keep(&entry(&[b"behind it"])), Fate::Kept);
    assert_eq!(lines(folder.path())[0]["text"], "behind it");
    let metrics = &store.metrics;
    assert_eq!(metrics.files.get(), 1, "what is there is counted anew");
    assert_eq!(
        metrics.bytes.get() as u64,
        fs::metadata(file(3)).unwrap().len()
    );
}

#[test]
fn records_are_kept_where_the_whole_folder_was_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("quarantine");
    let mut store = open(&folder, 1 << 20, 10);
    assert_eq!(store.keep(&entry(&[b"read"])), Fate::Kept);
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(store.keep(&entry(&[b"next"])), Fate::Kept);
    assert_eq!(lines(&folder)[0]["text"], "next");
}

/// A limit on the length of files stands in for the disk. It is the process's, so the test is one of its own.
#[test]
fn a_full_disk_leaves_no_file_behind_for_each_failure_and_is_written_to_once_it_has_room() {
    const IS_CHILD: &str = "LOGSIEVE_TEST_OF_A_FULL_DISK";
    if std::env::var_os(IS_CHILD).is_none() {
        // The signal that tells of the limit would end the child.
        let script = "trap '' XFSZ; exec \"$0\" --exact \"$1\"";
        let (_, tests) = module_path!().split_once("::").unwrap();
        let name =
            "a_full_disk_leaves_no_file_behind_for_each_failure_and_is_written_to_once_it_has_room";
        let mut child = std::process::Command::new("sh");
        child.args(["-c", script]);
        child.arg(std::env::current_exe().unwrap());
        child.arg(format!("{tests}::{name}")).env(IS_CHILD, "1");
        let said = String::from_utf8(child.output().unwrap().stdout).unwrap();
        assert!(said.contains(" 1 passed"), "{said}");
        return;
    }
    let has_room_for = |bytes: Option<u64>| {
        let mut limit = rustix::process::getrlimit(Resource::Fsize);
        limit.current = bytes;
        rustix::process::setrlimit(Resource::Fsize, limit).unwrap();
    };
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path(), 1 << 20, 2);
    let file = |number| folder.path().join(format!("{number:08}.jsonl"));
    for (number, held) in [(1, 0), (1, 1), (2, 0)] {
        if (number, held) == (2, 0) {
            fs::remove_file(file(1)).unwrap();
        }
        let len = fs::metadata(file(number)).map_or(0, |file| file.len());
        has_room_for(Some(len + 10));
        for _ in 0..5 {
            assert_eq!(store.keep(&entry(&[b"while full"])), Fate::Refused(FAILED));
            assert_eq!(lines(folder.path()).len(), held, "no line is torn");
        }
        has_room_for(None);
        assert_eq!(store.keep(&entry(&[b"again"])), Fate::Kept);
        assert_eq!(lines(folder.path()).len(), held + 1);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
