//! Which module is in charge of a filter, and what takes over from it: files change in a folder as an
//! operator, or a kubelet, changes them.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use logsieve::filter::accepted::Store;
use logsieve::filter::compile::Compiler;
use logsieve::filter::limits::Limits;
use logsieve::filter::module::sha256_hex;
use logsieve::filter::settings::Settings;
use logsieve::filter::swap::{Swap, Wanted};
use logsieve::telemetry::metrics::Metrics;
use tempfile::TempDir;

use crate::engine::{engine, path};

fn given(settings: &str) -> Settings {
    settings.into()
}

/// When what happens at one moment does.
const START: Duration = Duration::ZERO;

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
    assert!(swap.look(&node.wanted, START));
    assert!(!swap.look(&node.wanted, START), "nothing has changed");
    assert_eq!(in_charge(&swap), hash("noop"));
    node.put("f.wasm", &guest("prefixes"));
    assert!(swap.look(&node.wanted, START));
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
    assert!(swap.look(&node.wanted, START));
    let packed = zstd::encode_all(guest("noop").as_slice(), 3).unwrap();
    fs::remove_file(node.file("f.wasm")).unwrap();
    node.put("f.wasm.zst", &packed);
    assert!(!swap.look(&node.wanted, START));
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
        assert!(swap.look(&node.wanted, START));
        if !examples.is_empty() {
            node.put("f.examples.yaml", examples.as_bytes());
        }
        node.put("f.wasm", module);
        node.wanted.settings = settings.into();
        assert!(!swap.look(&node.wanted, START), "{words}");
        assert_eq!(in_charge(&swap), hash("noop"));
        let refused = swap.refused("f").unwrap_or_default();
        assert!(refused.contains(words), "{refused}");
        // The same is tried once.
        assert!(!swap.look(&node.wanted, START));
        assert!(node.shows("logsieve_filter_swaps_refused_total{filter=\"f\"} 1"));
        // And what works takes over again, whatever was refused before.
        node.wanted.settings = "{}".into();
        let _ = fs::remove_file(node.file("f.examples.yaml"));
        node.put("f.wasm", &guest("prefixes"));
        assert!(swap.look(&node.wanted, START), "{words}");
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
    assert!(swap.look(&node.wanted, START), "{:?}", swap.refused("f"));
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
    assert!(!swap.look(&node.wanted, START));
    assert!(swap.refused("f").unwrap().contains(&hash("noop").unwrap()));
    node.put("f.wasm", &guest("noop"));
    assert!(swap.look(&node.wanted, START));
}

/// A pin that is to keep a bad version out keeps it out of a start as well.
#[test]
fn what_was_accepted_last_does_not_stand_in_for_another_pinned_module() {
    for file in [None, Some("prefixes"), Some("broken")] {
        let mut node = Node::new();
        node.put("f.wasm", &guest("prefixes"));
        assert!(node.swap().look(&node.wanted, START));
        node.wanted.pin = hash("noop");
        match file {
            None => fs::remove_file(node.file("f.wasm")).unwrap(),
            Some("broken") => node.put("f.wasm", b"broken"),
            Some(_) => {}
        }
        let mut swap = node.swap();
        assert!(!swap.look(&node.wanted, START), "{file:?}");
        assert_eq!(in_charge(&swap), None, "{file:?}");
        assert!(
            swap.refused("f").is_some() && node.shows("logsieve_filter_waiting{filter=\"f\"} 1")
        );
        node.wanted.pin = hash("prefixes");
        let mut swap = node.swap();
        swap.look(&node.wanted, START);
        assert_eq!(in_charge(&swap), hash("prefixes"), "{file:?}");
    }
}

#[test]
fn a_module_that_took_too_long_is_tried_again_later_and_later() {
    let mut node = Node::new();
    let mut swap = node.swap();
    node.wanted.limits.cpu_per_batch = Duration::from_millis(5);
    node.put(
        "f.examples.yaml",
        b"examples: [{ name: ends, in: [a], out: [a] }]",
    );
    node.put("f.wasm", &guest("loops_forever"));
    let refusals = || {
        let name = "logsieve_filter_swaps_refused_total{filter=\"f\"} ";
        let text = node.metrics.text();
        let shown = text.lines().find_map(|line| line.strip_prefix(name));
        shown.and_then(|n| n.parse::<u64>().ok()).unwrap_or(0)
    };
    // Tries, by the second in which they come due.
    let mut tried = Vec::new();
    for second in 0..100 {
        let before = refusals();
        assert!(!swap.look(&node.wanted, Duration::from_secs(second)));
        if refusals() > before {
            tried.push(second);
        }
    }
    assert_eq!(tried, [0, 5, 15, 35, 75]);
    assert!(swap.refused("f").unwrap().contains("CPU time"));
    // What fails otherwise is tried once.
    node.put("f.wasm", &guest("traps"));
    assert!(!swap.look(&node.wanted, Duration::from_secs(100)));
    let before = refusals();
    assert!(!swap.look(&node.wanted, Duration::from_secs(1000)));
    assert_eq!(refusals(), before);
}

#[test]
fn new_settings_and_limits_take_over_without_a_new_module() {
    let mut node = Node::new();
    let mut swap = node.swap();
    node.put("f.wasm", &guest("prefixes"));
    assert!(swap.look(&node.wanted, START));
    node.wanted.settings = r#"{"with":"x"}"#.into();
    assert!(swap.look(&node.wanted, START));
    node.wanted.limits.memory = bytesize::ByteSize::mib(16);
    assert!(swap.look(&node.wanted, START));
    let in_charge = swap.in_charge("f").unwrap();
    assert_eq!(in_charge.limits, node.wanted.limits);
    assert_eq!(given(&in_charge.settings), node.wanted.settings);
}

#[test]
fn a_module_that_is_gone_is_stood_for_by_the_one_in_charge() {
    let mut node = Node::new();
    let mut swap = node.swap();
    node.put("f.wasm", &guest("prefixes"));
    assert!(swap.look(&node.wanted, START));
    fs::remove_file(node.file("f.wasm")).unwrap();
    assert!(!swap.look(&node.wanted, START));
    assert_eq!(in_charge(&swap), hash("prefixes"));
    assert!(swap.refused("f").unwrap().contains("is in none of"));
    node.wanted.settings = r#"{"with":"x"}"#.into();
    assert!(
        swap.look(&node.wanted, START),
        "new settings are for what is in charge"
    );
    assert_eq!(
        given(&swap.in_charge("f").unwrap().settings),
        node.wanted.settings
    );
    node.put("f.wasm", &guest("prefixes"));
    assert!(!swap.look(&node.wanted, START));
    assert_eq!(swap.refused("f"), None, "it is there again");
}

#[test]
fn after_a_restart_what_was_accepted_last_stands_in_for_a_bad_module() {
    let mut node = Node::new();
    node.put("f.wasm", &guest("prefixes"));
    node.wanted.settings = r#"{"with":"x"}"#.into();
    assert!(node.swap().look(&node.wanted, START));
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
        assert!(swap.look(&wanted, START), "{broken}");
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
    assert!(node.swap().look(&node.wanted, START));
    fs::remove_file(node.file("f.wasm")).unwrap();
    node.wanted.settings = r#"{"with":"x"}"#.into();
    let mut swap = node.swap();
    assert!(swap.look(&node.wanted, START));
    assert_eq!(
        given(&swap.in_charge("f").unwrap().settings),
        node.wanted.settings
    );
    assert!(swap.refused("f").unwrap().contains("is in none of"));
    // Settings that it refuses do not take its own from it.
    node.wanted.settings = r#"{"wiht":"x"}"#.into();
    let mut swap = node.swap();
    assert!(swap.look(&node.wanted, START));
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
        assert!(!swap.look(&node.wanted, START));
        assert!(swap.in_charge("f").is_none() && swap.refused("f").is_some());
        assert!(node.shows("logsieve_filter_waiting{filter=\"f\"} 1"));
    }
    node.put("f.wasm", &guest("noop"));
    assert!(swap.look(&node.wanted, START));
    assert!(node.shows("logsieve_filter_waiting{filter=\"f\"} 0"));
}

#[test]
fn a_filter_that_is_configured_no_more_is_forgotten() {
    let node = Node::new();
    let mut swap = node.swap();
    node.put("f.wasm", &guest("noop"));
    assert!(swap.look(&node.wanted, START));
    node.put("f.wasm", b"broken");
    assert!(!swap.look(&node.wanted, START));
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
        !node.swap().look(&node.wanted, START),
        "nor is it kept for a restart"
    );
}
