//! `logsieve filter new, build, run, test, bench, inspect`: what they show, and what they say when they are
//! handed something that is no filter.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::kit::{done, filter, module, refused, text};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// `logsieve filter run` with this input; what it printed, and what it said beside it.
fn run(guest: &str, arguments: &[&str], input: &[u8]) -> (String, String) {
    let folder = folder();
    let file = folder.path().join("input.log");
    fs::write(&file, input).unwrap();
    let module = module(guest);
    let mut all = vec![
        "run",
        module.to_str().unwrap(),
        "--input",
        file.to_str().unwrap(),
    ];
    all.extend(arguments);
    let output = filter(folder.path(), all);
    (done(&output), text(&output.stderr))
}

#[test]
fn records_are_shown_before_and_after() {
    let input = b"replace b\ndrop\nsame\nadd more\n";
    let (shown, _) = run("guests/every_change", &["--format", "text"], input);
    let lines: Vec<_> = shown.lines().map(str::trim_end).collect();
    let wanted = [
        "- replace b",
        "+ b",
        "  ^",
        "- drop",
        "  same",
        "  add more",
        "+ more",
    ];
    assert_eq!(lines, wanted);
    let (changes, _) = run(
        "guests/every_change",
        &["--format", "text", "--changes-only"],
        input,
    );
    assert!(!changes.contains("same"), "{changes}");
}

#[test]
fn records_are_json_where_nobody_looks() {
    let input = "2026-11-24T08:00:00.5Z stderr F replace ü\n2026-11-24T08:00:01Z stdout F drop\n";
    let (shown, summary) = run("guests/every_change", &[], input.as_bytes());
    let lines: Vec<serde_json::Value> = shown
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let wanted = serde_json::json!([
        { "fate": "changed", "time": "2026-11-24T08:00:00.500000000Z", "stream": "stderr", "before": "replace ü", "text": "ü" },
        { "fate": "dropped", "time": "2026-11-24T08:00:01.000000000Z", "stream": "stdout", "before": "drop" },
    ]);
    assert_eq!(serde_json::Value::from(lines), wanted);
    assert!(
        summary.contains("2 records in, 1 out: 0 passed, 1 changed, 1 dropped, 0 added"),
        "{summary}"
    );
}

#[test]
fn records_that_a_filter_holds_come_out_beside_their_own() {
    let (shown, _) = run(
        "guests/holds_stack_traces",
        &["--format", "text"],
        b"panic\n  at a\nnext\n",
    );
    assert!(shown.contains("next"), "{shown}");
    assert!(
        shown.contains("- panic") && shown.contains("-   at a"),
        "{shown}"
    );
}

#[test]
fn a_filter_is_told_where_records_come_from() {
    let (given, _) = run(
        "guests/tells_origin",
        &["--as", "k8s.pod.name=api-0,k8s.namespace.name=shop"],
        b"all\n",
    );
    assert!(given.contains("api-0") && given.contains("shop"), "{given}");
    // A node's log file tells it by its path.
    let folder = folder();
    let container = folder.path().join("shop_api-0_0f1c/app");
    fs::create_dir_all(&container).unwrap();
    let log = container.join("0.log");
    fs::write(&log, "2026-11-24T08:00:00Z stdout F all\n").unwrap();
    let (module, log) = (
        module("guests/tells_origin"),
        log.to_str().unwrap().to_owned(),
    );
    let told = done(&filter(
        folder.path(),
        ["run", module.to_str().unwrap(), "--input", &log],
    ));
    assert!(told.contains("api-0"), "{told}");
}

#[test]
fn a_compressed_log_is_read_as_what_is_in_it() {
    use std::io::Write;
    let folder = folder();
    let file = fs::File::create(folder.path().join("0.log.20261124-080000.gz")).unwrap();
    let mut gz = flate2::write::GzEncoder::new(file, flate2::Compression::default());
    gz.write_all(b"2026-11-24T08:00:00Z stdout F replace b\n")
        .unwrap();
    gz.finish().unwrap();
    let guest = module("guests/every_change");
    let input = ["--input", "0.log.20261124-080000.gz"];
    let arguments = ["run", guest.to_str().unwrap()].into_iter().chain(input);
    let shown = done(&filter(folder.path(), arguments));
    assert!(shown.contains("\"text\":\"b\""), "{shown}");
}

#[test]
fn standard_input_is_read_where_no_file_is_named() {
    use std::io::Write;
    let mut child = Command::new(support::agent::binary());
    child
        .args(["filter", "run"])
        .arg(module("guests/noop"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = child.stderr(Stdio::piped()).spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"one\ntwo without an end")
        .unwrap();
    let shown = done(&child.wait_with_output().unwrap());
    assert!(
        shown.contains("\"one\"") && shown.contains("\"two without an end\""),
        "{shown}"
    );
}

#[test]
fn a_file_of_any_length_passes_whole_and_progress_is_shown() {
    let mut input = Vec::new();
    for n in 0..30_000 {
        input.extend_from_slice(
            format!("line {n} of a file that is longer than a batch\n").as_bytes(),
        );
    }
    // Longer than anything that is read at once.
    input.extend(std::iter::repeat_n(b'x', 700_000));
    input.push(b'\n');
    let (shown, told) = run("guests/noop", &["--progress"], &input);
    assert_eq!(shown.lines().count(), 30_001);
    assert!(shown.lines().last().unwrap().len() > 700_000);
    assert!(
        told.contains(" MB/s") && told.contains("30001 records in, 30001 out"),
        "{told}"
    );
}

#[test]
fn a_filter_that_fails_ends_the_run_with_the_reason() {
    let folder = folder();
    let file = folder.path().join("input.log");
    fs::write(&file, "x\n").unwrap();
    let module = module("guests/loops_forever");
    let error = refused(&filter(
        folder.path(),
        [
            "run",
            module.to_str().unwrap(),
            "--input",
            file.to_str().unwrap(),
        ],
    ));
    assert!(
        error.contains("CPU time") && error.contains("limits.cpu_per_batch"),
        "{error}"
    );
}

#[test]
fn a_new_filter_does_not_overwrite_and_its_name_is_one() {
    let folder = folder();
    done(&filter(folder.path(), ["new", "--lang", "c", "mine"]));
    for file in [
        "filter.c",
        "examples.yaml",
        "README.md",
        ".gitignore",
        "kit/logsieve.h",
        "kit/wit/filter.wit",
    ] {
        assert!(folder.path().join("mine").join(file).is_file(), "{file}");
    }
    let again = refused(&filter(folder.path(), ["new", "--lang", "c", "mine"]));
    assert!(again.contains("`mine` is there already"), "{again}");
    let named = refused(&filter(folder.path(), ["new", "--lang", "c", "Not-One"]));
    assert!(
        named.contains("`Not-One` is no name") && named.contains("hint: "),
        "{named}"
    );
}

#[test]
fn a_module_that_a_compiler_left_is_finished() {
    // The guest is a core module with the contract in it, as Rust's compiler leaves it.
    let folder = folder();
    let (from, to) = (module("guests/noop"), folder.path().join("noop.wasm"));
    let shown = done(&filter(
        folder.path(),
        [
            "build",
            from.to_str().unwrap(),
            "--out",
            "noop.wasm",
            "--compress",
            "gz",
        ],
    ));
    assert!(shown.contains("it fits a ConfigMap"), "{shown}");
    assert!(folder.path().join("noop.wasm.gz").is_file());
    let component = fs::read(&to).unwrap();
    assert_eq!(component[..8], *b"\0asm\x0d\0\x01\0");
    let inspected = done(&filter(folder.path(), ["inspect", "noop.wasm"]));
    for word in [
        "component",
        "logsieve:filter/filter@0.1.0",
        "sha256",
        "the agent takes it",
    ] {
        assert!(inspected.contains(word), "no `{word}` in {inspected}");
    }
}

#[test]
fn examples_are_updated_with_what_came_out() {
    let folder = folder();
    let examples = folder.path().join("examples.yaml");
    let text = "examples:\n  # why\n  - name: magic\n    in: [\"replace gold\"]\n    out: [lead]\n";
    fs::write(&examples, text).unwrap();
    let guest = module("guests/every_change");
    let arguments = [
        "test",
        guest.to_str().unwrap(),
        "--examples",
        "examples.yaml",
    ];
    let failed = filter(folder.path(), arguments);
    assert_eq!(failed.status.code(), Some(1));
    let shown = self::text(&failed.stdout);
    assert!(
        shown.contains("- lead") && shown.contains("+ gold") && shown.contains("^"),
        "{shown}"
    );
    done(&filter(
        folder.path(),
        arguments.into_iter().chain(["--update"]),
    ));
    assert_eq!(
        fs::read_to_string(&examples).unwrap(),
        text.replace("out: [lead]", "out:\n      - \"gold\"")
    );
    done(&filter(folder.path(), arguments));
}

#[test]
fn a_filter_that_is_to_refuse_is_held_to_it() {
    let folder = folder();
    let examples = "examples:\n  - { name: a, in: [x], refused: nothing }\n";
    fs::write(folder.path().join("examples.yaml"), examples).unwrap();
    let guest = module("guests/noop");
    let output = filter(
        folder.path(),
        [
            "test",
            guest.to_str().unwrap(),
            "--examples",
            "examples.yaml",
        ],
    );
    assert!(text(&output.stdout).contains("was to be refused with `nothing`, and was not"));
}

/// The agent's log said of each that the filter failed, and that its batch was tried again.
#[test]
fn a_refusal_that_an_example_expects_is_no_warning() {
    let folder = folder();
    let examples = "examples:\n  - { name: a, in: [x], refused: table of tenants }\n";
    fs::write(folder.path().join("examples.yaml"), examples).unwrap();
    let guest = module("guests/cannot_judge");
    let guest = guest.to_str().unwrap();
    let output = filter(
        folder.path(),
        ["test", guest, "--examples", "examples.yaml"],
    );
    assert!(done(&output).contains("1 passed, 0 failed"));
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn a_bench_tells_what_a_filter_costs_beside_another() {
    let folder = folder();
    let (one, other) = (module("filters/redact"), module("guests/noop"));
    let arguments = [
        "bench",
        one.to_str().unwrap(),
        "--compare",
        other.to_str().unwrap(),
        "--rate",
        "5000",
    ];
    let shown = done(&filter(folder.path(), arguments));
    for word in [
        "CPU a record",
        "fuel a record",
        "MB/s",
        "memory",
        "share of a core at 5,000 records/s",
        "redact takes",
    ] {
        assert!(shown.contains(word), "no `{word}` in {shown}");
    }
    let json = done(&filter(
        folder.path(),
        arguments.into_iter().chain(["--json"]),
    ));
    let figures: Vec<serde_json::Value> = json
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |n: usize, name: &str| figures[n][name].as_f64().unwrap();
    assert!(
        of(0, "fuel_per_record") > of(1, "fuel_per_record"),
        "{json}"
    );
    assert!(
        of(0, "memory_bytes") >= 65_536.0 && of(1, "output_ratio") == 1.0,
        "{json}"
    );
}

#[test]
fn fuel_is_the_same_in_every_run() {
    let fuel = || {
        let output = filter(
            Path::new("."),
            ["bench", module("guests/noop").to_str().unwrap(), "--json"],
        );
        let figures: serde_json::Value = serde_json::from_str(&done(&output)).unwrap();
        figures["fuel_per_record"].as_f64().unwrap()
    };
    assert_eq!(fuel(), fuel());
}
