//! Who may import whom in `host/src`, and whether anybody imports in a circle.
//!
//! It sees `crate::...` and chains of `super::` in `use` and in paths, outside unit tests. It does
//! not see what a re-export or a macro brings in. Circles are looked for among the top modules and
//! among the files of each folder; a file and the folder below it are one thing there, since a
//! parent names its children and they name it.

use std::collections::{BTreeMap, BTreeSet};

use super::source::SourceFile;

/// What a record passes, in order.
const STAGES: [&str; 5] = ["source", "enrich", "route", "filter", "sink"];

/// Importer -> imported. `stages` stands for all of [`STAGES`]. The twin of the table in the
/// project's style guide; a module that is not named may import nothing.
const ARROWS: [(&str, &[&str]); 10] = [
    ("main", &["cli"]),
    (
        "cli",
        // `check` and `filter test` show what stages would do: routes, names at sinks, times.
        &[
            "config",
            "agent",
            "filter",
            "source",
            "route",
            "sink",
            "record",
            "clock",
            "telemetry",
        ],
    ),
    (
        "agent",
        &[
            "config",
            "lane",
            "stages",
            "checkpoint",
            "record",
            "clock",
            "telemetry",
        ],
    ),
    // A lane keeps its files' watermarks, and posts them for whoever saves.
    (
        "lane",
        &[
            "stages",
            "checkpoint",
            "record",
            "clock",
            "telemetry::metrics",
        ],
    ),
    ("config", &["stages", "checkpoint", "telemetry", "record"]),
    ("stages", &["record", "telemetry::metrics", "clock"]),
    ("checkpoint", &["record", "telemetry::metrics", "clock"]),
    ("telemetry", &["record"]),
    ("record", &[]),
    // The map in `lib.rs` declares modules and imports none.
    ("lib", &[]),
];

/// Imports that no arrow allows, as `file:line: ...`.
pub fn violations(files: &[SourceFile]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        let importer = module_of(&file.name);
        for (line, imported) in imports(file) {
            if !is_allowed(&importer, &imported) {
                let (from, to) = (importer.join("::"), imported.join("::"));
                found.push(format!(
                    "{}:{line}: no arrow leads from `{from}` to `{to}`",
                    file.name
                ));
            }
        }
    }
    found
}

fn is_allowed(importer: &[String], imported: &[String]) -> bool {
    let (Some(from), Some(to)) = (importer.first(), imported.first()) else {
        return true;
    };
    if from == to {
        return true;
    }
    let says = |name: &str, path: &[String]| match name {
        "stages" => STAGES.contains(&path[0].as_str()),
        name => path.join("::") == name || path.join("::").starts_with(&format!("{name}::")),
    };
    let arrows = ARROWS.iter().filter(|(name, _)| says(name, importer));
    arrows
        .flat_map(|(_, to)| to.iter())
        .any(|name| says(name, imported))
}

/// Circles of imports among neighbours: top modules, and files of one folder.
pub fn cycles(files: &[SourceFile]) -> Vec<String> {
    // For each parent module, which of its children import which.
    let mut graphs: BTreeMap<Vec<String>, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for file in files {
        let importer = module_of(&file.name);
        for (_, imported) in imports(file) {
            let shared = importer
                .iter()
                .zip(&imported)
                .take_while(|(a, b)| a == b)
                .count();
            let (Some(from), Some(to)) = (importer.get(shared), imported.get(shared)) else {
                continue;
            };
            let graph = graphs.entry(importer[..shared].to_vec()).or_default();
            graph.entry(from.clone()).or_default().insert(to.clone());
        }
    }
    let circles = |(parent, graph): (&Vec<String>, &BTreeMap<String, BTreeSet<String>>)| {
        let parent = if parent.is_empty() {
            "the top".to_owned()
        } else {
            parent.join("::")
        };
        let tell = move |circle: Vec<String>| format!("in {parent}: {}", circle.join(" -> "));
        circle(graph).map(tell)
    };
    graphs.iter().filter_map(circles).collect()
}

/// One circle of a graph, first and last the same; none where there is none.
fn circle(graph: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    fn visit<'g>(
        graph: &'g BTreeMap<String, BTreeSet<String>>,
        at: &'g str,
        path: &mut Vec<&'g str>,
        done: &mut BTreeSet<&'g str>,
    ) -> Option<Vec<String>> {
        if let Some(from) = path.iter().position(|node| *node == at) {
            return Some(
                path[from..]
                    .iter()
                    .chain([&at])
                    .map(|node| (*node).to_owned())
                    .collect(),
            );
        }
        if !done.insert(at) {
            return None;
        }
        path.push(at);
        let found = graph
            .get(at)
            .into_iter()
            .flatten()
            .find_map(|to| visit(graph, to, path, done));
        path.pop();
        found
    }
    let mut done = BTreeSet::new();
    graph
        .keys()
        .find_map(|node| visit(graph, node, &mut Vec::new(), &mut done))
}

/// The module of a file: `host/src/sink/stdout.rs` is `sink::stdout`.
fn module_of(name: &str) -> Vec<String> {
    let path = name.trim_start_matches("host/src/").trim_end_matches(".rs");
    path.split('/').map(str::to_owned).collect()
}

/// What a file imports, outside its tests: the line, and the path from the crate's root.
fn imports(file: &SourceFile) -> Vec<(usize, Vec<String>)> {
    let module = module_of(&file.name);
    if module.last().is_some_and(|name| name == "tests") {
        return Vec::new();
    }
    let mut found = Vec::new();
    // The inline module, if any, that the line is in: `super` means this file there.
    let mut inline = None;
    let mut lines = file.code_without_tests();
    while let Some((number, line)) = lines.next() {
        match line.trim_end_matches(" {").rsplit_once("mod ") {
            Some((before, name)) if line.ends_with('{') && !before.starts_with(' ') => {
                inline = Some(name.to_owned());
            }
            _ if line == "}" => inline = None,
            _ => {}
        }
        let module: Vec<String> = module.iter().cloned().chain(inline.clone()).collect();
        let mut statement = line.to_owned();
        // A `use` may go over lines; any other path does not.
        while statement.trim_start().starts_with("use ")
            || statement.trim_start().starts_with("pub use ")
        {
            if statement.contains(';') {
                break;
            }
            let Some((_, more)) = lines.next() else { break };
            statement.push_str(more.trim());
        }
        let paths = paths(&statement).into_iter();
        found.extend(paths.filter_map(|path| Some((number, resolve(&module, path)?))));
    }
    found
}

/// The paths in a piece of code that start with `crate`, `super` or the crate's own name, with
/// braces multiplied out.
fn paths(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for root in ["crate::", "super::", "logsieve::"] {
        for (at, _) in code.match_indices(root) {
            let before = code[..at].chars().next_back();
            // The rest of a longer path or name: it was seen from its beginning.
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':' || c == '"') {
                continue;
            }
            found.extend(multiply_out(&code[at..]));
        }
    }
    found
}

/// `a::{b, c::d}` is `a::b` and `a::c::d`.
fn multiply_out(code: &str) -> Vec<Vec<String>> {
    let end = code
        .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
        .unwrap_or(code.len());
    let path: Vec<String> = code[..end]
        .split("::")
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect();
    let Some(inner) = code[end..]
        .strip_prefix('{')
        .filter(|_| code[..end].ends_with("::"))
    else {
        return vec![path];
    };
    let mut depth = 0;
    let mut part = String::new();
    let mut parts = Vec::new();
    for c in inner.chars() {
        match c {
            '}' if depth == 0 => break,
            ',' if depth == 0 => parts.push(std::mem::take(&mut part)),
            ' ' if part.is_empty() => {}
            _ => {
                depth += i32::from(c == '{') - i32::from(c == '}');
                part.push(c);
            }
        }
    }
    parts.push(part);
    let with_path = |rest: Vec<String>| path.iter().cloned().chain(rest).collect();
    parts
        .iter()
        .filter(|part| !part.is_empty())
        .flat_map(|part| multiply_out(part))
        .map(with_path)
        .collect()
}

/// A path from the crate's root. Of it the parts that are modules matter; the last may be an item.
fn resolve(module: &[String], path: Vec<String>) -> Option<Vec<String>> {
    let supers = path.iter().take_while(|part| *part == "super").count();
    let rest = path[supers.max(1)..]
        .iter()
        .filter(|part| *part != "self")
        .cloned();
    match supers {
        0 => Some(rest.collect()),
        _ => Some(
            module[..module.len().checked_sub(supers)?]
                .iter()
                .cloned()
                .chain(rest)
                .collect(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> SourceFile {
        SourceFile {
            name: format!("host/src/{name}"),
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_stage_may_not_import_another() {
        let found = violations(&[file("filter/chain.rs", "\nuse crate::sink::Request;\n")]);
        let expected =
            "host/src/filter/chain.rs:2: no arrow leads from `filter::chain` to `sink::Request`";
        assert_eq!(found, [expected]);
    }

    #[test]
    fn what_the_table_allows_is_allowed() {
        let fine = [
            file("main.rs", "fn main() { logsieve::cli::run() }"),
            file(
                "lane.rs",
                "use crate::{record, sink::{self, Request}};\nuse crate::telemetry::metrics::M;",
            ),
            file(
                "sink/cloudwatch/pack.rs",
                "use super::super::Delivery;\nuse super::body::Body;",
            ),
            file(
                "filter.rs",
                "mod chain;\n#[cfg(test)]\nmod tests {\n    use crate::sink;\n}\n",
            ),
            file("route.rs", "// crate::sink is not imported here\n"),
            file(
                "source.rs",
                "pub mod bindings {\n    use super::files::Files;\n}\nuse self::a;\n",
            ),
        ];
        assert_eq!(violations(&fine), Vec::<String>::new());
    }

    #[test]
    fn imports_are_found_in_braces_over_lines_and_in_paths() {
        let found = violations(&[
            file(
                "sink.rs",
                "use crate::{\n    clock::Now,\n    route::{self, Table},\n};\n",
            ),
            file("record.rs", "fn a() -> crate::clock::Now { b() }"),
            file("enrich/pods.rs", "use super::super::lane::Lane;"),
            file("lane.rs", "use crate::telemetry::logs;"),
        ]);
        let told: Vec<&str> = found
            .iter()
            .map(|line| line.split(" from ").nth(1).unwrap())
            .collect();
        let expected = [
            "`sink` to `route`",
            "`sink` to `route::Table`",
            "`record` to `clock::Now`",
            "`enrich::pods` to `lane::Lane`",
            "`lane` to `telemetry::logs`",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_circle_is_found_among_top_modules_and_within_a_folder() {
        let found = cycles(&[
            file("agent.rs", "use crate::lane::Lane;"),
            file("lane.rs", "use crate::sink::Sink;"),
            file(
                "sink/stdout.rs",
                "use crate::agent::Agent;\nuse super::escape::a;",
            ),
            file("sink/escape.rs", "use crate::sink::stdout::b;"),
        ]);
        assert_eq!(
            found,
            [
                "in the top: agent -> lane -> sink -> agent",
                "in sink: escape -> stdout -> escape"
            ]
        );
    }

    #[test]
    fn a_parent_and_its_children_are_no_circle() {
        let found = cycles(&[
            file(
                "sink.rs",
                "use stdout::Stdout;\nuse crate::sink::stdout::b;",
            ),
            file(
                "sink/stdout.rs",
                "use super::Request;\nuse crate::sink::Config;",
            ),
        ]);
        assert_eq!(found, Vec::<String>::new());
    }
}
