//! Which module is in charge of a filter, and what takes over from it: files change in a folder as an
//! operator, or a kubelet, changes them.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use logsieve::filter::accepted::Store;
use logsieve::filter::compile::Compiler;
use logsieve::filter::limits::Limits;
use logsieve::filter::module::find::{self, Found};
use logsieve::filter::module::sha256_hex;
use logsieve::filter::settings::Settings;
use logsieve::filter::swap::{Swap, Wanted};
use logsieve::telemetry::metrics::Metrics;
use tempfile::TempDir;

use crate::engine::{engine, path};

fn given(settings: &str) -> Settings {
    settings.into()
}

/// A folder of modules, the agent's state, and one filter.
struct Node {
    root: TempDir,
    metrics: Arc<Metrics>,
    wanted: Wanted,
}

impl Node {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let modules = root.path().join("modules");
        fs::create_dir(&modules).unwrap();
        Self {
            root,
            metrics: Arc::default(),
            wanted: Wanted {
                name: "f".into(),
                module: "f.wasm".into(),
                pin: None,
                settings: "{}".into(),
                limits: Limits::default(),
                directories: vec![modules],
            },
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.wanted.directories[0].join(name)
    }

    /// Puts a file in place at once, as whoever takes care does.
    fn put(&self, name: &str, bytes: &[u8]) {
        let new = self.file("new");
        fs::write(&new, bytes).unwrap();
        fs::rename(new, self.file(name)).unwrap();
    }

    /// What one start of the agent has.
    fn swap(&self) -> Swap {
        let store = Store::open(&self.root.path().join("accepted")).unwrap();
        let compiler = Compiler::here(engine().clone());
        Swap::new(compiler, Some(store), self.metrics.clone())
    }

    fn shows(&self, line: &str) -> bool {
        self.metrics.text().lines().any(|shown| shown == line)
    }
}

fn guest(name: &str) -> Vec<u8> {
    fs::read(path(name)).unwrap_or_else(|error| panic!("{error}: run `cargo xtask test`"))
}

fn in_charge(swap: &Swap) -> Option<String> {
    Some(swap.in_charge("f")?.module.hash.clone())
}

fn hash(name: &str) -> Option<String> {
    Some(sha256_hex(&guest(name)))
}

#[test]
fn a_module_takes_over_when_its_file_changes() {
    let node = Node::new();
    let mut swap = node.swap();
    node.put("f.wasm", &guest("noop"));
    assert!(swap.look(&node.wanted));
    assert!(!swap.look(&node.wanted), "nothing has changed");
    assert_eq!(in_charge(&swap), hash("noop"));
    node.put("f.wasm", &guest("prefixes"));
    assert!(swap.look(&node.wanted));
    assert_eq!(in_charge(&swap), hash("prefixes"));
    let text = node.metrics.text();
    let named: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("logsieve_filter_module{"))
        .collect();
    let new = hash("prefixes").unwrap();
    assert_eq!(named.len(), 1, "{text}");
    assert!(named[0].contains(&new), "{text}");
    assert!(node.shows("logsieve_filter_swaps_total{filter=\"f\"} 2"));
}

#[test]
fn the_same_module_in_another_packing_is_no_swap() {
    let node = Node::new();
    let mut swap = node.swap();
    node.put("f.wasm", &guest("noop"));
    assert!(swap.look(&node.wanted));
    let packed = zstd::encode_all(guest("noop").as_slice(), 3).unwrap();
    fs::remove_file(node.file("f.wasm")).unwrap();
    node.put("f.wasm.zst", &packed);
    assert!(!swap.look(&node.wanted));
    assert_eq!((in_charge(&swap), swap.refused("f")), (hash("noop"), None));
}

#[test]
fn what_is_refused_leaves_the_one_in_charge() {
    let torn = guest("prefixes")[..5000].to_vec();
    let wrong = "examples: [{ name: greets, in: [a], out: [hello a] }]";
    let cases: [(&[u8], &str, &str, &str); 5] = [
        (b"#!/bin/sh", "{}", "", "is not WebAssembly"),
        (&torn, "{}", "", "f.wasm"),
        (&guest("prefixes"), r#"{"wiht":1}"#, "", "wiht"),
        (
            &guest("prefixes"),
            "{}",
            wrong,
            "its own example `greets` fails",
        ),
        (
            &guest("prefixes"),
            "{}",
            "examples: 7",
            "examples cannot be read",
        ),
    ];
    for (module, settings, examples, words) in cases {
        let mut node = Node::new();
        let mut swap = node.swap();
        node.put("f.wasm", &guest("noop"));
        assert!(swap.look(&node.wanted));
        if !examples.is_empty() {
            node.put("f.examples.yaml", examples.as_bytes());
        }
        node.put("f.wasm", module);
        node.wanted.settings = settings.into();
        assert!(!swap.look(&node.wanted), "{words}");
        assert_eq!(in_charge(&swap), hash("noop"));
        let refused = swap.refused("f").unwrap_or_default();
        assert!(refused.contains(words), "{refused}");
        // The same is tried once.
        assert!(!swap.look(&node.wanted));
        assert!(node.shows("logsieve_filter_swaps_refused_total{filter=\"f\"} 1"));
        // And what works takes over again, whatever was refused before.
        node.wanted.settings = "{}".into();
        let _ = fs::remove_file(node.file("f.examples.yaml"));
        node.put("f.wasm", &guest("prefixes"));
        assert!(swap.look(&node.wanted), "{words}");
        assert_eq!(
            (in_charge(&swap), swap.refused("f")),
            (hash("prefixes"), None)
        );
    }
}

#[test]
fn a_module_whose_examples_pass_takes_over() {
    let node = Node::new();
    let mut swap = node.swap();
    let examples =
        "settings: { with: 'hello ' }\nexamples: [{ name: greets, in: [a], out: [hello a] }]";
    node.put("f.examples.yaml", examples.as_bytes());
    node.put("f.wasm", &guest("prefixes"));
    assert!(swap.look(&node.wanted), "{:?}", swap.refused("f"));
    assert_eq!(
        swap.in_charge("f").unwrap().settings,
        "{}",
        "the operator's own"
    );
}

#[test]
fn a_module_that_is_not_the_pinned_one_does_not_take_over() {
    let mut node = Node::new();
    let mut swap = node.swap();
    node.wanted.pin = hash("noop");
    node.put("f.wasm", &guest("prefixes"));
    assert!(!swap.look(&node.wanted));
    assert!(swap.refused("f").unwrap().contains(&hash("noop").unwrap()));
    node.put("f.wasm", &guest("noop"));
    assert!(swap.look(&node.wanted));
}

#[test]
fn new_settings_and_limits_take_over_without_a_new_module() {
    let mut node = Node::new();
    let mut swap = node.swap();
    node.put("f.wasm", &guest("prefixes"));
    assert!(swap.look(&node.wanted));
    node.wanted.settings = r#"{"with":"x"}"#.into();
    assert!(swap.look(&node.wanted));
    node.wanted.limits.memory = bytesize::ByteSize::mib(16);
    assert!(swap.look(&node.wanted));
    let in_charge = swap.in_charge("f").unwrap();
    assert_eq!(in_charge.limits, node.wanted.limits);
    assert_eq!(given(&in_charge.settings), node.wanted.settings);
}

#[test]
fn a_module_that_is_gone_is_stood_for_by_the_one_in_charge() {
    let mut node = Node::new();
    let mut swap = node.swap();
    node.put("f.wasm", &guest("prefixes"));
    assert!(swap.look(&node.wanted));
    fs::remove_file(node.file("f.wasm")).unwrap();
    assert!(!swap.look(&node.wanted));
    assert_eq!(in_charge(&swap), hash("prefixes"));
    assert!(swap.refused("f").unwrap().contains("is in none of"));
    node.wanted.settings = r#"{"with":"x"}"#.into();
    assert!(
        swap.look(&node.wanted),
        "new settings are for what is in charge"
    );
    assert_eq!(
        given(&swap.in_charge("f").unwrap().settings),
        node.wanted.settings
    );
    node.put("f.wasm", &guest("prefixes"));
    assert!(!swap.look(&node.wanted));
    assert_eq!(swap.refused("f"), None, "it is there again");
}

#[test]
fn after_a_restart_what_was_accepted_last_stands_in_for_a_bad_module() {
    let mut node = Node::new();
    node.put("f.wasm", &guest("prefixes"));
    node.wanted.settings = r#"{"with":"x"}"#.into();
    assert!(node.swap().look(&node.wanted));
    for broken in ["module", "settings"] {
        let mut wanted = node.wanted.clone();
        match broken {
            "module" => node.put("f.wasm", b"broken"),
            _ => {
                node.put("f.wasm", &guest("prefixes"));
                wanted.settings = r#"{"wiht":"y"}"#.into();
            }
        }
        let mut swap = node.swap();
        assert!(swap.look(&wanted), "{broken}");
        assert_eq!(in_charge(&swap), hash("prefixes"));
        // The pair that worked, not half of it.
        assert_eq!(
            given(&swap.in_charge("f").unwrap().settings),
            node.wanted.settings
        );
        assert!(swap.refused("f").is_some());
    }
}

#[test]
fn after_a_restart_what_was_accepted_last_stands_in_for_a_module_that_is_gone() {
    let mut node = Node::new();
    node.put("f.wasm", &guest("prefixes"));
    assert!(node.swap().look(&node.wanted));
    fs::remove_file(node.file("f.wasm")).unwrap();
    node.wanted.settings = r#"{"with":"x"}"#.into();
    let mut swap = node.swap();
    assert!(swap.look(&node.wanted));
    assert_eq!(
        given(&swap.in_charge("f").unwrap().settings),
        node.wanted.settings
    );
    assert!(swap.refused("f").unwrap().contains("is in none of"));
    // Settings that it refuses do not take its own from it.
    node.wanted.settings = r#"{"wiht":"x"}"#.into();
    let mut swap = node.swap();
    assert!(swap.look(&node.wanted));
    assert_eq!(swap.in_charge("f").unwrap().settings, r#"{"with":"x"}"#);
}

#[test]
fn a_filter_without_any_module_waits_until_one_comes() {
    let node = Node::new();
    let mut swap = node.swap();
    for broken in [None, Some(b"broken")] {
        if let Some(bytes) = broken {
            node.put("f.wasm", bytes);
        }
        assert!(!swap.look(&node.wanted));
        assert!(swap.in_charge("f").is_none() && swap.refused("f").is_some());
        assert!(node.shows("logsieve_filter_waiting{filter=\"f\"} 1"));
    }
    node.put("f.wasm", &guest("noop"));
    assert!(swap.look(&node.wanted));
    assert!(node.shows("logsieve_filter_waiting{filter=\"f\"} 0"));
}

#[test]
fn a_filter_that_is_configured_no_more_is_forgotten() {
    let node = Node::new();
    let mut swap = node.swap();
    node.put("f.wasm", &guest("noop"));
    assert!(swap.look(&node.wanted));
    node.put("f.wasm", b"broken");
    assert!(!swap.look(&node.wanted));
    let metrics = node.metrics.filter("f");
    let runs = || {
        metrics.failed("trap");
        metrics.count_custom("orders", 1, 32);
    };
    runs();
    let shown = || {
        let text = node.metrics.text();
        text.lines().filter(|l| l.contains("{filter=\"f\"")).count()
    };
    assert!(shown() > 30, "{}", node.metrics.text());
    swap.keep_only(&[]);
    assert!(swap.in_charge("f").is_none());
    // A lane may run it for a moment more.
    runs();
    assert_eq!(shown(), 0, "{}", node.metrics.text());
    fs::remove_file(node.file("f.wasm")).unwrap();
    assert!(
        !node.swap().look(&node.wanted),
        "nor is it kept for a restart"
    );
}

/// A guest as it is found in a folder.
fn found(name: &str) -> Found {
    find::read(&std::path::absolute(path(name)).unwrap(), &[], None).unwrap()
}

fn compiler(folder: &Path, program: &OsStr) -> Compiler {
    Compiler::with_program(engine().clone(), folder, u64::MAX, program)
}

#[test]
fn code_is_compiled_in_a_child_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let program = support::agent::binary();
    let first = compiler(folder.path(), program.as_os_str());
    let module = first.module(&found("prefixes")).unwrap();
    assert_eq!(Some(module.hash), hash("prefixes"));
    // Nothing could compile here.
    let second = compiler(folder.path(), OsStr::new("/bin/false"));
    second.module(&found("prefixes")).unwrap();
    assert!(second.module(&found("noop")).is_err());
}

#[test]
fn what_a_child_refuses_is_refused_in_its_words() {
    let folder = tempfile::tempdir().unwrap();
    let program = support::agent::binary();
    let compiler = compiler(folder.path(), program.as_os_str());
    let broken = |bytes: &[u8]| Found {
        bytes: bytes.to_vec(),
        hash: sha256_hex(bytes),
        ..found("noop")
    };
    let refused = compiler.module(&broken(b"#!/bin/sh")).map(|m| m.hash);
    let refused = refused.unwrap_err().to_string();
    assert!(
        refused.contains("noop.wasm` is not WebAssembly"),
        "{refused}"
    );
    let torn = compiler.module(&broken(&guest("noop")[..5000]));
    assert!(torn.is_err());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_compiler_that_dies_is_told_and_harms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let compiler = compiler(folder.path(), OsStr::new("/bin/sh"));
    let refused = compiler.module(&found("noop")).map(|m| m.hash).unwrap_err();
    assert!(refused.to_string().contains("ended with"), "{refused}");
}

#[test]
fn where_no_process_can_be_started_modules_compile_in_this_one() {
    let folder = tempfile::tempdir().unwrap();
    let compiler = compiler(folder.path(), OsStr::new("/no/such/program"));
    assert!(compiler.module(&found("noop")).is_ok());
}

/// This program writes to `/dev/full` what is to go to a file of the folder, as to a disk without room.
const FULL_DISK: &str = r#"#!/bin/sh
case $(readlink /proc/$$/fd/1) in /memfd:*) exec LOGSIEVE "$@";; *) exec LOGSIEVE "$@" > /dev/full;; esac
"#;

#[test]
fn a_disk_without_room_keeps_no_module_from_running() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("compiler");
    let logsieve = support::agent::binary().display().to_string();
    fs::write(&program, FULL_DISK.replace("LOGSIEVE", &logsieve)).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    let kept = folder.path().join("compiled");
    let full = compiler(&kept, program.as_os_str());
    let module = full.module(&found("prefixes")).unwrap();
    assert_eq!(Some(module.hash), hash("prefixes"));
    let torn = Found {
        bytes: guest("noop")[..5000].to_vec(),
        ..found("noop")
    };
    assert!(
        full.module(&torn).is_err(),
        "what is no module is none in memory"
    );
    assert_eq!(fs::read_dir(&kept).unwrap().count(), 0);
    // Nor does a folder that is gone.
    fs::remove_dir(&kept).unwrap();
    assert!(full.module(&found("noop")).is_ok());
}
