//! Whole traces as the languages print them, between lines that are none of theirs.
//! They need neither Wasm nor the agent.

use logsieve_filter::Stream;
use logsieve_filter::testing::{self, Input, Output, Run};

use crate::{Multiline, Settings};

fn filter(json: &str) -> Multiline {
    Multiline::new(testing::settings(json).unwrap()).unwrap()
}

/// The trace is one record, between two others.
fn is_one(trace: &str) {
    let lines = std::iter::once("before")
        .chain(trace.split('\n'))
        .chain(["after"]);
    let joined = testing::run(filter("{}"), lines);
    assert_eq!(joined, ["before", trace, "after"]);
}

#[test]
fn a_trace_of_java_is_one_record() {
    is_one(
        "Exception in thread \"main\" java.lang.IllegalStateException: no\n\tat c.e.A.b(A.java:1)\n\tat c.e.C.d(C.java:2)\n\tSuppressed: java.io.IOException: x\n\t\tat c.e.F.g(F.java:3)\nCaused by: java.io.IOException: y\n\tat c.e.H.i(H.java:4)\n\t... 12 more",
    );
}

#[test]
fn a_traceback_of_python_is_one_record() {
    is_one(
        "Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\n    f()\nKeyError: 'x'\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"b.py\", line 2, in g\n    h()\n    ~~~^^\nValueError: no such thing",
    );
}

#[test]
fn a_loggers_line_goes_with_its_traceback() {
    is_one(
        "ERROR:root:failed\nTraceback (most recent call last):\n  File \"a.py\", line 1, in f\n    g()\nKeyError: 'x'",
    );
}

#[test]
fn a_panic_of_go_is_one_record() {
    is_one(
        "panic: runtime error: index out of range [5] with length 3\n\ngoroutine 1 [running]:\nmain.f(...)\n\t/src/main.go:8\nmain.main()\n\t/src/main.go:4 +0x1d\nexit status 2",
    );
}

#[test]
fn an_error_of_node_is_one_record() {
    is_one(
        "TypeError: x is not a function\n    at f (/app/a.js:1:2)\n    at async g (/app/b.js:3:4) {\n  code: 'E_X',\n  [cause]: Error: y\n}",
    );
}

#[test]
fn an_exception_of_dotnet_is_one_record() {
    is_one(
        "Unhandled exception. System.InvalidOperationException: no\n ---> System.IO.IOException: y\n   at A.B.C() in /src/a.cs:line 1\n   --- End of inner exception stack trace ---\n   at A.B.D()",
    );
}

#[test]
fn usual_lines_stay_apart() {
    let lines = [
        "a",
        "b: c",
        " indented prose",
        "  key: value",
        "",
        "at noon",
        "}x",
        "panic averted",
        "d",
    ];
    assert_eq!(testing::run(filter("{}"), lines), lines);
}

#[test]
fn an_event_is_joined_whereever_batches_end() {
    let lines = [
        "x",
        "E: no",
        "\tat a.B.c(D.java:1)",
        "\tat a.B.c(D.java:2)",
        "Caused by: y",
        "\t... 1 more",
        "z",
    ];
    let wanted = ["x".to_owned(), lines[1..6].join("\n"), "z".to_owned()];
    for cut in 1..lines.len() {
        for second in cut..=lines.len() {
            let seen = Run::new(filter("{}"))
                .batch(lines[..cut].iter().copied())
                .batch(lines[cut..second].iter().copied())
                .batch(lines[second..].iter().copied())
                .finish();
            assert_eq!(seen.records, wanted, "cut at {cut} and {second}");
        }
    }
}

#[test]
fn what_the_other_output_writes_in_between_stays_out() {
    let err = |text: &str| Input::new(text).stream(Stream::Stderr);
    let lines = || {
        [
            err("E: no"),
            Input::new("GET /"),
            err("\tat a.B.c(D.java:1)"),
            Input::new("GET /b"),
            err("next"),
        ]
    };
    let texts = |records: Vec<Output>| {
        records
            .into_iter()
            .map(|r| String::from_utf8(r.text).unwrap())
            .collect::<Vec<_>>()
    };
    let wanted = ["E: no\n\tat a.B.c(D.java:1)", "GET /", "GET /b", "next"];
    assert_eq!(
        texts(Run::new(filter("{}")).last_batch(lines()).finish().records),
        wanted
    );
    let [a, b, c, d, e] = lines();
    let seen = Run::new(filter("{}"))
        .batch([a, b])
        .batch([c, d])
        .batch([e])
        .finish();
    assert_eq!(texts(seen.records), wanted);
}

#[test]
fn what_ones_own_pattern_begins_goes_on_to_the_next() {
    let settings = r#"{"traces": [], "start": "^\\d{4}-", "separator": " | "}"#;
    let seen = Run::new(filter(settings))
        .batch(["2026-a", "b"])
        .batch(["c", "2026-d", "2026-e"])
        .finish();
    assert_eq!(seen.records, ["2026-a | b | c", "2026-d", "2026-e"]);
    assert_eq!(seen.counters["events"], 1);
}

#[test]
fn an_endless_event_is_cut() {
    let lines = std::iter::once("E").chain(std::iter::repeat_n("\tat x", 9));
    let records = testing::run(filter(r#"{"lines_max": 5}"#), lines);
    assert_eq!(records.len(), 2);
    let long = [
        "E".to_owned(),
        format!("\tat {}", "x".repeat(100)),
        "\tat y".to_owned(),
    ];
    assert_eq!(testing::run(filter(r#"{"bytes_max": 110}"#), long).len(), 2);
}

#[test]
fn settings_that_cannot_be_kept_are_refused() {
    let refused = |json: &str| {
        Multiline::new(testing::settings(json).unwrap())
            .err()
            .unwrap()
    };
    assert!(refused(r#"{"traces": []}"#).contains("nothing would be joined"));
    assert_eq!(
        refused(r#"{"lines_max": 1}"#),
        "`lines_max` is 1, and must be from 2 to 900"
    );
    assert!(refused(r#"{"bytes_max": 0}"#).starts_with("`bytes_max` is 0"));
    assert!(refused(r#"{"start": "("}"#).starts_with("`start`: "));
    assert!(testing::settings::<Settings>(r#"{"traces": ["cobol"]}"#).is_err());
}
