//! Rust files, read by line: header, functions, what is test and what is not.
//!
//! Formatted code is taken for granted. A line inside a raw string that looks like the end of a
//! function is taken for one, and code that is made by a macro is not seen.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold nothing of our own.
const SKIPPED: [&str; 4] = ["target", ".git", "node_modules", "venv"];

/// A file of Rust.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Its path from the repository's root.
    pub name: String,
    pub text: String,
}

/// A function with a body of its own lines.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    /// The line of its `fn`, from 1.
    pub line: usize,
    /// Lines from there to its closing brace.
    pub lines: usize,
}

/// The root of the repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this crate has a folder of its own")
}

/// All Rust below a folder, sorted by name; none where there is no such folder.
pub fn rust_files(folder: &Path) -> Vec<SourceFile> {
    let is_rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("source is UTF-8");
        SourceFile {
            name: name(&path),
            text,
        }
    };
    walk(folder).into_iter().filter(is_rust).map(read).collect()
}

/// All text below a folder, as (name, text).
pub fn text_files(folder: &Path) -> Vec<(String, String)> {
    let read = |path: PathBuf| Some((name(&path), fs::read_to_string(&path).ok()?));
    walk(folder).into_iter().filter_map(read).collect()
}

fn name(path: &Path) -> String {
    path.strip_prefix(repository())
        .unwrap_or(path)
        .to_string_lossy()
        .into_owned()
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if path.is_symlink() || SKIPPED.contains(&name) {
            continue;
        }
        match path.is_dir() {
            true => files.extend(walk(&path)),
            false => files.push(path),
        }
    }
    files
}

impl SourceFile {
    /// How many lines of `//!` it opens with.
    pub fn header_lines(&self) -> usize {
        self.text
            .lines()
            .take_while(|line| line.starts_with("//!"))
            .count()
    }

    /// Whether it is the root of a library.
    pub fn is_library(&self) -> bool {
        self.name.ends_with("/lib.rs")
    }

    /// Whether it holds nothing but the unit tests of its parent.
    pub fn is_unit_tests(&self) -> bool {
        self.name.ends_with("/tests.rs")
    }

    /// Its length up to its unit tests.
    pub fn lines_without_tests(&self) -> usize {
        let lines: Vec<&str> = self.text.lines().collect();
        let opens_tests = |pair: &[&str]| {
            pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{')
        };
        lines
            .windows(2)
            .position(opens_tests)
            .unwrap_or(lines.len())
    }

    /// Its lines of code up to its unit tests, with their numbers from 1; comments left out.
    pub fn code_without_tests(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self
            .text
            .lines()
            .take(self.lines_without_tests())
            .enumerate();
        lines
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
            .map(|(at, line)| (at + 1, line))
    }

    /// Its functions that have a body on lines of its own.
    pub fn functions(&self) -> Vec<Function> {
        let lines: Vec<&str> = self.text.lines().collect();
        let function = |(start, line): (usize, &&str)| {
            let name = function_name(line)?;
            let lines = body_end(&lines[start..])?;
            Some(Function {
                name: name.to_owned(),
                line: start + 1,
                lines,
            })
        };
        lines.iter().enumerate().filter_map(function).collect()
    }
}

/// The name of the function that begins on this line.
fn function_name(line: &str) -> Option<&str> {
    const QUALIFIERS: [&str; 9] = [
        "pub",
        "pub(crate)",
        "pub(super)",
        "async",
        "const",
        "unsafe",
        "extern",
        "\"C\"",
        "default",
    ];
    let mut words = line
        .split_whitespace()
        .skip_while(|word| QUALIFIERS.contains(word));
    let named = words.next() == Some("fn");
    let name = words.next()?.split(['(', '<']).next()?;
    named.then_some(name)
}

/// How many lines a function has that begins on the first of these; none without a body.
fn body_end(lines: &[&str]) -> Option<usize> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let first = lines[0];
    if first.ends_with(';') || first.ends_with('}') {
        return None;
    }
    for (at, line) in lines.iter().enumerate().skip(1) {
        if line.is_empty() || indent(line) != indent(first) {
            continue;
        }
        if line.trim_start().starts_with('}') {
            return Some(at + 1);
        }
        // A signature on several lines that has no body.
        if line.ends_with(';') {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> SourceFile {
        SourceFile {
            name: "host/src/x.rs".into(),
            text: text.into(),
        }
    }

    #[test]
    fn a_function_is_counted_from_its_name_to_its_brace() {
        let body = "    a();\n".repeat(69);
        let text = format!("pub async fn long<T>(\n    a: T,\n)\nwhere\n    T: X,\n{{\n{body}}}\n");
        let expected = Function {
            name: "long".into(),
            line: 1,
            lines: 76,
        };
        assert_eq!(file(&text).functions(), [expected]);
    }

    #[test]
    fn functions_inside_others_and_in_impls_are_seen_and_bodiless_ones_are_not() {
        let text = "impl X {\n    fn a(&self) {\n        fn b() {\n            c()\n        }\n    }\n\
                    \x20   fn short() {}\n}\ntrait Y {\n    fn d(\n        &self,\n    ) -> u8;\n}\n";
        let names: Vec<(String, usize)> = file(text)
            .functions()
            .into_iter()
            .map(|f| (f.name, f.lines))
            .collect();
        assert_eq!(names, [("a".to_owned(), 5), ("b".to_owned(), 3)]);
    }

    #[test]
    fn unit_tests_do_not_count_towards_a_files_length() {
        let text =
            "//! One.\n//! Two.\nfn a() {}\n#[cfg(test)]\nmod tests {\n    use super::*;\n}\n";
        assert_eq!(
            (file(text).lines_without_tests(), file(text).header_lines()),
            (3, 2)
        );
        let apart = file("fn a() {}\n#[cfg(test)]\nmod tests;\n");
        assert_eq!(apart.lines_without_tests(), 3);
    }
}
