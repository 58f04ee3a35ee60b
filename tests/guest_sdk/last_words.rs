//! What an author is told of a filter that ends in the middle of a batch, in the languages whose own way to say so
//! would be standard output or nothing: the agent's log has it, and what was printed.

use std::fs;

use crate::kit::{done, filter, has, text};

/// A new filter with `mistake` in place of `line` says `words` when it comes to a record that holds `boom`.
fn says(language: &str, source: &str, (line, mistake): (&str, &str), said: &[&str]) {
    if !has(language) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    done(&filter(folder.path(), ["new", "--lang", language, "ends"]));
    let source = folder.path().join("ends").join(source);
    let code = fs::read_to_string(&source).unwrap();
    assert!(code.contains(line), "{code}");
    fs::write(&source, code.replacen(line, mistake, 1)).unwrap();
    done(&filter(folder.path(), ["build", "ends"]));
    fs::write(folder.path().join("input.log"), "fine\nboom\n").unwrap();
    let run = filter(folder.path(), ["run", "ends", "--input", "input.log"]);
    let error = text(&run.stderr);
    assert_eq!(run.status.code(), Some(1), "{error}");
    for words in said {
        assert!(error.contains(words), "no `{words}` in {error}");
    }
}

#[test]
fn a_filter_in_c_that_names_no_record_of_its_batch_says_so() {
    let line = "    if (is_dropped(ls_record(batch, at)))";
    let more =
        "    if (ls_find(ls_record(batch, at), ls_str(\"boom\")) >= 0) ls_time(batch, 99);\n";
    let mistake = format!("{more}{line}");
    let words = "ERROR the filter names a record that is not in the batch";
    says("c", "filter.c", (line, &mistake), &[words]);
}

/// It said `"%s"` in place of what was thrown.
#[test]
fn a_filter_in_cpp_that_throws_says_what() {
    let line = "void record(Record record) {";
    let mistake = format!("{line} if (record.text() == \"boom\") drop_.at(9);");
    let words = "ERROR out_of_range was thrown in -fno-exceptions mode with message \"vector\"";
    says("cpp", "filter.cpp", (line, &mistake), &[words]);
}

/// It could not be built: Zig's own panic asked for what no filter has.
#[test]
fn a_filter_in_zig_that_panics_says_why() {
    let line = "pub fn record(it: Record) void {";
    let mistake = format!("{line} if (std.mem.eql(u8, it.text(), \"boom\")) @panic(\"why\");");
    says("zig", "filter.zig", (line, &mistake), &["ERROR why"]);
}

/// As the panic did, for want of functions of WASI that it is linked with and never calls.
#[test]
fn what_a_filter_in_zig_prints_is_told() {
    let line = "pub fn record(it: Record) void {";
    let mistake = format!(
        "{line} std.debug.print(\"sees {{s}}\\n\", .{{it.text()}}); \
         if (std.mem.eql(u8, it.text(), \"boom\")) @panic(\"why\");"
    );
    says("zig", "filter.zig", (line, &mistake), &["sees fine"]);
}

/// Python's own traceback trapped: it reads the lines of source files, of which a filter has none. So did `print`.
#[test]
fn a_filter_in_python_that_raises_says_what_and_where_and_may_print() {
    let line = "    text = record.text";
    let prints = "    print(\"sees\", text)";
    let mistake = format!("{line}\n{prints}\n    if text == b\"boom\": {{}}[\"x\"]");
    let error = "ERROR KeyError: 'x' (filter.py:24 in record";
    let said = ["INFO sees b'fine'", error];
    says("python", "filter.py", (line, &mistake), &said);
}

#[test]
fn a_filter_in_javascript_that_throws_says_what_and_where_and_may_print() {
    let line = "  const text = record.text;";
    let prints = "console.log(\"sees\", text);";
    let mistake = format!("{line} {prints} if (text === \"boom\") null.x;");
    let error = "ERROR TypeError: cannot read property 'x' of null\\n    at record (/filter.js:14:";
    says(
        "js",
        "filter.js",
        (line, &mistake),
        &["INFO sees fine", error],
    );
}

#[test]
fn a_filter_in_typescript_may_print() {
    let line = "  const text = record.text;";
    let mistake =
        format!("{line} console.log(\"sees\", text); if (text === \"boom\") throw 'why';");
    let said = ["INFO sees fine", "it could not judge the batch: why"];
    says("ts", "filter.ts", (line, &mistake), &said);
}

#[test]
fn a_filter_in_assemblyscript_that_throws_says_what_and_where() {
    let line = "  const text = record.text;";
    let mistake = format!("{line} if (text == Text.of(\"boom\")) throw new Error(\"why\");");
    let (source, words) = ("assembly/filter.ts", "ERROR why (assembly/filter.ts:14:");
    says("assemblyscript", source, (line, &mistake), &[words]);
}
